"""`make run`: the whole system for a person, from engines to demo data, until Ctrl-C.

A run that was killed leaves processes behind; the next one ends them by their pid files before it starts.
"""

import argparse
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local import engines, processes, seed, stack
from deploy.local.processes import DidNotStart
from deploy.local.stack import Stack
from deploy.local.steps import step

LOOK_EVERY = 0.5
TRIES = 3
STEADY_AFTER = 30.0


class AlreadyRunning(Exception):
    """Two runs in one folder would end each other's processes."""


def main(folder: Path, *, with_seeds: bool) -> int:
    started = time.monotonic()
    signal.signal(signal.SIGTERM, _as_if_interrupted)
    signal.signal(signal.SIGINT, _as_if_interrupted)  # a background shell hands its children SIGINT ignored
    try:
        with the_only_run(folder):
            _run(new_stack(folder), started, with_seeds)
    except KeyboardInterrupt:
        print("\nStopped before anything was started.")
    except AlreadyRunning as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except DidNotStart as failure:
        print(f"\n{failure}\n\nNothing is left running. `make doctor` looks at this machine.", file=sys.stderr)
        return 1
    return 0


def _run(here: Stack, started: float, with_seeds: bool) -> None:
    try:
        here.start(step)
        first_page = time.monotonic() - started
        if with_seeds:
            seed.seed_once(here, step)
        print(addresses(here, first_page), flush=True)
        watch(here)
    except KeyboardInterrupt:
        print()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with step("stopping"):
            here.stop()


def new_stack(folder: Path) -> Stack:
    """Ends what an earlier run left behind, then chooses ports."""
    if left := processes.end_leftovers(folder / "pids"):
        print(f"  Ended what an earlier run left behind: {', '.join(left)}.", flush=True)
    postgres_url, kafka = os.environ.get("DATABASE_URL"), os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    not_needed = [*(["PostgreSQL"] if postgres_url else []), *(["Kafka", "Kafka controller"] if kafka else [])]
    return Stack(folder, stack.wanted_ports(print, not_needed=not_needed), postgres_url=postgres_url, kafka=kafka)


@contextmanager
def the_only_run(folder: Path) -> Iterator[None]:
    """The kernel lets go of the lock when its holder dies, however it dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "run.lock").open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            raise AlreadyRunning(
                f"It already runs here (process {held.read().strip()}). Stop that one first."
            ) from None
        held.truncate(0)
        held.write(str(os.getpid()))
        held.flush()
        yield


def watch(here: Stack) -> None:
    """Start again what ended by itself; give up on what will not stay."""
    started = dict.fromkeys(stack.SERVICES, time.monotonic())
    tries = dict.fromkeys(stack.SERVICES, 0)
    while True:
        time.sleep(LOOK_EVERY)
        living = processes.living(here.pids)
        for name in [name for name in stack.SERVICES if name not in living]:
            tries[name] = 1 if time.monotonic() - started[name] > STEADY_AFTER else tries[name] + 1
            if tries[name] > TRIES:
                last = processes.last_words(here.logs / f"{name}.log")
                raise DidNotStart(f"{name} ended {TRIES} times in a row. Its last words:\n{last}")
            started[name] = time.monotonic()
            here.start_service(name)
            print(f"  {name} ended; started again. See `make logs {name}`.", flush=True)
        if "front-door" not in living:
            raise DidNotStart(f"The front door closed:\n{processes.last_words(here.logs / 'front-door.log')}")


def addresses(here: Stack, first_page: float) -> str:
    link = here.run("members", "staff-link")
    metrics = "  ".join(f"{name} :{here.ports[f'{name} health']}" for name in stack.SERVICES)
    return f"""
First page after {first_page:.1f} s.

  Join              {here.url}/join
  Hub               {here.url}/hub
  Staff console     {link}   (signs you in, once)
  Mailbox           {here.url}/mailbox
  API               {here.url}/api/members/docs  (and hub, surveys, notifications)
  Metrics           http://127.0.0.1:<port>/metrics   {metrics}

Ctrl-C stops everything. In another terminal: make logs, make clock +11d, make doctor.
"""


def _as_if_interrupted(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="Run everything on this machine.")
    options.add_argument("--folder", type=Path, default=engines.LOCAL, help="where all of it is kept")
    options.add_argument("--without-seeds", action="store_true", help="begin with empty databases")
    chosen = options.parse_args()
    sys.exit(main(chosen.folder.resolve(), with_seeds=not chosen.without_seeds))
