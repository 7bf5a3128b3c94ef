"""A consumer group on Kafka: FastStream does the wiring, everything that can lose a record is done here.

FastStream's and aiokafka's defaults that would lose or repeat records, and what stands here instead:
acknowledging first -> MANUAL and explicit offsets after the database's commit; a parser that raises on a header that
is not UTF-8 -> one that never raises; errors that skip a batch -> RewindOnError; rejoining while a batch is in work ->
DrainOnRevoke; a coordination task that dies silently -> watched, and everything is built anew.
"""

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from common import bus, clock, db
from common.bus import Record
from common.bus.administration import administration
from common.db import Pool
from common.inbox.applying import Applied, TooManyFailures, apply
from common.inbox.batches import Batch, by_partition, first_offsets, lanes_of, records_of
from common.inbox.consumers import Consumers
from common.inbox.erased_first import learn_of_erasures
from common.inbox.lag import tell_lag
from common.inbox.places import Places
from common.inbox.telling import Telling
from common.inbox.wiring import RewindOnError, from_all_partitions, raw_decoder, rewind, safe_parser
from common.log import get_logger
from common.metrics import (
    INBOX_APPLIED,
    INBOX_ASSIGNED,
    INBOX_BURIED,
    INBOX_LOST,
    INBOX_PARKED,
    INBOX_RETRIES,
    INBOX_SKIPPED,
)
from common.waiting import first_of, unless

log = get_logger()


@dataclass(frozen=True, slots=True)
class Patience:
    """Time limits in seconds; tests shorten them."""

    batch_retry: float = 20.0
    """How long a batch is tried again before it is given back to Kafka; far below max_poll_interval."""
    first_pause: float = 0.1
    longest_pause: float = 5.0
    drain: float = 45.0
    """How long a rebalance waits for the batch in work; below the rebalance time-out."""
    graceful: float = 4.0
    """How long a batch in work may take after we are told to stop; then it is rolled back, and comes again."""
    parting: float = 1.5
    """How long Kafka may take to hear that we leave."""
    session: float = 15.0
    watch: float = 1.0
    missing_topics: float = 3.0


LANES = 2
"""Transactions at a time."""
PARTITIONS_AT_ONCE = 4
"""Of so many partitions one look at Kafka brings all that it may."""
POLL = 20
"""Milliseconds of a look for records, and again of the pause after one that found none."""
POLL_ALONE = 500
"""The same while no Kafka is heard of: three groups that look 25 times a second cost two hundredths of a core."""


class Dead(Exception):
    """A background task of the Kafka client has ended: nothing would be consumed any more, silently."""


class Subscription:
    """One run of a consumer group: built, watched until something fails or it is told to stop, taken down."""

    def __init__(
        self,
        consumers: Consumers,
        pool: Pool,
        bootstrap: str,
        stopping: asyncio.Event,
        *,
        patience: Patience | None = None,
        max_records: int = 4000,
        at_once: int = 2000,
    ) -> None:
        """``max_records`` is what one look at Kafka brings of each partition, ``at_once`` what one transaction applies
        of it."""
        self.consumers = consumers
        self.pool = pool
        self.bootstrap = bootstrap
        self.stopping = stopping
        self.patience = patience or Patience()
        self.max_records = max_records
        self.at_once = at_once
        self.places = Places(consumers.group)
        self.telling = Telling(consumers.group)
        self.busy = asyncio.Lock()
        self.failure: BaseException | None = None
        self.failed = asyncio.Event()
        self.missing: list[str] = []
        self.subscriber: Any = None

    @property
    def ready(self) -> bool:
        """Joined, nothing failed, and no partition lost records to the log's retention."""
        return self.places.settled and self.failure is None and not self.places.lost

    def ends(self) -> dict[tuple[str, int], int]:
        """The offset after the newest record of each partition that we consume, as Kafka said last."""
        consumer: AIOKafkaConsumer | None = self.subscriber and self.subscriber.consumer
        if consumer is None:
            return {}
        known = {place: consumer.highwater(place) for place in consumer.assignment()}
        return {(bus.topic_of(place.topic), place.partition): end for place, end in known.items() if end is not None}

    async def run(self) -> None:
        """Until told to stop; raises what ended it otherwise, for the supervisor to start a new one."""
        while not self.stopping.is_set():
            topics, missing = await unless(self.stopping, self._prepare()) or ([], [])
            if topics:
                await self._run(topics, missing)
            else:
                await first_of(self.stopping, within=self.patience.missing_topics)

    async def _prepare(self) -> tuple[list[str], list[str]]:
        topics, missing = await self._find_topics()
        if topics:
            await learn_of_erasures(self.pool, self.bootstrap)
        return topics, missing

    async def _run(self, topics: list[str], missing: list[str]) -> None:
        """Until stopped, failed, or a missing topic was made: then everything is built anew."""
        broker = self._broker(topics)
        try:
            await unless(self.stopping, broker.start())
            await self._watch(missing)
        finally:
            await self._take_down(broker)
            INBOX_ASSIGNED.labels(self.consumers.group).set(0)
            tell_lag(self.consumers.group, self.consumers.topics, None)
        if self.failure:
            raise self.failure

    async def _take_down(self, broker: KafkaBroker) -> None:
        """Neither a join nor a leave is waited for to its end.

        Kafka answers a join only when every member has come back, and a killed one counts until its session is over.
        """
        consumer: AIOKafkaConsumer | None = self.subscriber.consumer
        if consumer is not None and not self.places.settled:
            await _cancelled(getattr(consumer._coordinator, "_coordination_task", None))
        try:
            async with asyncio.timeout(self.patience.graceful + self.patience.parting):
                await broker.stop()
        except TimeoutError:
            log.warning("left_without_a_word", group=self.consumers.group)
            if consumer is not None:
                await consumer._client.close()

    async def _find_topics(self) -> tuple[list[str], list[str]]:
        """Those that exist, and those whose owner has not made them yet: with one of these aiokafka never starts."""
        async with administration(self.bootstrap) as admin:
            there = set(await admin.list_topics())
        topics = [topic for topic in self.consumers.topics if bus.topic_name(topic) in there]
        missing = [topic for topic in self.consumers.topics if bus.topic_name(topic) not in there]
        if missing and missing != self.missing:
            log.warning("topics_missing", group=self.consumers.group, topics=missing)
        self.missing = missing
        return topics, missing

    def fail(self, error: BaseException) -> None:
        self.failure = error
        self.failed.set()

    def _broker(self, topics: list[str]) -> KafkaBroker:
        broker = KafkaBroker(
            self.bootstrap.split(","),  # of one text FastStream makes one host, whatever commas are in it
            security=bus.faststream_security(),
            client_id=self.consumers.group,
            consumer_only=True,
            allow_auto_create_topics=False,
            request_timeout_ms=40_000,
            retry_backoff_ms=500,
            metadata_max_age_ms=30_000,
            graceful_timeout=self.patience.graceful,
            middlewares=[RewindOnError],
            logger=logging.getLogger("inbox.faststream"),
            log_level=logging.DEBUG,
        )
        session = int(self.patience.session * 1000)
        self.subscriber = broker.subscriber(
            *[bus.topic_name(topic) for topic in topics],
            batch=True,
            max_records=self.max_records,
            batch_timeout_ms=POLL,
            group_id=bus.group_name(self.consumers.group),
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            listener=DrainOnRevoke(self),
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
            session_timeout_ms=session,
            heartbeat_interval_ms=session // 5,
            rebalance_timeout_ms=60_000,
            max_poll_interval_ms=300_000,
            parser=safe_parser,
            decoder=raw_decoder,
        )
        self.subscriber.get_msg = from_all_partitions(
            self.subscriber.get_msg, of_each=self.max_records, at_most=PARTITIONS_AT_ONCE * self.max_records
        )
        self.subscriber(self.take)
        return broker

    async def _watch(self, missing: list[str]) -> None:
        """aiokafka's background tasks may die of a surprise, and then every poll fails for ever while pings succeed."""
        loop = asyncio.get_running_loop()
        look_again = loop.time() + self.patience.missing_topics
        while not await first_of(self.stopping, self.failed, within=self.patience.watch):
            if missing and loop.time() > look_again:
                if (await self._find_topics())[1] != missing:
                    return
                look_again = loop.time() + self.patience.missing_topics
            consumer = self.subscriber.consumer
            if consumer is not None:
                for task in _background_tasks(consumer):
                    if task is not None and task.done():
                        raise Dead(f"{self.consumers.group}: a background task of the Kafka client has ended")
                INBOX_ASSIGNED.labels(self.consumers.group).set(len(consumer.assignment()))
                tell_lag(self.consumers.group, self.consumers.topics, consumer)
                self.subscriber.batch_timeout_ms = POLL if _hears_kafka(consumer) else POLL_ALONE

    async def take(self, message: KafkaMessage) -> None:
        """What Kafka gave: apply, commit, then say so to Kafka. What was not applied is asked for again.

        Partitions go on side by side, as they would in several processes: while PostgreSQL works for one lane, the
        next batch of the other is read.
        """
        async with self.busy:
            consumer: AIOKafkaConsumer = message.consumer
            lanes = lanes_of(self.places.accept(consumer, by_partition(message.raw_message)), LANES)
            given_back_at = asyncio.get_running_loop().time() + self.patience.batch_retry
            applied = await asyncio.gather(
                *(self._apply_all(lane, consumer, given_back_at) for lane in lanes), return_exceptions=True
            )
            left: list[ConsumerRecord] = []
            for lane, count in zip(lanes, applied, strict=True):
                if isinstance(count, BaseException):
                    raise count
                left += lane[count:]
            await rewind(consumer, first_offsets(by_partition(left)))
            if self.stopping.is_set():
                await self.telling.ended()

    async def _apply_all(self, raw: Sequence[ConsumerRecord], consumer: AIOKafkaConsumer, given_back_at: float) -> int:
        """How many were applied: all, unless time is up, others want to have the partitions, we are stopping or the
        deploy is bad."""
        applied = 0
        while applied < len(raw) and self.places.settled and not self.stopping.is_set():
            records = records_of(raw[applied : applied + self.at_once])
            done = await self._apply_some(records, consumer, given_back_at)
            applied += done
            if done < len(records):
                break
        return applied

    async def _apply_some(self, records: Sequence[Record], consumer: AIOKafkaConsumer, given_back_at: float) -> int:
        """How many were applied. Halved and tried again for passing reasons."""
        loop = asyncio.get_running_loop()
        done, size, pause = 0, len(records), self.patience.first_pause
        while done < len(records):
            batch = Batch.of(self.consumers, records[done : done + size])
            try:
                await self._apply(batch)
            except TooManyFailures as error:
                log.error("consumer_stopped", group=self.consumers.group, reason=str(error))
                self.fail(error)
                return done
            except db.TRANSIENT as error:
                INBOX_RETRIES.labels(self.consumers.group).inc()
                log.warning("batch_retried", group=self.consumers.group, error=type(error).__name__, size=size)
                size = max(1, size // 2)
                if loop.time() > given_back_at:
                    return done
                if await first_of(self.stopping, within=pause * random.uniform(0.5, 1)):  # noqa: S311
                    return done
                pause = min(pause * 2, self.patience.longest_pause)
                continue
            done += len(batch.records)
            self.telling.tell(consumer, batch)
        return done

    async def _apply(self, batch: Batch) -> None:
        async with asyncio.timeout(60), db.transaction(self.pool) as conn:
            applied = await apply(self.consumers, conn, batch, now=clock.now())
        self._count(applied)

    def _count(self, applied: Applied) -> None:
        group = self.consumers.group
        INBOX_APPLIED.labels(group).inc(applied.done)
        INBOX_SKIPPED.labels(group).inc(applied.skipped)
        INBOX_PARKED.labels(group).inc(applied.parked)
        INBOX_BURIED.labels(group).inc(len(applied.buried))


async def _cancelled(task: "asyncio.Task[None] | None") -> None:
    if task is not None and not task.done():
        task.cancel()
        await asyncio.wait([task])


def _background_tasks(consumer: AIOKafkaConsumer) -> "list[asyncio.Task[None] | None]":
    """Without one of them everything that the client does next may wait for ever."""
    return [consumer._coordinator._coordination_task, consumer._fetcher._fetch_task, consumer._client._sync_task]


def _hears_kafka(consumer: AIOKafkaConsumer) -> bool:
    return consumer._coordinator.coordinator_id is not None


class DrainOnRevoke(ConsumerRebalanceListener):  # type: ignore[misc]
    """aiokafka rejoins in the background while a batch is in work; hold the rejoin until the batch is done.

    On assignment every partition is sought to min(own position, committed offset): the database knows what it has.
    """

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        mine = self.subscription
        mine.places.unsettle()
        try:
            async with asyncio.timeout(mine.patience.drain), mine.busy:
                await mine.telling.ended()
        except TimeoutError:
            log.warning("batch_outlived_the_rebalance", group=mine.consumers.group)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Must not raise: aiokafka would only log it, and read on from the committed offsets."""
        mine = self.subscription
        try:
            async with asyncio.timeout(mine.patience.drain):
                await self._settle(assigned)
            INBOX_LOST.labels(mine.consumers.group).set(len(mine.places.lost))
        except Exception as error:
            log.warning("assignment_failed", group=mine.consumers.group, error=type(error).__name__)
            mine.fail(error)

    async def _settle(self, assigned: set[TopicPartition]) -> None:
        mine = self.subscription
        consumer: AIOKafkaConsumer = mine.subscriber.consumer
        pause = mine.patience.first_pause
        while True:
            try:
                async with db.transaction(mine.pool) as conn:
                    await mine.places.settle(consumer, assigned, conn)
                return
            except db.UNANSWERED as error:
                log.warning("positions_not_read", group=mine.consumers.group, error=type(error).__name__)
            if await first_of(mine.stopping, within=pause):
                return
            pause = min(pause * 2, mine.patience.longest_pause)
