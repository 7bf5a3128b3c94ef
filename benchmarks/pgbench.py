"""The bare limit of a request: pgbench, prepared statements, sixteen clients, everything in one durable transaction."""

import asyncio
import os
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import unquote, urlsplit

from benchmarks.figures import Turn
from deploy.local import postgres

CLIENTS = 16
PROGRESS = re.compile(rb"number of transactions actually processed: (\d+)")
TPS = re.compile(rb"tps = ([\d.]+)")


class PgbenchFailed(Exception):
    """What it said."""


async def transactions(url: str, statements: Sequence[str], seconds: int) -> Turn:
    """``statements`` as pgbench takes them: ``:name`` is a variable, ``\\set`` lines come before BEGIN."""
    settings = [line for line in statements if line.startswith("\\")]
    deeds = [f"{line};" for line in statements if not line.startswith("\\")]
    script = "\n".join([*settings, "BEGIN;", *deeds, "COMMIT;", ""])
    with NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        said = await _pgbench(url, Path(file.name), seconds)
    done, rate = PROGRESS.search(said), TPS.search(said)
    if done is None or rate is None or not int(done[1]):
        raise PgbenchFailed(said.decode())
    return Turn(int(done[1]), int(done[1]) / float(rate[1]))


async def _pgbench(url: str, script: Path, seconds: int) -> bytes:
    server = urlsplit(url)
    process = await asyncio.create_subprocess_exec(
        str(postgres.programs() / "pgbench"),
        *("--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}", "--jobs=1", f"--time={seconds}"),
        f"--file={script}",
        server.path.removeprefix("/"),
        env=os.environ
        | {
            "PGHOST": server.hostname or "",
            "PGPORT": str(server.port),
            "PGUSER": server.username or "",
            "PGPASSWORD": unquote(server.password or ""),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise PgbenchFailed(said.decode())
    return said
