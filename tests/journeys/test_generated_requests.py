"""Every API of the running system, called as schemathesis makes it up from our own descriptions: never an error.

Each service's forms and APIs have hostile tests of their own beside them; this one comes through the front door,
signed in as an administrator, and prints the seed by which it can be repeated.
"""

import asyncio
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.seed.visitor import staff
from deploy.local.stack import SERVICES, Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SEED = os.environ.get("HOSTILE_SEED") or str(random.randrange(10**6))
EXAMPLES = 60


@pytest.mark.parametrize("service", SERVICES)
async def test_no_call_that_can_be_made_up_makes_an_error(here: Stack, service: str, tmp_path: Path):
    async with staff(here) as console:
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in console.cookies.jar)
    command = [
        *(str(Path(sys.executable).parent / "schemathesis"), "run", f"{here.url}/api/{service}/openapi.json"),
        *("--checks", "not_a_server_error", "--max-examples", str(EXAMPLES), "--phases", "examples,coverage,fuzzing"),
        *("--seed", SEED, "--suppress-health-check", "all", "--continue-on-failure", "--no-color"),
        *("--header", f"Cookie: {cookies}", "--header", "Sec-Fetch-Site: same-origin"),
    ]
    done = await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, f"HOSTILE_SEED={SEED}\n{done.stdout[-6000:]}{done.stderr[-2000:]}"
    sent = re.search(r"(\d[\d,]*) generated", done.stdout)
    assert sent, done.stdout[-3000:]
    print(f"{service}: {sent[1]} calls, HOSTILE_SEED={SEED}")
    assert int(sent[1].replace(",", "")) > EXAMPLES, "next to nothing was sent"
