"""The hub as it runs: a process of its own between real Kafka and real PostgreSQL, and nobody else."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from common import bus, clock
from common.events.hub import ErasureAnswered, RsvpState
from common.events.members import ErasureState, MemberState, SessionState, SigningKeyState
from common.testing import Kafka, as_record
from common.web import Viewer, tokens

from libs.common.tests.streams import read_all, send

from .test_api import WANTED

KEY = tokens.make_key("test-key")
TOPICS = (
    *(event.topic for event in (ErasureState, MemberState, SessionState, SigningKeyState)),
    *(name for name, topic in bus.TOPICS.items() if topic.owner == "hub"),
)
Eventually = Callable[..., Awaitable[Any]]


@pytest.fixture
async def hub(kafka: Kafka, database: str, tmp_path: Path, eventually: Eventually) -> AsyncIterator[str]:
    """The address of a hub that is up."""
    await kafka.make(*TOPICS)
    port, health = free_ports(2)
    address = f"http://127.0.0.1:{port}"
    settings = {"DATABASE_URL": database, "WEB_PORT": str(port), "HEALTH_PORT": str(health), "PUBLIC_URL": address}
    with (tmp_path / "hub.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hub", "serve"),
            env=os.environ | kafka.environment() | settings,
            stdout=log,
            stderr=log,
        )

    async def is_ready() -> bool:
        async with httpx.AsyncClient() as http:
            return (await http.get(f"http://127.0.0.1:{health}/readyz")).status_code == 200

    try:
        await eventually(reachable(is_ready), within=60)
        yield address
    finally:
        process.terminate()
        await process.wait()
    assert process.returncode == 0, (tmp_path / "hub.log").read_text()


async def test_an_answer_goes_out_and_is_forgotten_again(hub: str, kafka: Kafka, eventually: Eventually):
    she, editor = uuid4(), uuid4()
    member = MemberState(version=1, member_id=she, number="M-1", status="current", language="ar", country="LB")
    await send(kafka, as_record(a_signing_key()), as_record(member))

    async with signed_in(hub, editor, "editor") as http:
        planned = await eventually(accepted(http, "POST", "/api/hub/meetings", WANTED), within=30)
    async with signed_in(hub, she, "member") as http:
        await eventually(accepted(http, "PUT", f"/api/hub/meetings/{planned['id']}/rsvp", {"answer": "yes"}), within=30)
    [told] = await eventually(records(kafka, RsvpState.topic, 1), within=30)
    state = RsvpState.read(told.value)
    assert (state.member_id, state.answer, told.type) == (she, "yes", RsvpState.type)

    await send(kafka, as_record(ErasureState(version=1, member_id=she, requested_at=clock.now())))
    _, gone = await eventually(records(kafka, RsvpState.topic, 2), within=30)
    assert (gone.key, gone.gone, gone.version) == (told.key, True, 2)
    [answered] = await eventually(records(kafka, ErasureAnswered.topic, 1), within=30)
    assert ErasureAnswered.read(answered.value).member_id == she
    async with signed_in(hub, she, "member") as http:
        refused = await http.put(f"/api/hub/meetings/{planned['id']}/rsvp", json={"answer": "yes"})
        assert refused.status_code == 403


def a_signing_key() -> SigningKeyState:
    return SigningKeyState(
        version=1,
        key_id="test-key",
        public_key=tokens.public_text(KEY),
        not_after=clock.now() + timedelta(days=365),
    )


def signed_in(address: str, member_id: UUID, role: str) -> httpx.AsyncClient:
    viewer = Viewer(member_id, uuid4(), "M-1", frozenset({role}), "en", "Asia/Beirut")
    cookies = {"access": tokens.sign(viewer, KEY, now=clock.now())}
    headers = {"Origin": address, "Idempotency-Key": str(uuid4())}
    return httpx.AsyncClient(base_url=address, cookies=cookies, headers=headers)


def accepted(http: httpx.AsyncClient, method: str, path: str, document: dict[str, Any]) -> Callable[[], Awaitable[Any]]:
    """The answer, once the hub has heard of the key that signed the token."""

    async def ask() -> Any:
        answer = await http.request(method, path, json=document)
        return answer.json() if answer.is_success else None

    return ask


def records(kafka: Kafka, topic: str, count: int) -> Callable[[], Awaitable[list[bus.Record] | None]]:
    async def read() -> list[bus.Record] | None:
        found = [record for record in await read_all(kafka, topic) if record.type != "tick"]
        return found if len(found) >= count else None

    return read


def reachable(check: Callable[[], Awaitable[bool]]) -> Callable[[], Awaitable[bool]]:
    async def ask() -> bool:
        try:
            return await check()
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
