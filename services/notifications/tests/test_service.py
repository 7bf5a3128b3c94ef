"""The service as it runs: a process of its own between real Kafka, real PostgreSQL and real SMTP, and nobody else."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from common import bus
from common.events import Event
from common.events.notifications import ErasureAnswered, LetterSent
from common.testing import Kafka, as_record, wait_for
from notifications import consumers
from notifications.keyring import Keyring

from libs.common.tests.streams import read_all, send

from .factories import Desk, block, campaign, erasure, meeting, member, rsvp, ticks

HER = "amina.canary@example.org"
TOPICS = {
    *(topic for group in (consumers.letters, consumers.everything, consumers.bulk) for topic in group.topics),
    *(name for name, topic in bus.TOPICS.items() if topic.owner == "notifications"),
}


@dataclass
class Running:
    """The process, seen through its own pages."""

    http: httpx.AsyncClient
    log: Path

    async def subjects(self, to: str = HER) -> list[str]:
        """Of the mails in the mailbox, in order of arrival."""
        answer = await self.http.get("/api/notifications/mailbox", params={"to": to})
        return [mail["subject"] for mail in reversed(answer.json())]


@pytest.fixture
async def running(kafka: Kafka, database: str, keys: Keyring, tmp_path: Path) -> AsyncIterator[Running]:
    await kafka.make(*TOPICS)
    web, health, smtp = free_ports(3)
    address, log = f"http://127.0.0.1:{web}", tmp_path / "notifications.log"
    settings = {
        "DATABASE_URL": database,
        "WEB_PORT": str(web),
        "HEALTH_PORT": str(health),
        "SMTP_PORT": str(smtp),
        "PUBLIC_URL": address,
        "NOTIFICATIONS_PRIVATE_KEY_FILE": str(keys.settings.notifications_private_key_file),
    }
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "notifications", "serve"),
            env=os.environ | kafka.environment() | settings,
            stdout=file,
            stderr=file,
        )
    try:
        async with httpx.AsyncClient(base_url=address) as http:
            await wait_for(reachable(http, f"http://127.0.0.1:{health}/readyz"), within=60)
            yield Running(http, log)
    finally:
        process.terminate()
        await process.wait()
    assert process.returncode == 0, log.read_text()


async def test_from_the_events_of_others_to_the_mailbox_and_to_being_forgotten(
    running: Running, kafka: Kafka, desk: Desk
):
    amina, planned, opened = uuid4(), meeting(), campaign()
    letter = desk.letter(address=HER, name="Canary", purpose="confirm")
    await tell(kafka, letter)
    await wait_for(mails(running, ["Your link"]), within=30)
    [sent] = await wait_for(records(kafka, LetterSent.topic, 1), within=30)
    assert LetterSent.read(sent.value).letter_id == letter.letter_id

    await tell(kafka, desk.contact(amina, address=HER, name="Canary"), member(amina))
    await tell(kafka, rsvp(planned.meeting_id, amina), planned)
    await wait_for(lambda: has(running, "Meeting on"), within=30)
    await tell(kafka, block(opened, [amina]), opened, desk.campaign_key(opened))
    await tell(kafka, *ticks(bus.partitions_of("surveys.participation")))
    await wait_for(lambda: has(running, "Your view before"), within=30)

    await tell(kafka, erasure(amina))
    [answered] = await wait_for(records(kafka, ErasureAnswered.topic, 1), within=30)
    assert ErasureAnswered.read(answered.value).member_id == amina
    assert await running.subjects() == []
    written = running.log.read_text()
    assert HER not in written
    assert "Canary" not in written
    assert "secret" not in written


async def tell(kafka: Kafka, *told: Event) -> None:
    await send(kafka, *(as_record(one) for one in told))


async def has(running: Running, beginning: str) -> bool:
    return any(subject.startswith(beginning) for subject in await running.subjects())


def mails(running: Running, subjects: list[str]) -> Callable[[], Awaitable[bool]]:
    async def are_there() -> bool:
        return await running.subjects() == subjects

    return are_there


def records(kafka: Kafka, topic: str, count: int) -> Callable[[], Awaitable[list[bus.Record] | None]]:
    async def read() -> list[bus.Record] | None:
        found = [record for record in await read_all(kafka, topic) if record.type != "tick"]
        return found if len(found) >= count else None

    return read


def reachable(http: httpx.AsyncClient, address: str) -> Callable[[], Awaitable[Any]]:
    async def ask() -> Any:
        try:
            return (await http.get(address)).status_code == 200
        except httpx.TransportError:
            return False

    return ask


def free_ports(count: int) -> list[int]:
    """All at once, so that they differ."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports
