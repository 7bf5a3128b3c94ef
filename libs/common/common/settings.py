"""What a process is told by its environment. Each service subclasses this in its own settings.py."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from common import bus

SECRETS = Path("/run/secrets")


class ServiceSettings(BaseSettings):
    """Environment names are the field names in capitals, such as DATABASE_URL.

    Containers get what is secret by file instead: the file /run/secrets/database_url says what DATABASE_URL would, and
    nothing shows it when the container is inspected. Where both are given the environment wins.
    """

    model_config = SettingsConfigDict(
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        secrets_dir=SECRETS if SECRETS.is_dir() else None,
    )

    environment: Literal["development", "production"] = "development"
    """In production what is for development only is refused, and an unsafe Kafka is not published to."""
    database_url: str = ""
    """PostgreSQL 18, a database of this service's own, and a role that owns nothing in it."""
    migration_database_url: str = Field(default="", repr=False)
    """For `migrate` alone: the same database by the role that owns it. Empty: the role of DATABASE_URL owns it."""
    database_pool_size: int = 10
    """Connections per process."""
    kafka_bootstrap_servers: str = "localhost:9092"
    """Kafka 4.1 or later; several with commas between them."""
    kafka_security_protocol: bus.Protocol = "PLAINTEXT"
    """SASL_SSL wherever Kafka is not on a network of our own; PLAINTEXT asks nobody who he is."""
    kafka_sasl_mechanism: bus.Mechanism = "SCRAM-SHA-512"
    """How we log in with the SASL protocols."""
    kafka_username: str = ""
    """This service's own: its rights are those of the table of topics."""
    kafka_password: str = Field(default="", repr=False)
    """By file, as everything secret."""
    kafka_ca_file: Path | None = None
    """PEM of the authority that signed the brokers' certificates; empty: the authorities that the system trusts."""
    public_url: str = "http://localhost:8000"
    """The address of the front door, as it stands in links."""
    web_host: str = "127.0.0.1"
    """Where web and health listen; 0.0.0.0 in the images."""
    web_port: int = 8000
    """8080 in the images."""
    health_port: int = 0
    """/livez, /readyz, /metrics. 0 takes any free port; 9090 in the images."""
    trusted_proxies: str = "127.0.0.0/8,::1"
    """Addresses and networks of front doors, with commas between them: they are believed about who calls
    (X-Forwarded-For), which limits are counted by. In the images: all private networks."""
    drain_seconds: float = 2.0
    """How long web goes on answering after SIGTERM, until every front door has heard that it ends."""
    topic_prefix: str = ""
    """Stands before every topic and consumer group, so that tests can share one Kafka."""
    topic_partitions_cap: int | None = None
    """At most so many partitions per topic (development: 4). Part of the topics' contract: never changed later."""
    clock_offset_file: Path | None = None
    """Seconds by which the clock of the system is moved (development)."""
    assume_kafka_settings: bool = False
    """Kafka does not let us read its settings, and somebody else vouches for them."""
    consumer_session_seconds: float = 15.0
    """How long after a consumer's sudden death Kafka gives its partitions to others."""
    relay_session_seconds: float = 30.0
    """How long a relay may be silent, as when its process hangs, before PostgreSQL lets another one publish."""
    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        if self.kafka_login.named and not (self.kafka_username and self.kafka_password):
            raise ValueError(f"KAFKA_SECURITY_PROTOCOL {self.kafka_security_protocol} needs a user name and a password")
        return self

    @property
    def kafka_login(self) -> bus.Login:
        return bus.Login(
            self.kafka_security_protocol,
            self.kafka_sasl_mechanism,
            self.kafka_username,
            self.kafka_password,
            self.kafka_ca_file,
        )

    @property
    def production(self) -> bool:
        return self.environment == "production"
