"""Every golden example, as it would come from Kafka, takes effect in every service that listens to it."""

import json
from pathlib import Path
from uuid import uuid4

import hub.app
import members.app
import notifications.app
import pytest
import surveys.app
from common import bus, clock, contracts, sealing
from common.db import Pool
from common.events import StateEvent
from common.events.members import ErasureState
from common.service import Service
from common.testing import deliver
from notifications import keyring
from notifications.settings import Settings

from tests.contracts import gate

SERVICES = [members.app.service, hub.app.service, surveys.app.service, notifications.app.service]


def by_name(service: Service) -> str:
    return service.name


@pytest.fixture(params=SERVICES, ids=by_name)
def service(request: pytest.FixtureRequest) -> Service:
    chosen: Service = request.param
    return chosen


@pytest.fixture
def service_migrations(service: Service) -> list[Path]:
    return [service.migrations]


@pytest.fixture
def public_key(tmp_path: Path) -> bytes:
    """That of notifications, which for this test has a key of its own."""
    private, public = tmp_path / "notifications.key", tmp_path / "notifications.pub"
    sealing.make_key_files(private, public)
    keyring.configure(Settings(notifications_private_key_file=private, notifications_secret="a secret of the tests"))
    return sealing.load_public(public)


async def test_golden_examples_take_effect(pool: Pool, service: Service, public_key: bytes):
    """Erasure comes last: nothing about the person in the examples would be stored after it."""
    done = 0
    for golden in sorted(examples(), key=lambda golden: golden.name == ErasureState.type):
        for consumers in service.consumers:
            if golden.name in {*consumers.one, *consumers.many}:
                async with pool.acquire() as conn:
                    applied = await deliver(consumers, conn, as_it_comes(golden, public_key))
                assert applied.done == 1, f"{consumers.group} skipped {golden}"
                done += 1
    assert done


@pytest.mark.parametrize("topic", bus.TOPICS.values(), ids=lambda topic: topic.name)
def test_who_reads_a_topic_is_who_the_table_says(topic: bus.Topic):
    """The table is what access rights are made from. Erasures are read by every group."""
    readers = {
        service.name for service in SERVICES for consumers in service.consumers if topic.name in consumers.topics
    }
    assert readers == set(topic.readers)


def examples() -> list[gate.Golden]:
    return [
        golden for name, revisions in gate.read_goldens().items() if name in contracts.events() for golden in revisions
    ]


def as_it_comes(golden: gate.Golden, public_key: bytes) -> bus.Record:
    """The committed JSON itself, not what today's class would make of it; but sealed so that it can be opened."""
    event = contracts.events()[golden.name].model_validate(golden.example)
    body = golden.example
    if "sealed" in body:
        place = sealing.aad(event.topic, event.key, event.version if isinstance(event, StateEvent) else 0)
        body = body | {"sealed": sealing.seal(public_key, inside(golden), aad=place).model_dump()}
    headers = bus.headers_of(event_id=uuid4(), type=golden.name, key=event.key, at=clock.now())
    partition = bus.partition_of(event.topic, event.key)
    return bus.read_record(event.topic, partition, 0, event.key.encode(), json.dumps(body).encode(), headers)


def inside(golden: gate.Golden) -> bytes:
    """The golden plain text; a campaign's key is just bytes."""
    contents = gate.read_goldens().get(f"{golden.name}.sealed")
    return json.dumps(contents[-1].example).encode() if contents else bytes(32)
