"""What this service is told by its environment."""

from pathlib import Path
from typing import Literal, Self

from common import mail
from common.settings import ServiceSettings
from pydantic import SecretStr, model_validator

DEVELOPMENT_SECRET = "for development only"  # noqa: S105 - refused in production


class Settings(ServiceSettings):
    """Environment names are the field names in capitals, such as SMTP_HOST."""

    smtp_host: str = "127.0.0.1"
    smtp_port: int = 8025
    smtp_tls: Literal["never", "offered", "required"] = "offered"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_hello: str = "localhost"
    """How we introduce ourselves; in production a name that resolves to our address."""
    smtp_connections: tuple[int, int, int] = (8, 4, 8)
    """Connections per lane: security, transactional, bulk. One carries 50 to 100 messages a second."""
    mail_from: str = "Network <network@example.org>"
    """A neutral sender: no word that tells somebody reading over a shoulder."""
    bounce_domain: str = "bounce.example.org"
    """A subdomain of the sender's, so that SPF aligns (relaxed)."""
    bounce_port: int = 8026
    """Where role ``bounces`` listens for delivery reports."""
    notifications_private_key_file: Path = Path(".local/keys/notifications.key")
    notifications_secret: SecretStr = SecretStr(DEVELOPMENT_SECRET)
    """The root of the keys for unsubscribe links, bounce addresses and the hashes of suppressed addresses."""
    dkim_key_file: Path | None = None
    dkim_selector: str = "mail"

    @property
    def sender_address(self) -> str:
        return mail.split_mailbox(self.mail_from)[1]

    @property
    def sender_domain(self) -> str:
        return self.sender_address.rpartition("@")[2]

    @model_validator(mode="after")
    def _refuse_what_is_for_development(self) -> Self:
        mail.split_mailbox(self.mail_from)
        if self.production and self.notifications_secret.get_secret_value() == DEVELOPMENT_SECRET:
            raise ValueError("NOTIFICATIONS_SECRET has to be set in production")
        if self.production and self.smtp_tls == "offered" and self.smtp_user:
            raise ValueError("SMTP_TLS=required is needed to sign in at the mail server")
        return self
