"""Bugs of the way from Kafka into a consumer's tables."""

from typing import Any

from common import db
from common.inbox import applying, erasure, places, store, subscription
from common.inbox.applying import Applying
from faststream.kafka.subscriber.config import KafkaSubscriberConfig
from toy.events import TreeState
from toy.watcher import app as watcher

from tests.chaos.bugs import replace


def applies_copies_again() -> None:
    """Nobody looks whether an event had its effect already."""

    async def all_of_them(conn: Any, group: str, ids: Any, now: Any) -> set[Any]:
        return set(ids)

    replace(store, "take_fresh", all_of_them)


def recognises_copies_until_it_restarts() -> None:
    """The ids that had their effect are kept in memory."""
    applied: set[Any] = set()

    async def fresh(conn: Any, group: str, ids: Any, now: Any) -> set[Any]:
        new = set(ids) - applied
        applied.update(new)
        return new

    replace(store, "take_fresh", fresh)


def commits_offsets_before_the_work() -> None:
    """Position and offsets are moved first and the batch is applied after that."""

    async def tells_then_applies(self: Any, batch: Any) -> None:
        async with db.transaction(self.pool) as conn:
            await store.advance_positions(conn, self.consumers.group, batch.following)
        self.telling.tell(self.subscriber.consumer, batch)
        await self.telling.ended()
        await sound(self, batch)

    sound = replace(subscription.Subscription, "_apply", tells_then_applies)


def lets_the_client_commit() -> None:
    """Auto-commit, and nobody looks at the positions in the database: what was fetched counts as done."""

    def by_itself(self: KafkaSubscriberConfig) -> None:
        self.connection_args |= {"enable_auto_commit": True, "auto_commit_interval_ms": 50}

    replace(KafkaSubscriberConfig, "__post_init__", by_itself)
    trusts_kafka_alone()


def trusts_kafka_alone() -> None:
    """It reads on from the committed offset: a database restored from yesterday never sees what it missed."""

    async def stays(self: places.Places, *_: Any) -> None:
        self.lost, self.settled = {}, True

    replace(places.Places, "settle", stays)
    replace(places.Places, "accept", lambda self, consumer, partitions: partitions)


def skips_what_failed_for_now() -> None:
    """A retry that skips: the database was away for a moment, and the next batch is told to Kafka as if nothing was."""

    async def gives_up(self: Any, batch: Any) -> None:
        try:
            await sound(self, batch)
        except db.TRANSIENT:
            return

    sound = replace(subscription.Subscription, "_apply", gives_up)


def lets_facts_overtake_a_dead_letter() -> None:
    """A record that fails is put aside and its key goes on."""

    async def parks_nothing(self: Applying, incoming: Any) -> Any:
        return incoming

    replace(Applying, "_park_what_waits", parks_nothing)


def applies_parked_facts_backwards() -> None:
    """What waited behind a dead letter is applied in another order than it came."""

    async def backwards(*arguments: Any) -> Any:
        return list(reversed(await sound(*arguments)))

    sound = replace(store, "list_waiting", backwards)


def believes_every_state() -> None:
    """A state is stored without a look at its version: a late one wins over the newest."""

    async def stores_it(states: list[TreeState], conn: Any) -> None:
        await conn.executemany(
            """
            INSERT INTO known_trees (tree_id, version, height) VALUES ($1, $2, $3)
            ON CONFLICT (tree_id) DO UPDATE SET version = excluded.version, height = excluded.height
            """,
            [(state.tree_id, state.version, state.height) for state in states],
        )

    watcher.consumers.many[TreeState.type] = stores_it


def forgets_who_was_forgotten() -> None:
    """Nobody asks whether a person was erased: a late state brings her back."""

    async def nobody(conn: Any, people: Any) -> set[Any]:
        return set()

    replace(erasure, "find_erased", nobody)


def drops_what_fails() -> None:
    """What can not be applied is logged, and gone."""

    async def logs_it(self: Applying, item: Any, error: BaseException) -> None:
        applying.log.error("record_dropped", error=type(error).__name__)

    replace(Applying, "_bury", logs_it)
