"""What the hub is told by its environment: nothing beyond what every service is told."""

from common.settings import ServiceSettings


class HubSettings(ServiceSettings):
    """DATABASE_URL, KAFKA_BOOTSTRAP_SERVERS, PUBLIC_URL and so on; see common.settings."""
