"""The two engines, PostgreSQL and Kafka, each ours or one already running elsewhere.

`python -m deploy.local.engines` starts a throw-away pair and prints the two variables by which tests use it.
"""

import os
import shutil
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deploy.local import broker, ports, postgres, processes

LOCAL = Path(__file__).parents[2] / ".local"


@dataclass(frozen=True)
class Engines:
    """Where the engines are, and the folder of those that are ours to stop."""

    postgres_url: str
    kafka: str
    folder: Path

    @classmethod
    def start(cls, folder: Path, *, durable: bool, postgres_url: str | None = None, kafka: str | None = None) -> Self:
        """Start, both at once, those that are not given. Nothing is left running where one of them fails."""
        try:
            with ThreadPoolExecutor(2) as both:
                database = both.submit(_given_or, postgres_url, lambda: start_postgres(folder, durable=durable))
                bus = both.submit(_given_or, kafka, lambda: start_kafka(folder))
                return cls(database.result(), bus.result(), folder)
        except BaseException:
            processes.end_leftovers(folder / "pids")
            postgres.clean_up(folder / "postgres")
            raise

    def stop(self) -> None:
        processes.stop(self.folder / "pids", "kafka")
        processes.stop(self.folder / "pids", "postgres")
        postgres.clean_up(self.folder / "postgres")


def start_postgres(folder: Path, *, durable: bool = True, port: int | None = None) -> str:
    pids, log = folder / "pids", folder / "logs" / "postgres.log"
    return postgres.start(folder / "postgres", pids=pids, log=log, port=port or ports.any_free(), durable=durable)


def start_kafka(folder: Path, *, port: int | None = None, controller_port: int | None = None) -> str:
    pids, log = folder / "pids", folder / "logs" / "kafka.log"
    port, controller_port = port or ports.any_free(), controller_port or ports.any_free()
    return broker.start(folder / "kafka", pids=pids, log=log, port=port, controller_port=controller_port)


def for_tests() -> Engines:
    """A fresh pair in a folder of this process, after ending what killed test runs left. Stop it with `throw_away`."""
    runs = LOCAL / "tests"
    for left in [folder for folder in runs.glob("*") if not _lives(folder.name)]:
        processes.end_leftovers(left / "pids")
        _remove(left)
    return Engines.start(
        runs / str(os.getpid()),
        durable=False,
        postgres_url=os.environ.get("TEST_POSTGRES_URL"),
        kafka=os.environ.get("TEST_KAFKA"),
    )


def throw_away(engines: Engines) -> None:
    engines.stop()
    _remove(engines.folder)


def _given_or(given: str | None, start: Callable[[], str]) -> str:
    return given or start()


def _lives(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _remove(folder: Path) -> None:
    postgres.clean_up(folder / "postgres")
    shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    over = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: over.set())
    engines = for_tests()
    print(f"export TEST_POSTGRES_URL={engines.postgres_url} TEST_KAFKA={engines.kafka}", flush=True)
    over.wait()
    throw_away(engines)


if __name__ == "__main__":
    main()
