"""The toys as processes of their own, to be killed."""

import asyncio
import os
import re
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path


class EndedByItself(Exception):
    """With what it wrote."""


class Process:
    """One ``python -m toy ...``; what it wrote is in ``output`` once it has ended."""

    def __init__(self, name, *arguments, environment):
        self.command = [sys.executable, "-m", "toy", name, *arguments]
        self.environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)} | environment
        self.child = None
        self.output = ""

    async def start(self):
        self.child = await asyncio.create_subprocess_exec(
            *self.command,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._reading = asyncio.create_task(self._read())

    async def _read(self):
        async for line in self.child.stdout:
            self.output += line.decode()

    async def wait(self):
        await self.child.wait()
        await self._reading
        return self.child.returncode

    async def end(self, how=signal.SIGTERM):
        """Returns its exit code."""
        if self.child and self.child.returncode is None:
            self.child.send_signal(how)
        return await self.wait()

    def must_live(self):
        if self.child.returncode is not None:
            raise EndedByItself(self.output)

    def said(self, what):
        return what in self.output

    def port_of_health(self):
        return int(re.search(r"health_port\D+(\d+)", self.output)[1])

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def running(name, *arguments, environment):
    process = Process(name, *arguments, environment=environment)
    await process.start()
    try:
        yield process
    finally:
        await process.end(signal.SIGKILL)


async def run(name, *arguments, environment):
    """To its end; exit code and output."""
    process = Process(name, *arguments, environment=environment)
    await process.start()
    return await process.wait(), process.output
