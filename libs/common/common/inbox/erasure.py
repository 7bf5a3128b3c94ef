"""People who were forgotten: nothing about them is stored again, by no late copy and by no concurrent consumer."""

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from common.db import Connection

BUCKETS = 64
LOCK_SPACE = 0x65726173  # "eras"


async def is_erased(conn: Connection, ids: Iterable[UUID]) -> set[UUID]:
    """Which of these people were forgotten. Ask before storing anything about a person, in the same transaction.

    The shared lock holds off an erasure until this transaction has ended: it would otherwise not see, and so not
    delete, what this transaction is about to store.
    """
    people = list(set(ids))
    await lock_people(conn, sharing=people)
    return await find_erased(conn, people)


async def find_erased(conn: Connection, people: list[UUID]) -> set[UUID]:
    if not people:
        return set()
    return {row["id"] for row in await conn.fetch("SELECT id FROM erased WHERE id = ANY($1)", people)}


async def mark_erased(conn: Connection, people: list[UUID], now: datetime) -> None:
    await conn.execute(
        "INSERT INTO erased (id, erased_at) SELECT id, $2 FROM unnest($1::uuid[]) id ORDER BY id"
        " ON CONFLICT DO NOTHING",
        people,
        now,
    )


async def lock_people(conn: Connection, *, sharing: Collection[UUID] = (), erasing: Iterable[UUID] = ()) -> None:
    """Shared locks for those written about, exclusive ones for those erased, until the transaction ends.

    People fall into 64 buckets, so that a large batch needs few locks; one statement takes them in one order,
    so that two transactions can not wait for each other.
    """
    exclusive = {_bucket(person) for person in erasing}
    buckets = sorted(exclusive | _buckets(sharing))
    if buckets:
        await conn.execute(
            """
            SELECT CASE WHEN alone THEN pg_advisory_xact_lock($1, bucket)
                        ELSE pg_advisory_xact_lock_shared($1, bucket) END
              FROM unnest($2::int[], $3::bool[]) AS wanted (bucket, alone)
            """,
            LOCK_SPACE,
            buckets,
            [bucket in exclusive for bucket in buckets],
        )


def _buckets(people: Collection[UUID]) -> set[int]:
    """Of very many: all, without asking each."""
    return set(range(BUCKETS)) if len(people) > 4 * BUCKETS else {_bucket(person) for person in people}


@lru_cache(maxsize=10_000)
def _bucket(person: UUID) -> int:
    return hashlib.blake2s(person.bytes, digest_size=1).digest()[0] % BUCKETS
