"""Development keys, made once per folder. Production gets its keys from its own store and refuses these."""

import base64
import os
from collections.abc import Callable
from pathlib import Path

from common import sealing

SEALED_FOR_NOTIFICATIONS = ("members", "surveys")


def make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sealing.make_key_files(folder / "notifications.key", folder / "notifications.pub")
    _once(folder / "members-signing.key", lambda: os.urandom(32))  # any 32 bytes are an Ed25519 private key (RFC 8032)


def environment(folder: Path, service: str) -> dict[str, str]:
    """The keys that a service may hold, and no other's."""
    held = {}
    if service == "members":
        held["MEMBERS_SIGNING_KEY_FILE"] = folder / "members-signing.key"
    if service in SEALED_FOR_NOTIFICATIONS:
        held["NOTIFICATIONS_PUBLIC_KEY_FILE"] = folder / "notifications.pub"
    if service == "notifications":
        held["NOTIFICATIONS_PRIVATE_KEY_FILE"] = folder / "notifications.key"
    return {name: str(path) for name, path in held.items()}


def _once(path: Path, make_key: Callable[[], bytes]) -> None:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(base64.urlsafe_b64encode(make_key()).decode().rstrip("=") + "\n")
