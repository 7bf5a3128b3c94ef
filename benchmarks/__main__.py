"""`python -m benchmarks [relay ...]`: measure all paths, or those named; print the table, keep it as JSON."""

import asyncio
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import uvloop

from benchmarks import answer, consumer, figures, join, mail, opening, relay, results
from benchmarks.figures import Report
from benchmarks.place import Place, engines, place
from benchmarks.sizes import Sizes
from deploy.local.engines import LOCAL, Engines
from deploy.local.steps import step

Measured = Callable[[Place, Sizes], Coroutine[Any, Any, Report]]

PATHS: dict[str, Measured] = {
    "join": join.measure,
    "answer": answer.measure,
    "opening": opening.measure,
    "relay": relay.measure,
    "consumer": consumer.measure,
    "results": results.measure,
    "mail": mail.measure,
}
RESULTS = LOCAL / "bench.json"


def measure(ours: Engines, names: Sequence[str], sizes: Sizes, whole: Report) -> None:
    """One path after the other, each on empty databases; what each has to say is added to ``whole``."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        for name in names:
            with step(name), place(ours, name) as here:
                found = loop.run(PATHS[name](here, sizes))
            whole.lines += found.lines
            whole.growth += found.growth
            whole.remarks += found.remarks
            whole.peaks |= here.peaks


def main() -> None:
    names = sys.argv[1:] or list(PATHS)
    if unknown := [name for name in names if name not in PATHS]:
        raise SystemExit(f"There is no path {', '.join(unknown)}; there are {', '.join(PATHS)}.")
    signal.signal(signal.SIGTERM, _as_if_interrupted)
    began, found = time.monotonic(), Report()
    try:
        with engines(LOCAL / "bench") as ours:
            measure(ours, names, Sizes.from_environment(), found)
    finally:  # also of what was measured before something went wrong
        tell(found, time.monotonic() - began)


def tell(found: Report, seconds: float) -> None:
    figures.save(found.lines, RESULTS)
    load = " ".join(f"{average:.2f}" for average in os.getloadavg())
    python = f"Python {platform.python_version()} of {sys.base_prefix}"
    print(f"\n{figures.as_table(found)}\n\n{python}, {seconds:.0f} s, load average at the end {load}")


def _as_if_interrupted(*_: object) -> None:
    """What was started is stopped on the way out."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
