"""The keys of persons: one AES-256-GCM key each, in a database of their own. Whoever destroys it forgets the person."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from common.db import Pool
from common.errors import NotFound
from common.ids import new_id
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from members.keyring import keyring

NONCE_BYTES = 12


class KeyDestroyed(NotFound):
    """The person was forgotten while we looked, or in a database that was restored to a day before."""


class PersonKey:
    """Encrypts the columns of one person. The additional data ties a value to its table, column and row."""

    def __init__(self, person_id: UUID, key: bytes) -> None:
        self.person_id = person_id
        self._cipher = AESGCM(key)

    def encrypt(self, table: str, column: str, text: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), self._place(table, column))

    def decrypt(self, table: str, column: str, stored: bytes) -> str:
        nonce, ciphertext = stored[:NONCE_BYTES], stored[NONCE_BYTES:]
        return self._cipher.decrypt(nonce, ciphertext, self._place(table, column)).decode()

    def _place(self, table: str, column: str) -> bytes:
        return f"{table}\n{column}\n{self.person_id}".encode()


async def new_key(person_id: UUID, *, now: datetime) -> PersonKey:
    """Committed before the row it is for. If that row never comes, the key opens nothing and hurts nobody."""
    key = AESGCM.generate_key(bit_length=256)
    await keyring().vault.execute(
        "INSERT INTO person_keys (person_id, key, created_at) VALUES ($1, $2, $3)", person_id, key, now
    )
    return PersonKey(person_id, key)


@asynccontextmanager
async def new_keys(count: int, *, now: datetime) -> AsyncIterator[list[PersonKey]]:
    """For as many persons to be, whose ids are drawn here. Committed when the block ends, which is before their rows
    are, as above; the rows are written meanwhile."""
    keys = {new_id(): AESGCM.generate_key(bit_length=256) for _ in range(count)}
    kept = asyncio.create_task(_keep_keys(keys, now))
    try:
        yield [PersonKey(person_id, key) for person_id, key in keys.items()]
    finally:
        await kept


async def _keep_keys(keys: Mapping[UUID, bytes], now: datetime) -> None:
    await keyring().vault.execute(
        """
        INSERT INTO person_keys (person_id, key, created_at)
        SELECT person_id, key, $3 FROM unnest($1::uuid[], $2::bytea[]) AS new (person_id, key)
        """,
        list(keys),
        list(keys.values()),
        now,
    )


async def key_of(person_id: UUID) -> PersonKey:
    """Raises KeyDestroyed."""
    key = await keyring().vault.fetchval("SELECT key FROM person_keys WHERE person_id = $1", person_id)
    if key is None:
        raise KeyDestroyed("There is no such member.")
    return PersonKey(person_id, key)


async def keys_of(person_ids: Iterable[UUID]) -> dict[UUID, PersonKey]:
    """Those that exist."""
    rows = await keyring().vault.fetch(
        "SELECT person_id, key FROM person_keys WHERE person_id = ANY($1::uuid[])", list(person_ids)
    )
    return {row["person_id"]: PersonKey(row["person_id"], row["key"]) for row in rows}


async def destroy_key(person_id: UUID) -> None:
    await keyring().vault.execute("DELETE FROM person_keys WHERE person_id = $1", person_id)


async def service_key(vault: Pool, name: str, *, now: datetime) -> bytes:
    """The key of that name, made by whoever starts first."""
    await vault.execute(
        "INSERT INTO service_keys (name, key, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        name,
        os.urandom(32),
        now,
    )
    key: bytes = await vault.fetchval("SELECT key FROM service_keys WHERE name = $1", name)
    return key
