"""The one place that asks what time it is. Everybody else takes the time as a parameter."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

OFFSET_VARIABLE = "CLOCK_OFFSET_FILE"

_read: tuple[str, int, timedelta] | None = None


def now() -> datetime:
    """The moment, aware, in UTC; in development moved by the seconds in the file that CLOCK_OFFSET_FILE names."""
    return datetime.now(UTC) + _offset()


def _offset() -> timedelta:
    """Read again only when the file was written again: this runs for every event."""
    global _read
    named = os.environ.get(OFFSET_VARIABLE)
    if not named:
        return timedelta()
    try:
        written = os.stat(named).st_mtime_ns
        if _read is None or _read[:2] != (named, written):
            _read = (named, written, timedelta(seconds=float(Path(named).read_text() or 0)))
    except FileNotFoundError:
        return timedelta()
    except ValueError:  # caught while it is being written: the next call reads it whole
        return _read[2] if _read else timedelta()
    return _read[2]
