"""`make run` from outside: it starts everything, mends what ended, and leaves nothing behind however it ends."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local import processes, stack

ROOT = Path(__file__).parents[2]
EVERYTHING = {"postgres", "kafka", "front-door", *stack.SERVICES}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Launcher:
    """A running `make run` in a folder of its own, read line by line.

    Started as a shell starts what it puts into the background: with SIGINT ignored.
    """

    def __init__(self, folder: Path) -> None:
        self.pids = folder / "pids"
        run = [sys.executable, "-m", "deploy.local.run", "--folder", str(folder), "--without-seeds"]
        command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *run]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.said: list[str] = []

    def say(self, words: str) -> str:
        """The next line that has these words."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(line)
            if words in line:
                return line
        raise AssertionError(f"it ended without saying {words!r}:\n{''.join(self.said)}")

    def end(self, by: signal.Signals) -> int:
        """Its exit code; after its last words were read, for a full pipe would hold it up."""
        assert self.process.stdout
        self.process.send_signal(by)
        if not self.process.stdout.closed:
            self.said += self.process.stdout.readlines()
            self.process.stdout.close()
        return self.process.wait()


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[[], Launcher]]:
    folder, launched = tmp_path / "a folder with spaces", []

    def start() -> Launcher:
        launched.append(Launcher(folder))
        return launched[-1]

    yield start
    for launcher in launched:
        launcher.end(signal.SIGKILL)
    processes.end_leftovers(folder / "pids")


def test_it_starts_everything_mends_what_ended_and_leaves_nothing_behind(launch: Callable[[], Launcher]):
    first = launch()
    join = first.say("  Join").split()[-1]
    first.say("Ctrl-C stops everything")
    assert set(processes.living(first.pids)) == EVERYTHING
    with urllib.request.urlopen(join) as page:
        assert page.status == 200

    hub = processes.living(first.pids)["hub"]
    os.kill(hub.pid, signal.SIGKILL)
    first.say("hub ended; started again")
    assert processes.living(first.pids)["hub"].pid != hub.pid

    first.end(signal.SIGKILL)
    left = processes.living(first.pids)
    assert set(left) == EVERYTHING

    second = launch()
    ended = second.say("Ended what an earlier run left behind")
    assert [name for name in EVERYTHING if name not in ended] == []
    second.say("Ctrl-C stops everything")
    ours = processes.living(second.pids)
    assert {mark.pid for mark in ours.values()}.isdisjoint(mark.pid for mark in left.values())

    assert second.end(signal.SIGINT) == 0
    assert processes.living(second.pids) == {}
    assert not [mark for mark in (*left.values(), *ours.values()) if mark.process()]
    lines = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    assert [line for line in lines if str(second.pids.parent) in line] == []
