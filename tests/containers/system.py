"""The whole system in containers of one network, each of which a test may stop, double or replace."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from docker.errors import APIError
from docker.models.containers import Container
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from deploy.compose import secret_files
from tests.containers import composed

SERVICES = ("members", "hub", "surveys", "notifications")
PATIENCE = 300.0
"""Seconds; a wait ends as soon as what is waited for is there."""


PARTITIONS = """
from common.bus import topic_name
from common.bus.administration import administration
from common.service.commandline import configured, run
from {service}.app import service

async def count(kafka, topics):
    async with administration(kafka) as admin:
        return sum(len(topic["partitions"]) for topic in await admin.describe_topics(topics))

kafka = configured(service).kafka_bootstrap_servers
print(run(count(kafka, [topic_name(topic) for group in service.consumers for topic in group.topics])))
"""


class JobFailed(Exception):
    """A job ended with another code than 0; its last words."""


def eventually(look: Callable[[], Any], *, within: float = PATIENCE) -> Any:
    """What `look` finds, asked anew until it finds something. Raises TimeoutError."""
    deadline = time.monotonic() + within
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{look} found nothing within {within} s")
        time.sleep(0.2)
    return found


def frozen(container: Container) -> bool:
    """A busy machine does not freeze every process at the first try."""
    with suppress(APIError):
        container.pause()
        return True
    return False


def until_ten_in_the_morning() -> timedelta:
    """Nobody is written to at night: the services' clock begins by day, whenever the tests run."""
    now = datetime.now(UTC)
    return (now.replace(hour=10, minute=0) - now) % timedelta(days=1)


@dataclass
class System:
    """Every container by its name; `stop` leaves nothing behind."""

    folder: Path
    network: Network = field(default_factory=Network)
    running: dict[str, DockerContainer] = field(default_factory=dict)
    doors: ExitStack = field(default_factory=ExitStack)
    """Whatever is closed at the end, such as the browsers of people."""
    shown: list[tuple[str, str]] = field(default_factory=list)
    """What an inspection and the log of each container showed when it went."""

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    @property
    def clock(self) -> Path:
        return self.folder / "clock-offset"

    def prepare(self) -> None:
        secret_files.make(self.secrets)
        self.clock.write_text(str(until_ten_in_the_morning().total_seconds()))
        self.clock.chmod(0o644)
        self.network.create()

    def now(self) -> datetime:
        """By the clock of the services."""
        return datetime.now(UTC) + timedelta(seconds=float(self.clock.read_text()))

    def move_clock(self, step: timedelta) -> None:
        """In place: the file itself is what the containers see."""
        self.clock.write_text(str(float(self.clock.read_text()) + step.total_seconds()))

    def start(
        self,
        name: str,
        *,
        called: str = "",
        image: str = "",
        secrets: Mapping[str, Path] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> DockerContainer:
        """One container of the compose file; ``called`` tells a second one of a kind apart, here and on the network."""
        clock = {"CLOCK_OFFSET_FILE": "/run/clock-offset"} if name in SERVICES else {}
        told = composed.Changes(
            called=called, image=image, secrets=secrets or {}, environment={**clock, **(environment or {})}
        )
        made = composed.container(name, self.network, self.secrets, told)
        if name in SERVICES:
            made.with_volume_mapping(str(self.clock), "/run/clock-offset", "ro")
        if name == "front-door":
            made.with_exposed_ports(8000)
        self.running[called or name] = made
        return made.start()

    def replace(self, name: str, *, image: str = "") -> None:
        """By another image, or by the one that the compose file names."""
        self.stop(name)
        self.start(name, image=image)
        self.wait_until_healthy(name)

    def run_job(self, name: str, *, tries: int = 1, image: str = "", secrets: Mapping[str, Path] | None = None) -> None:
        """Run it to its end, and anew where it fails, as compose does. Raises JobFailed."""
        called = f"{name}-{time.monotonic_ns()}"
        job = self.start(name, called=called, image=image, secrets=secrets).get_wrapped_container()
        if code := job.wait(timeout=PATIENCE)["StatusCode"]:
            if tries == 1:
                raise JobFailed(f"{name} ended with {code}:\n{self.logs(called)[-2000:]}")
            self.run_job(name, tries=tries - 1, image=image, secrets=secrets)

    def run_jobs(self, *names: str, tries: int = 1) -> None:
        """Three at a time."""
        with ThreadPoolExecutor(3) as together:
            list(together.map(lambda name: self.run_job(name, tries=tries), names))

    def wait_until_healthy(self, *names: str) -> None:
        for name in names:
            eventually(lambda name=name: self.inspect(name)["State"]["Health"]["Status"] == "healthy")

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """Frozen: it keeps its connections and answers nothing."""
        container = self.running[name].get_wrapped_container()
        eventually(lambda: frozen(container))
        try:
            yield
        finally:
            container.unpause()

    def stop(self, *names: str) -> None:
        for name in names:
            if self.running[name].get_wrapped_container():  # or its start was interrupted
                self.shown.append((name, self.show(name)))
            self.running.pop(name).stop()

    def stop_everything(self) -> None:
        self.doors.close()
        with ThreadPoolExecutor(8) as together:
            list(together.map(self.stop, list(self.running)))
        with suppress(Exception):
            self.network.remove()

    def inspect(self, name: str) -> dict[str, Any]:
        container = self.running[name].get_wrapped_container()
        container.reload()
        return dict(container.attrs)

    def logs(self, name: str) -> str:
        out, err = self.running[name].get_logs()
        return (out + err).decode(errors="replace")

    def show(self, name: str) -> str:
        return json.dumps(self.inspect(name)) + self.logs(name)

    def secrets_shown(self) -> list[str]:
        """Which secret, and in which of all containers that ever ran here: those that run, doubles and jobs too."""
        shown = [*self.shown, *((name, self.show(name)) for name in self.running)]
        return [f"{file} in {name}" for name, text in shown for file, secret in self.hidden() if secret in text]

    def hidden(self) -> Iterator[tuple[str, str]]:
        """The secrets themselves: of an address its password, of a file with several lines each of them."""
        for file in self.secrets.iterdir():
            if file.name != "notifications_public_key":
                for line in file.read_text().split():
                    yield file.name, line.partition("://")[2].partition("@")[0].partition(":")[2] or line

    def log_lines(self, name: str) -> Iterator[dict[str, Any]]:
        for line in self.logs(name).splitlines():
            if line.startswith("{"):
                yield json.loads(line)

    def ask(self, database: str, question: str) -> str:
        """What PostgreSQL answers, unaligned."""
        done = self.running["postgres"].exec(["psql", "-XAtq", "-U", "postgres", "-d", database, "-c", question])
        assert done.exit_code == 0, done.output.decode()
        return str(done.output.decode().strip())

    def knows(self, service: str, member_id: str) -> bool:
        return self.ask(service, f"SELECT count(*) FROM known_members WHERE member_id = '{member_id}'") == "1"

    def metric(self, name: str, metric: str) -> float:
        """The sum of a metric over its labels, asked from inside: nothing but the front door is published."""
        script = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:9090/metrics').read().decode())"
        done = self.running[name].exec(["python", "-c", script])
        lines = [line.rsplit(" ", 1) for line in done.output.decode().splitlines() if line.startswith(metric)]
        return sum(float(value) for _, value in lines)

    def partitions_read_by(self, service: str) -> int:
        """Of all topics that its consumer groups read, as Kafka itself counts them."""
        done = self.running[service].exec(["python", "-c", PARTITIONS.format(service=service)])
        assert done.exit_code == 0, done.output.decode()
        return int(done.output.decode().splitlines()[-1])

    def visitor(self, door: str = "front-door") -> httpx.Client:
        """Somebody with a browser at the front door."""
        container = self.running[door]
        address = f"http://{container.get_container_host_ip()}:{container.get_exposed_port(8000)}"
        browser = httpx.Client(base_url=address, headers={"Sec-Fetch-Site": "same-origin"}, timeout=60)
        self.doors.callback(browser.close)
        return browser
