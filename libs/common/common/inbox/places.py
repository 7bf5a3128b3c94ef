"""Where a consumer group stands in each partition: the database's own word against Kafka's."""

from aiokafka import AIOKafkaConsumer, TopicPartition

from common import bus
from common.db import Connection
from common.inbox import store
from common.inbox.batches import Partitions
from common.log import get_logger

log = get_logger()


class Places:
    """What this process was assigned, and from where it must read on."""

    def __init__(self, group: str) -> None:
        self.group = group
        self.settled = False
        self.lost: dict[TopicPartition, tuple[int, int]] = {}
        """Own position and where the log starts: what lies between was deleted before we read it."""
        self._targets: dict[TopicPartition, int] = {}
        self._asked_again: set[TopicPartition] = set()

    def unsettle(self) -> None:
        """A rebalance began: what arrives until it has ended may come from the wrong offset."""
        self.settled = False

    async def settle(self, consumer: AIOKafkaConsumer, assigned: set[TopicPartition], conn: Connection) -> None:
        """Seek to min(own position, committed offset), so that a restored database reads again what it missed.

        Without an own position (a new database) everything is read that is there, and the position is kept from
        now on: records deleted before they were read show as lost afterwards. So it is where Kafka knows of no offset
        of ours: it is another Kafka than the one our position speaks of, and may hold other records at its offsets.
        """
        own = await store.find_positions(conn, self.group)
        starts = await consumer.beginning_offsets(list(assigned)) if assigned else {}
        committed = {place: await consumer.committed(place) for place in assigned}
        fresh = {
            _named(place): starts[place]
            for place in assigned
            if _named(place) not in own or (committed[place] is None and own[_named(place)] > starts[place])
        }
        if fresh:
            await store.set_positions(conn, self.group, fresh)
            own |= fresh
        # From here on without waiting: records that come between two seeks would be dropped, and not come again.
        self.lost, self._targets, self._asked_again = {}, {}, set()
        for place in sorted(assigned):
            self._settle_one(consumer, place, own[_named(place)], starts[place], committed[place])
        self.settled = True

    def _settle_one(
        self, consumer: AIOKafkaConsumer, place: TopicPartition, own: int, start: int, committed: int | None
    ) -> None:
        if own < start:
            self._lose(consumer, place, own, start)
            return
        target = own if committed is None else max(start, min(own, committed))
        consumer.seek(place, target)
        self._targets[place] = target

    def _lose(self, consumer: AIOKafkaConsumer, place: TopicPartition, own: int, start: int) -> None:
        """Stand still rather than pass over what is missing: the owner must publish it again first."""
        topic = bus.topic_of(place.topic)
        self.lost[place] = (own, start)
        consumer.pause(place)
        log.error(
            "position_below_log_start",
            group=self.group,
            topic=topic,
            partition=place.partition,
            position=own,
            log_start=start,
            remedy=f"python -m {bus.TOPICS[topic].owner} republish --since <the last backup or healthy moment>,"
            f" then positions forward --group {self.group} --topic {topic}",
        )

    def accept(self, consumer: AIOKafkaConsumer, partitions: Partitions) -> Partitions:
        """The records to apply. What was fetched before a rebalance, or before its seek took hold, is dropped: it comes
        again, here or to the new owner."""
        if not self.settled:
            return {}
        ours = consumer.assignment() - self.lost.keys()
        return {
            place: raw
            for place, raw in partitions.items()
            if place in ours and self._follows_the_seek(consumer, place, raw[0].offset)
        }

    def _follows_the_seek(self, consumer: AIOKafkaConsumer, place: TopicPartition, offset: int) -> bool:
        """The first record after an assignment must have been read from where we sought, so Kafka is read on behind it.
        It may lie behind the place sought, for compaction leaves holes; one before it is believed when it comes again,
        for then this Kafka has no such place."""
        target = self._targets.get(place)
        if target is None:
            return True
        following = reads_on_at(consumer, place)
        if following is None or following <= offset:
            return False
        if offset < target and place not in self._asked_again:
            self._asked_again.add(place)
            consumer.seek(place, target)
            return False
        del self._targets[place]
        return True


def reads_on_at(consumer: AIOKafkaConsumer, place: TopicPartition) -> int | None:
    """The offset of the next record that ``consumer`` will give of a partition assigned to it, None where that is
    still to be found out: aiokafka's own question waits until it is, which may be as long as Kafka is away."""
    state = consumer._subscription.subscription.assignment.state_value(place)
    return state.position if state.has_valid_position else None


def _named(place: TopicPartition) -> tuple[str, int]:
    return bus.topic_of(place.topic), place.partition
