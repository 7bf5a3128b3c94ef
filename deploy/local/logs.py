"""`make logs`: follow the logs of everything, or of the named ones."""

import os
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".local" / "logs"


def main(names: list[str]) -> int:
    there = {file.stem: file for file in sorted(FOLDER.glob("*.log"))}
    known = ", ".join(there) or "none yet, nothing ran here"
    if unknown := [name for name in names if name not in there] or ([] if there else ["any"]):
        print(f"No such log: {', '.join(unknown)}. There is: {known}", file=sys.stderr)
        return 1
    files = [str(there[name]) for name in names or there]
    os.execvp("tail", ["tail", "-n", "50", "-F", *files])  # noqa: S606


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
