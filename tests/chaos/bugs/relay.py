"""Bugs of the way from the outbox to Kafka."""

import asyncio
import os
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import asyncpg
from aiokafka.errors import KafkaError
from common import bus
from common.outbox import publishing, relay
from common.outbox.publishing import OutboxRow
from common.waiting import first_of

from tests.chaos.bugs import replace


def reads_only_above_the_last() -> None:
    """``id > last`` and nothing else: what commits late, below the last one read, is never seen."""

    async def forgets_gaps(self: relay.Relay, *arguments: Any) -> Any:
        done = await sound(self, *arguments)
        self.gaps.clear()
        return done

    sound = replace(relay.Relay, "round", forgets_gaps)


def waits_for_every_gap() -> None:
    """Nothing is read past a missing id: one that belongs to a rollback holds everybody up for ever."""

    async def up_to_the_gap(self: relay.Relay, scanned: int) -> list[OutboxRow]:
        rows: list[OutboxRow] = await sound(self, scanned)
        return [row for number, row in enumerate(rows, scanned + 1) if row.id == number]

    sound = replace(relay.Relay, "_read_after", up_to_the_gap)


def moves_the_position_first() -> None:
    """The position is stored before Kafka has acknowledged."""

    async def stores_then_publishes(self: relay.Relay, publish: Any) -> int:
        owed: list[tuple[Any, ...]] = []

        async def later(*arguments: Any) -> list[Any]:
            owed.append(arguments)
            return []

        done: int = await sound(self, later)
        for arguments in owed:
            await publish(*arguments)
        return done

    sound = replace(relay.Relay, "round", stores_then_publishes)


def goes_on_after_a_failure() -> None:
    """A retry that skips: what Kafka did not take is logged, and the next rows are tried."""

    async def shrugs(self: relay.Publishing, *arguments: Any) -> list[Any]:
        try:
            return list(await sound(self, *arguments))
        except (KafkaError, TimeoutError):
            await self.close()
            return []

    sound = replace(relay.Publishing, "publish", shrugs)


def takes_half_for_all() -> None:
    """Some partitions of a round failed, others not; the round counts as published."""
    replace(publishing, "_refusals", lambda batch, outcome: [])


def draws_a_new_id_for_each_try() -> None:
    """The event's id is made when it is published, not when it is written: nobody can recognise a copy."""

    def headers_of(**named: Any) -> Any:
        return sound(**named | {"event_id": uuid4()})

    sound = replace(bus, "headers_of", headers_of)


def moves_the_position_of_another_epoch() -> None:
    """Nobody asks for the epoch: the position is where the last one to write has left it."""

    async def whatever_the_epoch(self: relay.Relay, *arguments: Any) -> None:
        self.epoch = await self.conn.fetchval("SELECT epoch FROM outbox_position")
        await sound(self, *arguments)

    sound = replace(relay.Relay, "_store", whatever_the_epoch)
    _stores_over_another_connection()


def _stores_over_another_connection() -> None:
    """Not over the session that holds the lock: who has lost that can still write. No bug yet, as long as the epoch is
    asked for."""

    async def elsewhere(self: relay.Relay, *arguments: Any) -> None:
        mine, self.conn = self.conn, await asyncpg.connect(os.environ["DATABASE_URL"])
        try:
            await sound(self, *arguments)
        finally:
            await self.conn.close()
            self.conn = mine

    sound = replace(relay.Relay, "_store", elsewhere)


def shares_the_rows() -> None:
    """No leader: whoever comes claims some rows by SKIP LOCKED and publishes them, beside others who do the same."""

    async def run(url: str, connect: Any, stopping: asyncio.Event, **_: Any) -> None:
        conn = await asyncpg.connect(url, server_settings={"application_name": "grower.relay"})
        publisher = relay.Publishing(connect)
        while not await first_of(stopping, within=0.02):
            async with conn.transaction():
                rows: Sequence[Any] = await conn.fetch(CLAIM)
                if rows:
                    in_order = sorted((OutboxRow(*row) for row in rows), key=lambda row: row.id)
                    await publisher.publish(in_order, set())

    replace(relay, "run", run)


CLAIM = """
    DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT 5 FOR UPDATE SKIP LOCKED)
    RETURNING id, event_id, topic, key, partition, type, version, payload, gone, created_at
"""
