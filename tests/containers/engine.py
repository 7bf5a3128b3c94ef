"""Whether a container engine is there for these tests, and what they left in it."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".local" / "containers" / "bin"

# Before testcontainers is imported: it reads them then. Its reaper is an image that can not be pulled everywhere; we
# remove what we start, and look whether we did.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
if Path("/.dockerenv").exists():
    os.environ.setdefault("TESTCONTAINERS_CONNECTION_MODE", "docker_host")


def why_not() -> str | None:
    """One line for whoever runs the tests, or None where they can run."""
    if not os.environ.get("CONTAINERS"):
        return "the tests of the images run by `make containers`"
    if not _docker("info"):
        return "no container engine answers here; `make engine` brings one to a Debian machine, as root"
    missing = [image for image in images() if not _docker("image", "inspect", image)]
    return f"missing images: {', '.join(missing)}; `make images-offline images` makes them" if missing else None


def images() -> list[str]:
    from tests.containers import composed

    return sorted({composed.image_of(name) for name in composed.SERVICES})


def docker(*words: str, stdin: str | None = None, environment: Mapping[str, str] | None = None) -> str:
    """What the command line of the engine says. Raises CalledProcessError."""
    done = subprocess.run(
        [_program(), *words], input=stdin, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _docker(*words: str) -> bool:
    return bool(_program()) and subprocess.run([_program(), *words], capture_output=True).returncode == 0


def _program() -> str:
    return shutil.which("docker", path=f"{TOOLS}:{os.environ['PATH']}") or ""
