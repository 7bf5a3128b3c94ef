"""What FastStream is given where its own parts would lose a batch (a parser that can not raise, and a way back), or
take all of one partition before they look at the next."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from faststream import BaseMiddleware
from faststream.kafka.message import KafkaAckableMessage

from common.inbox.batches import by_partition, first_offsets
from common.log import get_logger

log = get_logger()


Get = Callable[[AIOKafkaConsumer], Awaitable[tuple[ConsumerRecord, ...]]]


def from_all_partitions(get: Get, *, of_each: int, at_most: int) -> Get:
    """``get`` waits for records, which mostly are of one partition; to these come what is there of the others."""

    async def get_evenly(consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord, ...]:
        found = list(await get(consumer))
        others = consumer.assignment() - by_partition(found).keys() if found else ()
        for place in others:
            if len(found) >= at_most:
                break
            try:
                found += (await consumer.getmany(place, timeout_ms=0, max_records=of_each)).get(place, ())
            except (IllegalStateError, KafkaError) as error:  # what was found is in our hands, and would be lost
                log.warning("partition_not_read", error=type(error).__name__)
        return tuple(found)

    return get_evenly


async def safe_parser(raw: tuple[ConsumerRecord, ...], original: Any) -> KafkaAckableMessage:
    """Never raises. FastStream's own parser does on a null or non-UTF-8 header, and the batch is lost with it."""
    first = raw[0]
    return KafkaAckableMessage(
        raw_message=raw,
        body=[one.value for one in raw],
        headers={},
        batch_headers=[{} for _ in raw],
        message_id=f"{first.topic}-{first.partition}-{first.offset}",
        correlation_id=f"{first.topic}-{first.partition}-{first.offset}",
        consumer=original.__self__._consumer,
    )


async def raw_decoder(message: Any) -> Any:
    """Records are read by ``read_record``; FastStream would parse each again and again."""
    return message.raw_message


async def rewind(consumer: AIOKafkaConsumer, firsts: dict[TopicPartition, int]) -> None:
    """Seek back, so that nothing is skipped; never forward, where a rebalance has already sought further back."""
    for place, offset in firsts.items():
        with suppress(IllegalStateError, KafkaError):  # revoked meanwhile: the next owner starts from its own position
            consumer.seek(place, min(offset, await consumer.position(place)))


class RewindOnError(BaseMiddleware):
    """The last line of defence: whatever escapes, seek back and pause; with MANUAL the next batch would cover it up."""

    pause = 1.0

    async def after_processed(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: Any = None,
    ) -> bool | None:
        if exc_type is not None and isinstance(self.msg, tuple):
            log.error("batch_rewound", error=exc_type.__name__)
            await rewind(self.context.get_local("handler_").consumer, first_offsets(by_partition(self.msg)))
            await asyncio.sleep(self.pause)
        return False
