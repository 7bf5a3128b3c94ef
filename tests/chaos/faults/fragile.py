"""The whole system with lines that can be hurt, a database on a small disk, and the sender as a process of its own."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local import processes, stack
from deploy.local.stack import Stack
from tests.chaos.faults.engines import CannotMount, Engine, Postgres, at_port, small_disk
from tests.chaos.faults.proxy import Proxy

DISK = 400
"""Megabytes; most of it is ballast when the disk is to be full."""
NOT_SENDER = "web,relay,consumers,timers,bounces"
BESIDE = 2
"""The instance that a test starts beside the first."""


@dataclass
class Fragile(Stack):
    """Mail goes through ``mail_line``, to whichever server a test leads it."""

    mail_line: Proxy = field(kw_only=True)
    disk: Path | None = None
    no_disk: str = ""
    """Why there is no small disk."""

    def start_service(self, name: str, instance: int = 1) -> subprocess.Popen[bytes]:
        if name != "notifications":
            return super().start_service(name, instance)
        self.start_sender()
        return self._start(name, name, NOT_SENDER, self.environment(name))

    def start_sender(self) -> None:
        environment = self.environment("notifications") | {"HEALTH_PORT": "0", "SMTP_PORT": str(self.mail_line.port)}
        self._start("sender", "notifications", "sender", environment)

    def end_sender(self, how: signal.Signals) -> None:
        Engine(self.folder, "sender").end(how)

    @contextmanager
    def web_behind(self, line: Proxy, service: str) -> Iterator[str]:
        """One more instance of a service's web, which reaches its database over this line; the URL of its own."""
        environment = self.environment(service, BESIDE)
        environment["DATABASE_URL"] = at_port(environment["DATABASE_URL"], line.port)
        process = self._start(stack.nth(service, BESIDE), service, "web", environment)
        self.wait_until_ready(service, process, BESIDE)
        yield f"http://{stack.address(BESIDE)}:{self.ports[service]}"
        processes.stop(self.pids, stack.nth(service, BESIDE))

    @property
    def database(self) -> Postgres:
        return Postgres(self.folder, port=self.ports["PostgreSQL"])

    def _start(self, name: str, service: str, roles: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", service, "serve", "--roles", roles]
        log = self.logs / f"{name}.log"
        return processes.start(name, command, pids=self.pids, log=log, env=environment)


@contextmanager
def fragile_stack(folder: Path) -> Iterator[Fragile]:
    """Running; where no small disk can be had, on an ordinary one."""
    with ExitStack() as held:
        line = held.enter_context(Proxy(0))
        here = Fragile(
            folder,
            stack.free_ports(),
            extra_environment={"RATE_LIMITS": "false", "CONSUMER_SESSION_SECONDS": "6"},
            mail_line=line,
        )
        try:
            here.disk = held.enter_context(small_disk(folder / "postgres", DISK))
        except CannotMount as why:
            here.no_disk = str(why)
        here.start()
        held.callback(here.stop)
        yield here
