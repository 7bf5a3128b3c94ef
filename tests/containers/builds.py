"""Builds of deploy/Dockerfile as docs/operations.md tells them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from tests.containers import engine

SERVICE = "hub"
"""The one that is built here: all four are built the same way, and this is the smallest."""

AUTHORITIES = Path(os.environ.get("EXTRA_CA", "/etc/ssl/certs/ca-certificates.crt"))
"""Of this machine, as deploy/images/services.sh gives them to its builds."""


def trusting(authority: Path) -> list[str]:
    return ["--secret", f"id=extra-ca,src={authority}"]


def folder(stage: str, place: Path, *given: str) -> Path:
    """What a build makes on its way, such as its wheelhouse; from the network that this machine has."""
    known = trusting(AUTHORITIES) if AUTHORITIES.is_file() else []
    _build("--target", stage, "--output", str(place), *known, *given)
    return place


@contextmanager
def image(*given: str) -> Iterator[str]:
    """Made anew from its first line on, and removed at the end."""
    name = f"built-in-a-test:{uuid4().hex}"
    _build("--no-cache", "--tag", name, *given)
    try:
        yield name
    finally:
        engine.docker("rmi", "--force", name)


def _build(*given: str) -> None:
    """Raises CalledProcessError, with what was said on the way as its stderr."""
    told = ["--progress", "plain", "--file", str(engine.ROOT / "deploy" / "Dockerfile")]
    engine.docker("build", *told, "--build-arg", f"SERVICE={SERVICE}", *given, str(engine.ROOT))
