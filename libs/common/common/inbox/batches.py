"""What one transaction applies, and what may be applied beside it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from aiokafka import ConsumerRecord, TopicPartition

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
        following = {(record.topic, record.partition): record.offset + 1 for record in records}
        wanted: dict[UUID, Record] = {}
        for record in records:
            if consumers.wants(record):
                wanted.setdefault(record.event_id, record)
        incoming = read_all(consumers, list(wanted.values()))
        return cls(records, dict(zip(wanted, incoming, strict=True)), following)


Partitions = Mapping[TopicPartition, Sequence[ConsumerRecord]]

_place = attrgetter("topic", "partition")


def by_partition(raw: Iterable[ConsumerRecord]) -> Partitions:
    """In the order of each. Records come in runs of one partition: what can be asked once of a run is."""
    found: dict[TopicPartition, list[ConsumerRecord]] = {}
    for place, run in groupby(raw, key=_place):
        found.setdefault(TopicPartition(*place), []).extend(run)
    return found


def first_offsets(partitions: Partitions) -> dict[TopicPartition, int]:
    return {place: raw[0].offset for place, raw in partitions.items()}


def lanes_of(partitions: Partitions, at_most: int) -> list[list[ConsumerRecord]]:
    """What can go on side by side, in parts of about one size: a partition is in one lane, in its order."""
    lanes: list[list[ConsumerRecord]] = [[] for _ in range(at_most)]
    for raw in sorted(partitions.values(), key=len, reverse=True):
        min(lanes, key=len).extend(raw)
    return [lane for lane in lanes if lane]


def records_of(raw: Iterable[ConsumerRecord]) -> list[Record]:
    records: list[Record] = []
    for (name, partition), run in groupby(raw, key=_place):
        topic = bus.topic_of(name)
        records += [read_record(topic, partition, one.offset, one.key, one.value, one.headers) for one in run]
    return records
