"""Leftovers are ended by their own pid files, and nobody else's process ever is."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from deploy.local import processes

WAITS_FOR_EVER = "import signal; print('ready', flush=True); signal.pause()"
REFUSES_TO_END = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"
)


@pytest.fixture
def pids(tmp_path: Path) -> Path:
    return tmp_path / "pids"


def begin(
    pids: Path, name: str = "sleeper", program: str = WAITS_FOR_EVER, *, last: bool = False
) -> subprocess.Popen[bytes]:
    """Started, and past its first line."""
    log, command = pids.parent / f"{name}.log", [sys.executable, "-c", program]
    process = processes.start(name, command, pids=pids, log=log, last=last)
    while "ready" not in processes.last_words(log):
        assert process.poll() is None, processes.last_words(log)
    return process


def test_what_a_killed_run_left_is_found_and_ended(pids: Path):
    starts_two_and_is_killed = textwrap.dedent(f"""
        import os, signal, sys
        from pathlib import Path
        from tests.local.test_processes import begin
        begin(Path({str(pids)!r}), "first"), begin(Path({str(pids)!r}), "second")
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    killed = subprocess.run([sys.executable, "-c", starts_two_and_is_killed], cwd=Path(__file__).parents[2])
    assert killed.returncode == -signal.SIGKILL
    left = processes.living(pids)
    assert set(left) == {"first", "second"}

    assert processes.end_leftovers(pids) == ["first", "second"]

    assert not any(psutil.pid_exists(mark.pid) and mark.process() for mark in left.values())
    assert list(pids.iterdir()) == []


def test_engines_end_after_those_that_use_them(pids: Path):
    begin(pids, "an engine", last=True)
    begin(pids, "a service")
    assert processes.end_leftovers(pids) == ["a service", "an engine"]


def test_a_pid_that_went_to_somebody_else_is_left_alone(pids: Path):
    bystander = begin(pids)
    file = pids / "sleeper.pid"
    mark = json.loads(file.read_text())
    file.write_text(json.dumps(mark | {"born": mark["born"] - 60}))

    assert processes.end_leftovers(pids) == []

    assert bystander.poll() is None
    file.write_text(json.dumps(mark))
    processes.end_leftovers(pids)


def test_a_process_of_another_boot_is_left_alone(pids: Path):
    bystander = begin(pids)
    file = pids / "sleeper.pid"
    mark = json.loads(file.read_text())
    file.write_text(json.dumps(mark | {"boot": "another"}))

    assert processes.end_leftovers(pids) == []

    assert bystander.poll() is None
    file.write_text(json.dumps(mark))
    processes.end_leftovers(pids)


def test_a_process_is_known_again_though_the_clock_was_set(pids: Path, monkeypatch: pytest.MonkeyPatch):
    begin(pids)
    booted = psutil.boot_time()
    monkeypatch.setattr(psutil, "boot_time", lambda: booted + 1)
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: booted + 1)

    assert processes.end_leftovers(pids) == ["sleeper"]


def test_a_process_is_known_again_while_its_command_line_is_still_empty(pids: Path, monkeypatch: pytest.MonkeyPatch):
    begin(pids)
    monkeypatch.setattr(psutil.Process, "cmdline", lambda _: [])

    assert processes.end_leftovers(pids) == ["sleeper"]


def test_who_does_not_end_when_asked_is_ended_by_force(pids: Path):
    stubborn = begin(pids, program=REFUSES_TO_END)
    assert processes.stop(pids, "sleeper", within=0.2)
    assert not psutil.pid_exists(stubborn.pid)


def test_a_pid_file_cut_short_by_a_crash_ends_nothing(pids: Path):
    pids.mkdir()
    (pids / "torn.pid").write_text(f'{{"name": "torn", "pid": {os.getpid()}')
    assert processes.end_leftovers(pids) == []
    assert list(pids.iterdir()) == []


def test_stopping_what_never_ran_is_no_error(pids: Path):
    assert not processes.stop(pids, "nobody")
