"""A PostgreSQL and a Kafka that may be hurt: nobody else uses them."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from deploy.local import broker, ports, postgres, processes

MEGABYTE, PAGE = 1_048_576, 4096
ENDS_WITHIN = 30.0


@dataclass
class Engine:
    """One engine of a folder, known by its pid file there."""

    folder: Path
    name: str

    @property
    def pids(self) -> Path:
        return self.folder / "pids"

    @property
    def log(self) -> Path:
        return self.folder / "logs" / f"{self.name}.log"

    def end(self, how: signal.Signals) -> None:
        """Send the signal and wait until it has ended."""
        mark = processes.read(self.pids / f"{self.name}.pid")
        assert mark is not None, f"{self.name} does not run"
        if process := mark.process():
            processes.send(process, how)
            process.wait(ENDS_WITHIN)
        processes.stop(self.pids, self.name)  # nothing is left to stop: it forgets the child


@dataclass
class Postgres(Engine):
    """Durable, unlike the one tests share: what it has acknowledged must outlive an immediate stop."""

    name: str = "postgres"
    port: int = field(default_factory=ports.any_free)

    def start(self) -> str:
        """Its administrator's URL."""
        return postgres.start(self.folder / "postgres", pids=self.pids, log=self.log, port=self.port)

    def start_if_it_gave_up(self) -> None:
        """Without space for its log it ends, and nobody but whoever watches over it can start it again."""
        if self.name not in processes.living(self.pids):
            self.start()

    def stop_immediately(self) -> None:
        """As ``pg_ctl stop -m immediate``: no session ends in order, nothing is flushed; recovery follows."""
        self.end(signal.SIGQUIT)

    def clean_up(self) -> None:
        processes.stop(self.pids, self.name)
        postgres.clean_up(self.folder / "postgres")


@dataclass
class Kafka(Engine):
    """With two doors: one direct, one that says it lives at the address of a proxy (clients go where Kafka says)."""

    name: str = "kafka"
    port: int = field(default_factory=ports.any_free)
    controller_port: int = field(default_factory=ports.any_free)
    proxied_port: int = field(default_factory=ports.any_free)
    """Where a proxy should lead to; it is a door of Kafka's own as well, but nobody is sent there."""
    proxy_port: int = field(default_factory=ports.any_free)

    @property
    def bootstrap(self) -> str:
        return f"{ports.LOOPBACK}:{self.port}"

    @property
    def bootstrap_by_proxy(self) -> str:
        return f"{ports.LOOPBACK}:{self.proxy_port}"

    def start(self) -> str:
        return broker.start(
            self.folder / "kafka",
            pids=self.pids,
            log=self.log,
            port=self.port,
            controller_port=self.controller_port,
            more=self._second_door(),
        )

    def wipe(self) -> None:
        """Everything it held is gone, as if a new cluster had been put in its place."""
        self.end(signal.SIGKILL)
        shutil.rmtree(self.folder / "kafka" / "data")

    def clean_up(self) -> None:
        processes.stop(self.pids, self.name)

    def _second_door(self) -> str:
        here = ports.LOOPBACK
        return f"""
listeners=PLAINTEXT://{here}:{self.port},PROXIED://{here}:{self.proxied_port},CONTROLLER://{here}:{self.controller_port}
advertised.listeners=PLAINTEXT://{here}:{self.port},PROXIED://{here}:{self.proxy_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
# Tests shorten a consumer's session below the default's floor of 6 s.
group.min.session.timeout.ms=2000
"""


def at_port(url: str, port: int) -> str:
    """The same URL at another port of this machine."""
    parts = urlsplit(url)
    user, _, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}@{ports.LOOPBACK}:{port}"))


class CannotMount(Exception):
    """This machine lets us make no small disk; the message says why."""


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of that size at ``folder``, gone afterwards. Raises CannotMount where we may not."""
    if not processes.is_root():
        raise CannotMount("only root may mount a small disk")
    folder.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        raise CannotMount(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """The disk is full until the block ends, whoever else is writing to it meanwhile."""
    ballast = disk / "ballast"
    for piece in (bytes(MEGABYTE), bytes(PAGE)):
        with suppress(OSError), ballast.open("ab", buffering=0) as file:
            while file.write(piece) == len(piece):
                pass
    try:
        yield
    finally:
        ballast.unlink()
