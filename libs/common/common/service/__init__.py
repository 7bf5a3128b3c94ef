"""One shape for every service: the roles web, relay, consumers and timers, in one process or in one each."""

from common.service.cli import cli
from common.service.shape import Runtime, Service

__all__ = ["Runtime", "Service", "cli"]
