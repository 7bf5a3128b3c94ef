"""Say what is being done, and how long it took. Standard library only: set-up begins before anything is installed."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TICK = 1.0
WIDTH = 62


@contextmanager
def step(text: str) -> Iterator[Note]:
    """One line per step: its text, then its time. On a terminal the seconds run meanwhile."""
    note, started, over = Note(), time.monotonic(), threading.Event()
    ticker = threading.Thread(target=_tick, args=(text, note, started, over), daemon=True)
    if sys.stdout.isatty():
        ticker.start()
    try:
        yield note
    except BaseException:
        _end(ticker, over)
        print(f"{_line(text, note, started)}  failed", flush=True)
        raise
    _end(ticker, over)
    print(_line(text, note, started), flush=True)


class Note:
    """What a step found out or has reached, shown behind its text."""

    text = ""

    def __call__(self, text: str) -> None:
        self.text = text


def _tick(text: str, note: Note, started: float, over: threading.Event) -> None:
    while not over.wait(TICK):
        print(f"\r{_line(text, note, started)}", end="", flush=True)


def _line(text: str, note: Note, started: float) -> str:
    said = f"{text}{': ' if note.text else ''}{note.text}"
    return f"  {said:.<{WIDTH}} {time.monotonic() - started:6.1f} s"


def _end(ticker: threading.Thread, over: threading.Event) -> None:
    over.set()
    if ticker.ident:
        ticker.join()
        print("\r\033[K", end="")


def received_bytes(table: Path = Path("/proc/net/dev")) -> int:
    """Bytes this machine received from the network so far, loopback apart. 0 where there is no such table."""
    if not table.exists():
        return 0
    rows = [line.split(":", 1) for line in table.read_text().splitlines() if ":" in line]
    return sum(int(counters.split()[0]) for name, counters in rows if name.strip() != "lo")


def megabytes(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB"
