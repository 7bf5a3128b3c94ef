"""What processes have used: processor time and the most memory they ever held, as the kernel counts them."""

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.figures import Cpu


def used(own: Collection[psutil.Process], postmaster: psutil.Process | None) -> Cpu:
    """Everything below PostgreSQL counts as its share: backends that ended, WAL writer and checkpointer too."""
    return Cpu(own=sum(map(_seconds, own)), postgres=_seconds(postmaster) if postmaster else 0.0)


def _seconds(process: psutil.Process) -> float:
    """Of the process and of its children, the reaped ones by what their parent remembers of them."""
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def peak_megabytes(process: psutil.Process) -> float:
    """VmHWM: the high-water mark of resident memory."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024
