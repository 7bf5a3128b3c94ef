"""Where a person leaves traces: every table, topic value and log; with the readers that open what is sealed."""

import json
from collections.abc import Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from common import sealing
from common.bus import TOPICS
from common.events import Sealed
from cryptography.exceptions import InvalidTag
from members.store.vault import PersonKey

from deploy.local.stack import PARTITIONS, Stack

ROLLED_AT_ONCE = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.001",
    "max.compaction.lag.ms": "100",
    "min.compaction.lag.ms": "0",
    "delete.retention.ms": "100",
}


class Traces:
    """Looks for words of one person. Places are named ``table database.table``, ``topic name`` and ``log file``."""

    def __init__(self, here: Stack, *words: str) -> None:
        self.here = here
        self.words = [word.encode() for word in words]
        self.notifications_key = sealing.load_private(here.folder / "keys" / "notifications.key")

    async def everywhere(self) -> set[str]:
        return {*(await self.tables()), *(await self.topics()), *self.logs()}

    async def tables(self) -> set[str]:
        found, keys = set(), await self._person_keys()
        for database, url in self.here.databases.items():
            conn = await asyncpg.connect(url)
            try:
                names = await conn.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
                for (name,) in names:
                    rows = await conn.fetch(f'SELECT * FROM "{name}"')
                    if any(self._in_row(name, dict(row), keys) for row in rows):
                        found.add(f"table {database}.{name}")
            finally:
                await conn.close()
        return found

    async def topics(self) -> set[str]:
        return {f"topic {topic}" for topic in TOPICS if await self._in_topic(topic)}

    def logs(self) -> set[str]:
        return {f"log {file.name}" for file in self.here.logs.iterdir() if self._in(file.read_bytes())}

    async def _in_topic(self, topic: str) -> bool:
        """One consumer per topic: assigned anew, aiokafka may reset to the end behind our back."""
        async with consumer(self.here) as reader:
            places = places_of(topic)
            reader.assign(places)
            ends = await reader.end_offsets(places)
            for place, start in (await reader.beginning_offsets(places)).items():
                reader.seek(place, start)
            while behind := [place for place in places if await reader.position(place) < ends[place]]:
                for records in (await reader.getmany(*behind, timeout_ms=200)).values():
                    values = [(record.key or b"") + (record.value or b"") for record in records]
                    if any(self._in(value) for value in values) or any(self._sealed_in(one.value) for one in records):
                        return True
        return False

    async def _person_keys(self) -> dict[UUID, PersonKey]:
        vault = await asyncpg.connect(self.here.databases["members_vault"])
        try:
            rows = await vault.fetch("SELECT person_id, key FROM person_keys")
            return {row["person_id"]: PersonKey(row["person_id"], row["key"]) for row in rows}
        finally:
            await vault.close()

    def _in_row(self, table: str, row: dict[str, Any], keys: dict[UUID, PersonKey]) -> bool:
        """As it stands; with the private key of notifications; with every key that is left in the vault."""
        seen = [value if isinstance(value, bytes) else str(value).encode() for value in row.values()]
        person = keys.get(row.get("id") or row.get("member_id"))  # type: ignore[arg-type]
        return any(
            self._in(value)
            or self._sealed_in(value, row)
            or (
                person is not None
                and isinstance(row[column], bytes)
                and self._in(_opened(person, table, column, value))
            )
            for column, value in zip(row, seen, strict=True)
        )

    def _sealed_in(self, value: bytes | None, row: dict[str, Any] | None = None) -> bool:
        """``row`` says what a sealed text in a column was sealed for."""
        if not value or b'"ciphertext"' not in value:
            return False
        document = json.loads(value)
        around, sealed = (row, document) if row and "ciphertext" in document else (document, document.get("sealed"))
        return any(self._in(plain) for plain in self._unsealed(around or {}, Sealed.model_validate(sealed)))

    def _unsealed(self, around: dict[str, Any], sealed: Sealed) -> Iterator[bytes]:
        for topic, key, version in (
            ("members.contact.state", around.get("member_id"), around.get("version")),
            ("members.letters", around.get("letter_id") or around.get("message_id"), 0),
        ):
            with suppress(sealing.Unreadable):
                yield sealing.open_sealed(
                    self.notifications_key, sealed, aad=sealing.aad(topic, str(key), version or 0)
                )

    def _in(self, raw: bytes) -> bool:
        return any(word in raw for word in self.words)


def _opened(person: PersonKey, table: str, column: str, stored: bytes) -> bytes:
    try:
        return person.decrypt(table, column, stored).encode()
    except InvalidTag:
        return b""


@asynccontextmanager
async def consumer(here: Stack) -> Any:
    reader = AIOKafkaConsumer(bootstrap_servers=here.kafka, enable_auto_commit=False)
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


def places_of(topic: str) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in range(min(PARTITIONS, TOPICS[topic].partitions))]


async def let_days_pass_in_kafka(here: Stack) -> None:
    """Compaction at once instead of within days, and letters past their retention. The services' own daily ticks close
    the open segments: without them compaction would never reach what was written last."""
    admin = AIOKafkaAdminClient(bootstrap_servers=here.kafka)
    await admin.start()
    try:
        states = [topic for topic, described in TOPICS.items() if described.compacted]
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, ROLLED_AT_ONCE) for topic in states])
        async with consumer(here) as reader:
            ends = await reader.end_offsets(places_of("members.letters"))
        await admin.delete_records({place: RecordsToDelete(before_offset=end) for place, end in ends.items()})
    finally:
        await admin.close()
