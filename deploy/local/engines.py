"""The two engines, PostgreSQL and Kafka, each ours or one already running elsewhere.

`python -m deploy.local.engines` starts a throw-away pair and prints the two variables by which tests use it; with
`--brokers 3` its Kafka is a cluster that replicates.
"""

import argparse
import os
import shutil
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deploy.local import broker, ports, postgres, processes
from deploy.local.broker import Cluster

LOCAL = Path(__file__).parents[2] / ".local"


@dataclass(frozen=True)
class Engines:
    """Where the engines are, and the folder of those that are ours to stop."""

    postgres_url: str
    kafka: str
    folder: Path

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        durable: bool,
        postgres_url: str | None = None,
        kafka: str | None = None,
        chosen_ports: Sequence[int] = (),
        brokers: int = 1,
    ) -> Self:
        """Start, both at once, those that are not given. Nothing is left running where one of them fails.

        The ports are PostgreSQL's, Kafka's and its controller's; without them any free ones. Brokers are one or three;
        three take any free ports.
        """
        pids, logs = folder / "pids", folder / "logs"
        postgres_port, kafka_port, controller_port = chosen_ports or ports.several_free(3)

        def start_postgres() -> str:
            log = logs / "postgres.log"
            return postgres.start(folder / "postgres", pids=pids, log=log, port=postgres_port, durable=durable)

        def start_kafka() -> str:
            if brokers > 1:
                return Cluster.of_three(folder).start()
            log = logs / "kafka.log"
            return broker.start(folder / "kafka", pids=pids, log=log, port=kafka_port, controller_port=controller_port)

        try:
            with ThreadPoolExecutor(2) as both:
                database = both.submit(lambda: postgres_url or start_postgres())
                bus = both.submit(lambda: kafka or start_kafka())
                return cls(database.result(), bus.result(), folder)
        except BaseException:
            processes.end_leftovers(pids)
            postgres.clean_up(folder / "postgres")
            raise

    def stop(self) -> None:
        processes.end_leftovers(self.folder / "pids")
        postgres.clean_up(self.folder / "postgres")


def for_tests(brokers: int = 1) -> Engines:
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
        brokers=brokers,
    )


def throw_away(engines: Engines) -> None:
    engines.stop()
    _remove(engines.folder)


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
    options = argparse.ArgumentParser(description="Start a throw-away PostgreSQL and Kafka.")
    options.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="of Kafka")
    chosen = options.parse_args()
    over = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: over.set())
    engines = for_tests(chosen.brokers)
    print(f"export TEST_POSTGRES_URL={engines.postgres_url} TEST_KAFKA={engines.kafka}", flush=True)
    over.wait()
    throw_away(engines)


if __name__ == "__main__":
    main()
