"""From outbox rows to Kafka: at most one batch per partition in flight, every acknowledgement awaited.

aiokafka's own batching per record is three times slower, and FastStream's publish_batch puts all keys of a batch
into one partition and drops the headers.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from aiokafka import AIOKafkaProducer, codec
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.record._crecords import default_records

from common import bus

REFUSED = (MessageSizeTooLargeError, RecordListTooLargeError)
"""The record is at fault, not the moment."""

PATIENCE = 20.0
"""Seconds for all acknowledgements of a round; the producer's own time-out is shorter."""


class OutboxRow(NamedTuple):
    """A named tuple, because it is made of a database row three times faster than a dataclass."""

    id: int
    event_id: UUID
    topic: str
    key: str
    partition: int | None
    type: str
    version: int | None
    payload: bytes | None
    gone: bool
    created_at: str
    """As RFC 3339 writes it, which is how it travels: making a datetime of it would cost as much as the row."""

    @property
    def emptied(self) -> bool:
        """A sealed payload that was acknowledged once: nothing is left to publish."""
        return self.payload is None and not self.gone


@dataclass(frozen=True, slots=True)
class Refusal:
    row: OutboxRow
    error_class: str


class RefusedBatch(Exception):
    """Kafka refused a batch of several rows; which of them is to blame shows when each goes alone."""

    def __init__(self, ids: set[int]) -> None:
        super().__init__(f"{len(ids)} rows")
        self.ids = ids


METADATA_PAUSE = 0.05
METADATA_PAUSE_ALONE = 0.5
"""Seconds between two questions to Kafka who leads which partition, and when nobody answered."""

LARGEST_BATCH = 900_000
"""Bytes before compression: below the broker's message.max.bytes, so that a round is one batch per partition."""

# The client has no setting for it and takes level 9, which costs ten times the time for 14 % less: more than all the
# rest of publishing.
default_records.lz4_encode = partial(codec.lz4_encode, level=1)

Place = tuple[str, int]
Waiting = dict[Place, deque[OutboxRow]]
Sent = tuple[list[OutboxRow], "asyncio.Future[Any]"]


class KafkaPublisher:
    """One producer, used until its first failure."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self.producer = producer
        self.checked: set[str] = set()

    @classmethod
    async def connect(
        cls, bootstrap: str, *, client_id: str = "relay", request_timeout_ms: int = 15_000
    ) -> "KafkaPublisher":
        """Raises KafkaError. Without idempotence: its sequence numbers do not survive a refused batch, and one batch
        in flight per partition keeps the order by itself; copies are the inbox's business."""
        publisher = cls(
            AIOKafkaProducer(
                **bus.client_arguments(bootstrap),
                client_id=client_id,
                acks="all",
                enable_idempotence=False,
                compression_type="lz4",
                linger_ms=0,
                max_batch_size=LARGEST_BATCH,
                max_request_size=4 * 1_048_576,
                request_timeout_ms=request_timeout_ms,
                retry_backoff_ms=500,
            )
        )
        _pace_metadata(publisher.producer.client)
        try:
            await publisher.producer.start()
        except BaseException:
            await publisher.close()
            raise
        return publisher

    async def publish(self, rows: Sequence[OutboxRow], alone: set[int]) -> list[Refusal]:
        waiting = self._by_partition(rows)
        refused: list[Refusal] = []
        async with asyncio.timeout(PATIENCE):
            await self._check_partitions({topic for topic, _ in waiting})
            while waiting:
                sent = [await self._send(place, queue, alone) for place, queue in waiting.items()]
                outcomes = await self._acknowledgements([future for _, future in sent])
                for (batch, _), outcome in zip(sent, outcomes, strict=True):
                    refused += _refusals(batch, outcome)
                waiting = {place: queue for place, queue in waiting.items() if queue}
        return refused

    async def _acknowledgements(self, futures: "list[asyncio.Future[Any]]") -> list[Any]:
        """Or failures. If the producer's own task dies, its futures would never be told."""
        answers = asyncio.gather(*futures, return_exceptions=True)
        sender = self.producer._sender.sender_task
        await asyncio.wait([answers, sender], return_when=asyncio.FIRST_COMPLETED)
        if not answers.done():
            answers.cancel()
            raise ProducerDied
        return await answers

    async def close(self) -> None:
        """Not producer.stop(): that waits for what can not be sent."""
        self.producer._closed = True
        with suppress(KafkaError, asyncio.TimeoutError, OSError):
            if self.producer._sender is not None and self.producer._sender.sender_task is not None:
                await self.producer._sender.close()
            await self.producer.client.close()

    def _by_partition(self, rows: Sequence[OutboxRow]) -> Waiting:
        """In order within each partition."""
        by_topic: defaultdict[str, list[OutboxRow]] = defaultdict(list)
        for row in rows:
            by_topic[row.topic].append(row)
        waiting: Waiting = defaultdict(deque)
        for topic, its_rows in by_topic.items():
            if bus.TOPICS[topic].sealed:
                its_rows = [row for row in its_rows if not row.emptied]
            numbers = bus.partitions_of_all(topic, [row.key for row in its_rows])
            for row, number in zip(its_rows, numbers, strict=True):
                waiting[topic, number if row.partition is None else row.partition].append(row)
        return waiting

    async def _check_partitions(self, topics: set[str]) -> None:
        """Another partition count would scatter each key's history: then nothing is published."""
        for topic in topics - self.checked:
            there = len(await self.producer.partitions_for(bus.topic_name(topic)))
            if there != bus.partitions_of(topic):
                raise WrongPartitions(topic, there)
            self.checked.add(topic)

    async def _send(self, place: Place, queue: deque[OutboxRow], alone: set[int]) -> Sent:
        """As many rows as one batch takes; what Kafka refused before goes by itself."""
        topic, number = place
        batch = self.producer.create_batch()
        taken = _fill(batch, queue, alone)
        batch.close()
        future = await self.producer.send_batch(batch, bus.topic_name(topic), partition=number)
        return taken, future


class ProducerDied(KafkaError):  # type: ignore[misc]
    """The producer's background task has ended."""


def _pace_metadata(client: Any) -> None:
    """While a partition has no known leader the sender asks for metadata again at once, for ever and on a whole core,
    as when a broker ends in the middle of a round."""
    update = client._metadata_update

    async def paced(*arguments: Any) -> Any:
        updated = await update(*arguments)
        await asyncio.sleep(METADATA_PAUSE if updated else METADATA_PAUSE_ALONE)
        return updated

    client._metadata_update = paced


class WrongPartitions(KafkaError):  # type: ignore[misc]
    """The topic has another number of partitions than its contract says."""

    def __init__(self, topic: str, there: int) -> None:
        super().__init__(f"{topic} has {there} partitions, the contract says {bus.partitions_of(topic)}")


def _fill(batch: Any, queue: deque[OutboxRow], alone: set[int]) -> list[OutboxRow]:
    """Move rows from the queue into the batch until it is full; an empty batch takes a row of any size."""
    # Kafka's own timestamp is the moment of publishing: retention counts from it, so that what is published again is
    # not deleted at once, and the broker refuses times ahead of its clock (a moved clock of development).
    # The event's own time is ce_time.
    taken: list[OutboxRow] = []
    for row in queue:
        if alone and taken and (row.id in alone or taken[0].id in alone):
            break
        _, event_id, _, key, _, kind, version, payload, gone, at = row
        headers = bus.headers_of(event_id=event_id, type=kind, key=key, at=at, version=version, gone=gone)
        if batch.append(timestamp=None, key=key.encode(), value=payload, headers=headers) is None:
            break
        taken.append(row)
    for _ in taken:
        queue.popleft()
    return taken


def _refusals(batch: list[OutboxRow], outcome: Any) -> list[Refusal]:
    """Raises what is not the rows' fault, or what can not be pinned on one row."""
    if not isinstance(outcome, BaseException):
        return []
    if not isinstance(outcome, REFUSED):
        raise outcome
    if len(batch) > 1:
        raise RefusedBatch({row.id for row in batch})
    return [Refusal(batch[0], type(outcome).__name__)]
