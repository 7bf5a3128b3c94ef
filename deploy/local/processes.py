"""Processes we start leave a pid file each, so that a later run can end what a killed one left behind.

A pid alone proves nothing (the kernel reuses it): a file counts only while the process of that pid was born at the
same moment of the same boot. The moment counts from the boot, not by the clock, which is set while we run; and the
command line says nothing, which is empty for a moment while a process is born.
"""

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil


class DidNotStart(Exception):
    """A process ended, or stayed silent, before it was ready. The message says which and shows its last words."""


BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""A name the kernel takes anew at each boot: random(4)."""

PATIENCE = 20.0
"""Seconds until a process that was asked to end is ended by force."""

# Of this process: whoever lets go of a running child is warned of a leak.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Mark:
    """What a pid file holds: enough to know the process again."""

    name: str
    pid: int
    boot: str
    born: float
    """Seconds after the boot, to the hundredth of the kernel's clock ticks."""

    signal: int
    last: bool
    """An engine: it ends after those that use it."""

    def process(self) -> psutil.Process | None:
        """The living process this mark was made for, or None where it ended or its pid went to another."""
        try:
            process = psutil.Process(self.pid)
            same = (self.boot, self.born) == _birth_of(process) and process.status() != psutil.STATUS_ZOMBIE
            return process if same else None
        except psutil.NoSuchProcess:
            return None


@dataclass(frozen=True)
class Account:
    """The user a process runs as."""

    uid: int
    gid: int


def start(
    name: str,
    command: Sequence[str],
    *,
    pids: Path,
    log: Path,
    env: Mapping[str, str] | None = None,
    account: Account | None = None,
    stop_by: signal.Signals = signal.SIGTERM,
    last: bool = False,
) -> subprocess.Popen[bytes]:
    """Start it in a session of its own (Ctrl-C is ours to pass on, in our order), logging to a file."""
    pids.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    _children[process.pid] = process
    boot, born = _birth_of(psutil.Process(process.pid))
    mark = Mark(name=name, pid=process.pid, boot=boot, born=born, signal=stop_by, last=last)
    (pids / f"{name}.pid").write_text(json.dumps(asdict(mark)))
    return process


def _birth_of(process: psutil.Process) -> tuple[str, float]:
    return BOOT_ID.read_text().strip(), round(process.create_time() - psutil.boot_time(), 2)


def stop(pids: Path, name: str, *, within: float = PATIENCE) -> bool:
    """End the process of that pid file as it likes to be ended, by force after `within` seconds. False: none was."""
    mark = read(pids / f"{name}.pid")
    ended = _end_all([mark] if mark else [], within)
    (pids / f"{name}.pid").unlink(missing_ok=True)
    return bool(ended)


def end_leftovers(pids: Path, *, within: float = PATIENCE) -> list[str]:
    """End every process of this folder, all at once but the engines, which come last. Returns their names."""
    marks = [mark for file in sorted(pids.glob("*.pid")) if (mark := read(file))]
    ended = _end_all([mark for mark in marks if not mark.last], within)
    ended += _end_all([mark for mark in marks if mark.last], within)
    for file in pids.glob("*.pid"):
        file.unlink()
    return ended


def _end_all(marks: Sequence[Mark], within: float) -> list[str]:
    living = {mark: process for mark in marks if (process := mark.process())}
    for mark, process in living.items():
        send(process, signal.Signals(mark.signal))
    _, stubborn = psutil.wait_procs(list(living.values()), timeout=within)
    for process in stubborn:
        send(process, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=within)
    for mark in marks:
        if (child := _children.get(mark.pid)) and child.poll() is not None:
            del _children[mark.pid]
    return [mark.name for mark in living]


def send(process: psutil.Process, what: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(what)


def living(pids: Path) -> dict[str, Mark]:
    marks = [mark for file in sorted(pids.glob("*.pid")) if (mark := read(file))]
    return {mark.name: mark for mark in marks if mark.process()}


def read(file: Path) -> Mark | None:
    """None for a file that a crash left half written: it then names no process we could prove to be ours."""
    try:
        return Mark(**json.loads(file.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def last_words(log: Path, lines: int = 15) -> str:
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-lines:])


def is_root() -> bool:
    return os.geteuid() == 0
