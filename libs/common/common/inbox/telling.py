"""What Kafka is told of how far a group has come: behind the batches, which do not wait for its answer."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError

from common import bus
from common.inbox.batches import Batch
from common.log import get_logger

log = get_logger()

ANSWERED_WITHIN = 10.0
"""Seconds."""


class Telling:
    """Explicit offsets, after the database's commit. One call at a time; what is done meanwhile goes with the next.

    Losing a call loses nothing: the ids are consumed, and the database has positions of its own.
    """

    def __init__(self, group: str) -> None:
        self.group = group
        self._untold: dict[TopicPartition, int] = {}
        self._task: asyncio.Task[None] | None = None

    def tell(self, consumer: AIOKafkaConsumer, done: Batch) -> None:
        """This is applied for good."""
        for (topic, partition), offset in done.following.items():
            self._untold[TopicPartition(bus.topic_name(topic), partition)] = offset
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._tell_all(consumer))

    async def ended(self) -> None:
        """When nothing is left that could be told; what could not is let go, for the partitions may go to others."""
        if self._task is not None:
            await asyncio.wait([self._task])
        self._untold = {}

    async def _tell_all(self, consumer: AIOKafkaConsumer) -> None:
        """What was not heard goes with the next call, unless the partition is not ours any more."""
        while self._untold:
            mine = consumer.assignment()
            offsets = {place: offset for place, offset in self._untold.items() if place in mine}
            self._untold = {}
            try:
                async with asyncio.timeout(ANSWERED_WITHIN):
                    if offsets:
                        await consumer.commit(offsets)
            except (KafkaError, ConsumerStoppedError, TimeoutError) as error:
                log.warning("offsets_not_committed", group=self.group, error=type(error).__name__)
                newer, self._untold = self._untold, offsets | self._untold
                if not newer:
                    return
