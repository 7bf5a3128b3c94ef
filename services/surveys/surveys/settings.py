"""What surveys is told by its environment, beyond what every service is told."""

from functools import cache
from pathlib import Path

from common.settings import ServiceSettings


class SurveysSettings(ServiceSettings):
    notifications_public_key_file: Path = Path(".local/keys/notifications.pub")
    """Campaign keys are sealed to it."""


@cache
def settings() -> SurveysSettings:
    return SurveysSettings()
