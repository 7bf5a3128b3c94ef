"""The table of topics. Partition count and partitioner are part of a topic's contract: they never change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from aiokafka.partitioner import murmur2

from common.bus.murmur import murmur2_of_all
from common.events import REGISTRY, Event

WIDE = 64
"""Partitions of what grows with the members: consumers scale up to here."""
NARROW = 8

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Topic:
    """One row of the table in docs/events.md, which is generated from here."""

    name: str
    owner: str
    compacted: bool
    types: tuple[str, ...]
    partitions: int = NARROW
    retention: timedelta | None = 7 * DAY
    """None: compacted, the last state per key stays."""
    readers: tuple[str, ...] = ()
    personal: str = "none"
    """``none``, ``ids`` (pseudonymous), ``attributes`` (pseudonymous attributes) or ``sealed`` (to notifications)."""

    @property
    def sealed(self) -> bool:
        return self.personal == "sealed"

    def config(self) -> dict[str, str]:
        """Settings of the topic itself; replication and min.insync.replicas come from the installation."""
        hour = 3_600_000
        if self.compacted:
            return {
                "cleanup.policy": "compact",
                "max.compaction.lag.ms": str(24 * hour),
                "min.cleanable.dirty.ratio": "0.1",
                "segment.ms": str(24 * hour),
                "delete.retention.ms": str(7 * 24 * hour),
            }
        kept = self.retention or 7 * DAY
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(int(kept.total_seconds() * 1000)),
            "segment.ms": str(min(24 * hour, int(kept.total_seconds() * 1000) // 3)),
        }


EVERYBODY = ("members", "hub", "surveys", "notifications")

OVERRIDES: dict[str, dict[str, object]] = {
    "members.member": {"partitions": WIDE, "readers": (), "personal": "ids"},
    "members.member.state": {
        "partitions": WIDE,
        "readers": ("hub", "surveys", "notifications"),
        "personal": "attributes",
    },
    "members.contact.state": {"partitions": WIDE, "readers": ("notifications",), "personal": "sealed"},
    "members.letters": {
        "partitions": NARROW,
        "readers": ("notifications",),
        "personal": "sealed",
        "retention": 3 * DAY,
    },
    "members.erasure.state": {"readers": EVERYBODY, "personal": "ids"},
    "members.session.state": {"readers": ("hub", "surveys", "notifications")},
    "members.signing_key.state": {"readers": ("hub", "surveys", "notifications")},
    "hub.meeting": {"readers": ()},
    "hub.meeting.state": {"readers": ("surveys", "notifications")},
    "hub.rsvp.state": {"partitions": WIDE, "readers": ("notifications",), "personal": "ids"},
    "hub.erasure": {"readers": ("members",), "personal": "ids"},
    "surveys.campaign": {"readers": ()},
    "surveys.campaign.state": {"readers": ("notifications",)},
    "surveys.campaign_key.state": {"readers": ("notifications",), "personal": "sealed"},
    "surveys.invitation": {"partitions": WIDE, "readers": ("notifications",), "personal": "ids"},
    "surveys.participation": {"partitions": WIDE, "readers": ("notifications",), "personal": "ids"},
    "surveys.erasure": {"readers": ("members",), "personal": "ids"},
    "notifications.letter": {"readers": ("members",)},
    "notifications.unsubscribe": {"partitions": WIDE, "readers": ("members",), "personal": "ids"},
    "notifications.invitation": {"partitions": WIDE, "readers": ("surveys",), "personal": "ids"},
    "notifications.erasure": {"readers": ("members",), "personal": "ids"},
}


def topic_from(name: str, events: list[type[Event]]) -> Topic:
    """What the registry says of a topic, with our overrides."""
    compacted = events[0].compacted
    topic = Topic(
        name=name,
        owner=events[0].owner,
        compacted=compacted,
        types=tuple(sorted(event.type for event in events)),
        retention=None if compacted else 7 * DAY,
    )
    return replace(topic, **OVERRIDES.get(name, {}))  # type: ignore[arg-type]


class Topics(dict[str, Topic]):
    """By name without prefix. An event class registered later (a test's own) has its topic all the same."""

    def __missing__(self, name: str) -> Topic:
        events = [event for event in REGISTRY.values() if event.topic == name]
        if not events:
            raise KeyError(name)
        self[name] = topic_from(name, events)
        return self[name]


TOPICS = Topics()
for _name in sorted({event.topic for event in REGISTRY.values()}):
    TOPICS[_name]


@dataclass(slots=True)
class Installation:
    """What differs between installations: a prefix before every name, a cap on partitions (development: 4)."""

    prefix: str = ""
    partitions_cap: int | None = None


_here = Installation()


def configure(*, prefix: str = "", partitions_cap: int | None = None) -> Installation:
    """Once per process, from its settings; returns what was set before."""
    global _here
    before, _here = _here, Installation(prefix, partitions_cap)
    return before


def topic_name(topic: str) -> str:
    """As Kafka knows it."""
    return _here.prefix + topic


def topic_of(name: str) -> str:
    """As we know it."""
    return name.removeprefix(_here.prefix)


def group_name(group: str) -> str:
    """Consumer groups have the prefix as well."""
    return _here.prefix + group


def partitions_of(topic: str) -> int:
    return min(TOPICS[topic].partitions, _here.partitions_cap or WIDE)


def partition_of(topic: str, key: str) -> int:
    """The partition of a key: murmur2 as in Kafka's own producers, so that any other writer agrees."""
    return _partition(murmur2(key.encode()), partitions_of(topic))


def partitions_of_all(topic: str, keys: Sequence[str]) -> list[int]:
    """The same for many keys of a topic, much faster than each alone."""
    count, hashes = partitions_of(topic), murmur2_of_all(keys)
    return [_partition(hashes[key], count) for key in keys]


def _partition(hashed: int, count: int) -> int:
    return (hashed & 0x7FFFFFFF) % count
