"""The whole service as a process of its own, on Kafka: what it hears, what it tells, and that a kill loses nothing."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from common import bus, clock
from common.db import Connection, Pool
from common.events import Event
from common.events.surveys import CampaignKeyState, InvitationsIssued, ParticipationRecorded, ParticipationTicked
from common.testing import Kafka
from common.web.testing import ORIGIN
from surveys import store
from surveys.app import service
from surveys.commands import recounting
from surveys.domain.campaigns import Offsets

from .factories import meeting_state, member_state
from .scene import Sent, campaign_planned, sent

ANSWERED = {"a-applied": "yes", "a-mood": "3"}


@asynccontextmanager
async def serving(environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "surveys", "serve", env=os.environ | environment, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def publish(kafka: Kafka, *events: Event) -> None:
    """As members and the hub would."""
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        for event in events:
            headers = bus.headers_of(
                event_id=uuid4(), type=event.type, key=event.key, at=clock.now(), version=event.version, gone=False
            )
            partition = bus.partition_of(event.topic, event.key)
            topic = bus.topic_name(event.topic)
            await producer.send_and_wait(topic, event.body(), event.key.encode(), partition, headers=headers)


async def published(kafka: Kafka, event_class: type[Event], *, at_least: int) -> list[Any]:
    """What the topic says, once there is enough of it. After a kill the relay may say a thing again, under the same
    event id: consumers have one effect of it, and here it counts once."""
    found: dict[bytes, Any] = {}
    topic = bus.topic_name(event_class.topic)
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    async with consumer, asyncio.timeout(30):
        while len(found) < at_least:
            record = await consumer.getone()
            headers = dict(record.headers)
            if headers["ce_type"].decode() == event_class.type:
                found[headers["ce_id"]] = event_class.read(record.value)
    return list(found.values())


async def answer(http: httpx.AsyncClient, link: str) -> bool:
    """True once the receipt was promised."""
    one = {"page": "one", "shown": ["applied", "cost", "mood"], "go": "next", "lang": "en", **ANSWERED}
    two = {"page": "two", "shown": ["months", "change"], "go": "next", "lang": "en", "a-change": "Less paper"}
    try:
        for fields in ({"go": "start"}, one, two):
            done = await http.post(f"/s/{link}", data=fields)
    except httpx.TransportError:
        return False
    return done.status_code == 303


async def test_a_killed_service_loses_no_answer_it_acknowledged(
    database: str, pool: Pool, conn: Connection, kafka: Kafka, eventually: Callable[..., Any], tmp_path: Path
):
    port = free_port()
    environment = {
        **kafka.environment(),
        "DATABASE_URL": database,
        "WEB_PORT": str(port),
        "PUBLIC_URL": ORIGIN,
    }
    await kafka.make(*{*service.topics, *service.consumers[0].topics})
    members = [uuid4() for _ in range(30)]
    meeting = meeting_state()
    await publish(kafka, meeting, *(member_state(member_id) for member_id in members))
    http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers={"Origin": ORIGIN}, timeout=20)

    async with http, serving(environment) as process:
        await eventually(lambda: everybody_is_known(conn, len(members)), within=60)
        planned = await campaign_planned(conn, meeting_id=meeting.meeting_id, offsets=Offsets(opens=None))
        await eventually(lambda: is_open(conn, planned.id), within=20)
        [issued] = await published(kafka, InvitationsIssued, at_least=1)
        assert issued.member_ids == tuple(sorted(members))
        assert len(await published(kafka, CampaignKeyState, at_least=1)) == 1
        await published(kafka, ParticipationTicked, at_least=kafka.partitions)
        asked = await sent(conn, planned.id, members)
        await eventually(lambda: answers_pages(http), within=30)
        killing = asyncio.create_task(eventually(lambda: some_answered(conn), within=60))
        killing.add_done_callback(lambda _: process.kill())
        first = await asyncio.gather(*(answer(http, asked.link(position=at)) for at in range(30)))
        await killing

    acknowledged = {at for at, done in enumerate(first) if done}
    assert {row["position"] for row in await conn.fetch("SELECT position FROM responses")} >= acknowledged
    again = httpx.AsyncClient(base_url=http.base_url, headers={"Origin": ORIGIN}, timeout=20)
    async with again, serving(environment):
        await eventually(lambda: answers_pages(again), within=60)
        assert all(await asyncio.gather(*(answer(again, asked.link(position=at)) for at in range(30))))
        recorded = await published(kafka, ParticipationRecorded, at_least=30)
        assert sorted(each.position for each in recorded) == list(range(30))
        await eventually(lambda: is_tallied(conn), within=20)
    await all_counted(pool, asked)


async def everybody_is_known(conn: Connection, count: int) -> bool:
    known = await conn.fetchval("SELECT count(*) FROM known_members")
    return bool(known == count and await conn.fetchval("SELECT count(*) FROM known_meetings"))


async def is_open(conn: Connection, campaign_id: Any) -> bool:
    return (await store.get_campaign(conn, campaign_id)).status == "open"


async def answers_pages(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/s/nothing")).status_code == 404
    except httpx.TransportError:
        return False


async def some_answered(conn: Connection) -> bool:
    return bool(await conn.fetchval("SELECT count(*) >= 5 FROM responses"))


async def is_tallied(conn: Connection) -> bool:
    return not await conn.fetchval("SELECT EXISTS (SELECT FROM tally_changes)")


async def all_counted(pool: Pool, asked: Sent) -> None:
    assert await recounting.compare(pool, asked.campaign.id) == {}
    async with pool.acquire() as conn:
        counters = await store.list_counters(conn, asked.campaign.campaign_no)
    assert counters["applied", "chosen", "yes"] == 30
