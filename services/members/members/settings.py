"""What the members service is told by its environment beyond what every service is told."""

from pathlib import Path

from common.settings import ServiceSettings
from pydantic import Field


class Settings(ServiceSettings):
    members_vault_url: str = ""
    """The database of the keys: another one than DATABASE_URL, with backups of 7 days."""
    members_vault_migration_url: str = Field(default="", repr=False)
    """For `migrate-keys` alone: the vault by the role that owns it. Empty: the role of MEMBERS_VAULT_URL owns it."""
    members_signing_key_file: Path = Path(".local/keys/members-signing.key")
    """Ed25519 private key of the access tokens, base64url."""
    notifications_public_key_file: Path = Path(".local/keys/notifications.pub")
    """Letters and contacts are sealed to it."""
    rate_limits: bool = True
    """Off for seeds and load tests only."""
    security_contact: str = "mailto:security@example.org"
    """Where people report weaknesses (RFC 9116)."""
