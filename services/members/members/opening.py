"""What has to be there before the service opens: the vault, the keys, and their public halves known to everybody."""

import os
from datetime import datetime, timedelta
from pathlib import Path

from common import clock, sealing
from common.db import Connection, Pool, migrate, open_pool, transaction
from common.events.members import SigningKeyState
from common.outbox import append
from common.service import Runtime
from common.web import limits, tokens
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey

from members.keyring import Keyring, hold
from members.settings import Settings
from members.store import sign_in as store
from members.store import vault

VAULT_MIGRATIONS = Path(__file__).parent / "vault_migrations"
SIGNING_KEY_GOOD_FOR = timedelta(days=400)
PUBLISH_AGAIN_BEFORE = timedelta(days=100)


async def open_the_service(runtime: Runtime) -> None:
    """Open the keyring, and tell the other services which key signs the access tokens."""
    settings = runtime.settings
    assert isinstance(settings, Settings)  # noqa: S101 - app.py says so
    vault_pool = await open_pool(settings.members_vault_url, application_name="members vault")
    runtime.resources["vault"] = vault_pool
    keyring = await open_keyring(settings, vault_pool)
    hold(keyring)
    limits.switch(settings.rate_limits)
    async with transaction(runtime.pool) as conn:
        await publish_signing_key(conn, keyring, now=clock.now())


async def migrate_vault(settings: Settings) -> list[str]:
    owner = settings.members_vault_migration_url or settings.members_vault_url
    return await migrate(owner, VAULT_MIGRATIONS, runtime_url=settings.members_vault_url)


async def open_keyring(settings: Settings, vault_pool: Pool) -> Keyring:
    now = clock.now()
    return Keyring(
        vault=vault_pool,
        index_key=await vault.service_key(vault_pool, "blind indexes", now=now),
        cookie_key=await vault.service_key(vault_pool, "cookies", now=now),
        notifications_public_key=sealing.load_public(settings.notifications_public_key_file),
        public_url=settings.public_url,
        signing_key=_signing_key(settings),
    )


async def publish_signing_key(conn: Connection, keyring: Keyring, *, now: datetime) -> None:
    """Once per key, and again in good time before what was published runs out."""
    key, public = keyring.signing_key, tokens.public_text(keyring.signing_key)
    known_until = await store.signing_key_ends(conn, str(key.kid))
    if known_until is not None and known_until > now + PUBLISH_AGAIN_BEFORE:
        return
    not_after = now + SIGNING_KEY_GOOD_FOR
    version = await store.save_signing_key(conn, str(key.kid), public, not_after)
    state = SigningKeyState(key_id=str(key.kid), version=version, public_key=public, not_after=not_after)
    await append(conn, state)


def _signing_key(settings: Settings) -> OKPKey:
    """The key names itself after its public half. In development it is made when it is missing."""
    path = settings.members_signing_key_file
    if not settings.production:
        _make_missing_key(path)
    raw = sealing.load_private(path)
    return tokens.private_key(raw, kid=sealing.key_id(_public_bytes(raw)))


def _public_bytes(raw: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()


def _make_missing_key(path: Path) -> None:
    """Whoever starts first makes it; nobody ever reads half a key."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(sealing.encode(os.urandom(sealing.KEY_BYTES)) + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
