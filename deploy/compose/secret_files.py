"""Secrets for trying the images out, made once per folder: `python -m deploy.compose.secret_files <folder>`.

The folder is closed to everybody else. The files in it are readable, because a container sees a mounted file with the
owner it has here and our processes run under a user of their own. Production brings its files from its own store.
"""

import base64
import os
import secrets
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from common import sealing

SERVICES = ("members", "hub", "surveys", "notifications")
DATABASES = {
    "members_database": "members",
    "members_vault": "members_vault",
    "hub_database": "hub",
    "surveys_database": "surveys",
    "notifications_database": "notifications",
}
"""By what its files begin with: ``_url`` for the service, which owns nothing, ``_owner_url`` for who migrates."""


def make(folder: Path) -> None:
    """Whatever is there already stays as it is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _once(folder / "postgres_password", secrets.token_urlsafe)
    for name, database in DATABASES.items():
        _once(folder / f"{name}_url", partial(database_url, database, role=database))
        _once(folder / f"{name}_owner_url", partial(database_url, database, role=f"{database}_owner"))
    for service in SERVICES:
        _once(folder / f"{service}_kafka_password", secrets.token_urlsafe)
    _once(folder / "members_signing_key", signing_key)
    _once(folder / "notifications_secret", secrets.token_urlsafe)
    sealing.make_key_files(folder / "notifications_private_key", folder / "notifications_public_key")
    for file in folder.iterdir():
        file.chmod(0o644)


def database_url(database: str, *, role: str) -> str:
    return f"postgresql://{role}:{secrets.token_urlsafe()}@postgres:5432/{database}"


def signing_key() -> str:
    """Any 32 bytes are an Ed25519 private key (RFC 8032)."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")


def _once(file: Path, make_secret: Callable[[], str]) -> None:
    if not file.exists():
        file.write_text(make_secret() + "\n")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
