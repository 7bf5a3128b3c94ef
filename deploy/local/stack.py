"""The whole system on this machine: engines, databases, keys, topics, four services, the front door.

`make run` keeps one for a person (run.py); tests make their own in a folder of theirs.
"""

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.local import databases, keys, ports, postgres, processes
from deploy.local.engines import Engines
from deploy.local.processes import DidNotStart

ROOT = Path(__file__).parents[2]
CADDY = ROOT / "deploy" / "caddy"
SERVICES = ("members", "hub", "surveys", "notifications")
STARTS_WITHIN = 60.0
PARTITIONS = 4
LARGE_LOG = 20_000_000

BESIDE_ANOTHER = {"notifications": ["--roles", "web,relay,consumers,timers,sender"]}
"""What further instances do: the ports of catcher and bounces are the first one's."""

WANTED_PORTS = {
    "front door": 8000,
    "members": 8101,
    "hub": 8102,
    "surveys": 8103,
    "notifications": 8104,
    "members health": 8201,
    "hub health": 8202,
    "surveys health": 8203,
    "notifications health": 8204,
    "SMTP": 8025,
    "bounces": 8026,
    "PostgreSQL": 8432,
    "Kafka": 8092,
    "Kafka controller": 8093,
}

MADE_BY_RUNNING = (
    *("postgres", "kafka/data", "kafka/server.properties", "caddy"),
    *("keys", "logs", "pids", "clock-offset", "seeded"),
)

Step = Callable[[str], AbstractContextManager[Any]]


@dataclass
class Stack:
    """What runs in one folder. Start it once; `stop` ends everything, newest first."""

    folder: Path
    ports: Mapping[str, int]
    durable: bool = True
    postgres_url: str | None = None
    """Of an administrator, where PostgreSQL is not ours to start; so is Kafka's address below."""
    kafka: str | None = None
    prefix: str = ""
    """Before every database and topic, where the engines are shared with others."""
    extra_environment: Mapping[str, str] = field(default_factory=dict)
    instances: int = 1
    """Of each service, the front door before them all: each on a loopback address of its own, at the same ports."""
    databases: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.ports['front door']}"

    @property
    def pids(self) -> Path:
        return self.folder / "pids"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def clock(self) -> Path:
        return self.folder / "clock-offset"

    def start(self, step: Step = nullcontext) -> None:
        """In order of need. Where a step fails nothing is left running."""
        for log in self.logs.glob("*.log"):
            if log.stat().st_size > LARGE_LOG:
                log.replace(log.with_suffix(".old"))
        try:
            with step("PostgreSQL and Kafka"):
                self.postgres_url, self.kafka = self._start_engines()
            with step("databases, keys and topics"):
                self._prepare(self.postgres_url, self.kafka)
            with step("members, hub, surveys, notifications"):
                self._start_services()
            with step("front door"):
                self._start_front_door()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> list[str]:
        """The names of what was running and is not any more."""
        ended = processes.end_leftovers(self.pids)
        postgres.clean_up(self.folder / "postgres")
        return ended

    def start_service(self, name: str, instance: int = 1) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", name, "serve", *(BESIDE_ANOTHER.get(name, []) if instance > 1 else [])]
        called = nth(name, instance)
        log, env = self.logs / f"{called}.log", self.environment(name, instance)
        return processes.start(called, command, pids=self.pids, log=log, env=env)

    def wait_until_ready(self, name: str, process: subprocess.Popen[bytes], instance: int = 1) -> None:
        url = f"http://{address(instance)}:{self.ports[f'{name} health']}/readyz"
        called = nth(name, instance)
        wait_for(url, process, log=self.logs / f"{called}.log", name=called)

    def run(self, service: str, *words: str) -> str:
        """What a command of a service says, such as run("members", "staff-link"). Raises DidNotStart where it fails."""
        command = [sys.executable, "-m", service, *words]
        done = subprocess.run(command, env=self.environment(service), capture_output=True, text=True)
        if done.returncode:
            raise DidNotStart(f"`{service} {' '.join(words)}` failed:\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    def environment(self, service: str, instance: int = 1) -> dict[str, str]:
        """Of a service's process. What the caller's own environment says of other databases does not reach it."""
        here = {name: value for name, value in os.environ.items() if not name.endswith(("DATABASE_URL", "VAULT_URL"))}
        return here | {
            "ENVIRONMENT": "development",
            "DATABASE_URL": databases.runtime_url(self.databases[service]),
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka or "",
            "PUBLIC_URL": self.url,
            "WEB_HOST": address(instance),
            "WEB_PORT": str(self.ports[service]),
            "HEALTH_PORT": str(self.ports[f"{service} health"]),
            "TOPIC_PREFIX": self.prefix,
            "TOPIC_PARTITIONS_CAP": str(PARTITIONS),
            "CLOCK_OFFSET_FILE": str(self.clock),
            "SMTP_HOST": ports.LOOPBACK,
            "SMTP_PORT": str(self.ports["SMTP"]),
            "BOUNCE_PORT": str(self.ports["bounces"]),
            **keys.environment(self.folder / "keys", service),
            **self._vault_of(service),
            **self.extra_environment,
        }

    def _vault_of(self, service: str) -> dict[str, str]:
        if service != "members":
            return {}
        return {"MEMBERS_VAULT_URL": databases.runtime_url(self.databases["members_vault"])}

    def _start_engines(self) -> tuple[str, str]:
        ours = Engines.start(
            self.folder,
            durable=self.durable,
            postgres_url=self.postgres_url,
            kafka=self.kafka,
            chosen_ports=[self.ports[name] for name in ("PostgreSQL", "Kafka", "Kafka controller")],
        )
        return ours.postgres_url, ours.kafka

    def _prepare(self, postgres_url: str, kafka: str) -> None:
        self.clock.touch()
        keys.make(self.folder / "keys")
        self.databases = databases.prepare(postgres_url, prefix=self.prefix)
        databases.apply_topics(kafka, partitions_cap=PARTITIONS, prefix=self.prefix)

    def _start_services(self) -> None:
        each = [(name, instance) for name in SERVICES for instance in range(1, self.instances + 1)]
        started = {one: self.start_service(*one) for one in each}
        for (name, instance), process in started.items():
            self.wait_until_ready(name, process, instance)

    def _start_front_door(self) -> None:
        caddy = str(Path(sys.executable).parent / "caddy")
        command = [caddy if Path(caddy).exists() else "caddy", "run", "--adapter", "caddyfile"]
        command += ["--config", str(CADDY / "Caddyfile")]
        log = self.logs / "front-door.log"
        process = processes.start("front-door", command, pids=self.pids, log=log, env=self._front_door_environment())
        wait_for(f"{self.url}/", process, log=log, name="The front door")

    def _front_door_environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "FRONT_DOOR": f"http://:{self.ports['front door']}",
            "FRONT_DOOR_BIND": ports.LOOPBACK,
            "FRONT_DOOR_PAGES": str(CADDY / "away"),
            "XDG_DATA_HOME": str(self.folder / "caddy"),
            "XDG_CONFIG_HOME": str(self.folder / "caddy"),
            **{name.upper(): self._addresses(name) for name in SERVICES},
            **{f"{name.upper()}_HEALTH": str(self.ports[f"{name} health"]) for name in SERVICES},
        }

    def _addresses(self, service: str) -> str:
        return " ".join(f"{address(instance)}:{self.ports[service]}" for instance in range(1, self.instances + 1))


def nth(name: str, instance: int) -> str:
    """What an instance's log and pid file are called."""
    return name if instance == 1 else f"{name}-{instance}"


def address(instance: int) -> str:
    """All of 127.0.0.0/8 is this machine."""
    return f"127.0.0.{instance}"


def wanted_ports(say: Callable[[str], None], *, not_needed: Iterable[str] = ()) -> dict[str, int]:
    """The usual ports; where one is busy the next free one, and a line that says so."""
    chosen: dict[str, int] = {}
    for name, wanted in WANTED_PORTS.items():
        taken = {*chosen.values(), *(other for other in WANTED_PORTS.values() if other != wanted)}
        chosen[name] = ports.free_or_next(wanted, taken=taken)
        if chosen[name] != wanted and name not in not_needed:
            say(f"  Port {wanted} is busy: {name} takes {chosen[name]}.")
    return chosen


def free_ports() -> dict[str, int]:
    """Any free ones, for a stack beside others."""
    return dict(zip(WANTED_PORTS, ports.several_free(len(WANTED_PORTS)), strict=True))


def wait_for(url: str, process: subprocess.Popen[bytes], *, log: Path, name: str) -> None:
    """Until it answers anything but a server's error."""
    deadline = time.monotonic() + STARTS_WITHIN
    while not answers_well(url):
        if process.poll() is not None or time.monotonic() > deadline:
            raise DidNotStart(f"{name} did not get ready. Its last words ({log}):\n{processes.last_words(log)}")
        time.sleep(0.1)


def answers_well(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - ours, always http
            return bool(answer.status < 500)
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def forget(folder: Path) -> None:
    """End what runs in it and remove its data, keys and logs. What was fetched (packages, jars) stays."""
    processes.end_leftovers(folder / "pids")
    postgres.clean_up(folder / "postgres")
    for name in MADE_BY_RUNNING:
        path = folder / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
