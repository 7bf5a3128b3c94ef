"""What one transaction applies, and what may be applied beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from aiokafka import ConsumerRecord

from common import bus
from common.bus import Record, read_record
from common.inbox.consumers import Consumers
from common.inbox.reading import Incoming, read_all


@dataclass(frozen=True, slots=True)
class Batch:
    """Records in offset order per partition, read: what one transaction applies."""

    records: Sequence[Record]
    wanted: Mapping[UUID, Incoming]
    """The first of each id among those that the group has a deed for."""
    following: dict[tuple[str, int], int]
    """The offset after the last one, per partition."""

    @classmethod
    def of(cls, consumers: Consumers, records: Sequence[Record]) -> "Batch":
        following: dict[tuple[str, int], int] = {}
        wanted: dict[UUID, Record] = {}
        for record in records:
            following[record.topic, record.partition] = record.offset + 1
            if consumers.wants(record):
                wanted.setdefault(record.event_id, record)
        incoming = read_all(consumers, list(wanted.values()))
        return cls(records, dict(zip(wanted, incoming, strict=True)), following)


def lanes_of(raw: Sequence[ConsumerRecord], at_most: int) -> list[list[ConsumerRecord]]:
    """What can go on side by side, in parts of about one size: a partition is in one lane, in its order."""
    partitions: dict[tuple[str, int], list[ConsumerRecord]] = {}
    for one in raw:
        partitions.setdefault((one.topic, one.partition), []).append(one)
    lanes: list[list[ConsumerRecord]] = [[] for _ in range(at_most)]
    for partition in sorted(partitions.values(), key=len, reverse=True):
        min(lanes, key=len).extend(partition)
    return [lane for lane in lanes if lane]


def record_of(raw: ConsumerRecord) -> Record:
    return read_record(bus.topic_of(raw.topic), raw.partition, raw.offset, raw.key, raw.value, raw.headers)
