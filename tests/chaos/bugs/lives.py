"""Processes of a service, ill or sound, that can be killed at any instruction. Forked from a server that has the large
libraries imported already: a life begins within a moment."""

import asyncio
import multiprocessing
import os
import re
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.chaos.bugs import plant

FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(["notifications.app", "common.service.running", "common.service.cli", "uvloop"])


class Life:
    """One ``python -m <module> <arguments>`` from start to end; ``bug`` None is the service as it is."""

    def __init__(
        self, bug: str | None, module: str, arguments: Sequence[str], environment: Mapping[str, str], output: Path
    ) -> None:
        self.output = output
        self._process: BaseProcess = FORKING.Process(
            target=_live,
            args=(bug, module, list(arguments), {**os.environ, **environment}, output),
            daemon=True,
        )

    def start(self) -> None:
        self._process.start()

    def hang(self) -> None:
        """Until it wakes, it does nothing, and does not know it."""
        self._send(signal.SIGSTOP)

    def wake(self) -> None:
        self._send(signal.SIGCONT)

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code."""
        self._send(how)
        return await self.wait()

    async def wait(self) -> int:
        await asyncio.to_thread(self._process.join)
        code = self._process.exitcode
        assert code is not None
        return code

    def _send(self, what: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            if self._process.pid is not None and self._process.is_alive():
                os.kill(self._process.pid, what)

    def said(self, what: str) -> bool:
        return re.search(what, self.words) is not None

    @property
    def words(self) -> str:
        return self.output.read_text() if self.output.exists() else ""


def _live(bug: str | None, module: str, arguments: list[str], environment: dict[str, str], output: Path) -> None:
    """In the new process. The server that it was forked from began in the environment of an earlier test."""
    with output.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    if bug:
        plant(bug)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
