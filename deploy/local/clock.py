"""`make clock +11d`: move the clock that all services share. `make clock now` puts it back to the real time.

It moves forwards, as time does; putting it back is for the next try, best after `make reset`.
"""

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

FILE = Path(__file__).parents[2] / ".local" / "clock-offset"
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
STEP = re.compile(r"\+(\d+)([smhdw])")


class NotATime(ValueError):
    pass


def main(words: list[str]) -> int:
    try:
        offset = moved(read(FILE), words)
    except NotATime as refusal:
        print(refusal, file=sys.stderr)
        return 1
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(str(offset.total_seconds()))
    print(f"The services' clock: {datetime.now(UTC) + offset:%A %d %B %Y, %H:%M} UTC ({offset} ahead)")
    return 0


def moved(offset: timedelta, words: list[str]) -> timedelta:
    """After such words: +11d, +2h +30m, now, or none."""
    for word in words:
        step = STEP.fullmatch(word)
        if word == "now":
            offset = timedelta()
        elif step:
            offset += timedelta(**{UNITS[step[2]]: int(step[1])})
        else:
            raise NotATime(f"{word} is no way to move a clock. Try: make clock +11d, make clock +90m, make clock now")
    return offset


def read(file: Path) -> timedelta:
    text = file.read_text().strip() if file.exists() else ""
    return timedelta(seconds=float(text or 0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
