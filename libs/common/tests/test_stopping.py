"""SIGTERM: a service says that it is closed, answers on until that was heard, and is gone within ten seconds."""

import asyncio
import signal

import asyncpg
import pytest
import streams
from common import bus
from processes import running
from test_service import answers, ask, free_port
from toy.grower import app as grower
from toy.watcher import app as watcher

PROMISE = 10.0
"""Seconds from SIGTERM to the end of the process, as the operations page says."""


@pytest.fixture
def service_migrations():
    return [grower.service.migrations, watcher.service.migrations]


@pytest.fixture
def environment(database, kafka):
    return kafka.environment() | {
        "DATABASE_URL": database,
        "WEB_PORT": str(free_port()),
        "HEALTH_PORT": str(free_port()),
    }


async def test_web_answers_on_until_the_front_door_has_heard_that_it_ends(environment, kafka, eventually):
    await kafka.make("grower.tree", "grower.tree.state")
    async with running("grower", "serve", environment=environment | {"DRAIN_SECONDS": "5"}) as process:
        await eventually(answers(environment, "/openz"), within=60)
        ending = asyncio.create_task(process.end(signal.SIGTERM))
        await eventually(answers(environment, "/openz", 503), within=PROMISE)
        assert (await ask(environment, "/readyz")).status_code == 503
        assert (await ask(environment, "/?tree=oak", health=False)).text == "1"
        async with asyncio.timeout(PROMISE):
            assert await ending == 0, process.output


async def test_a_database_that_is_away_does_not_close_the_web(environment, database, eventually):
    """The service's own answer keeps what was typed; a front door's would not."""
    async with running("grower", "serve", "--roles", "web", environment=environment):
        await eventually(answers(environment, "/readyz"), within=60)
        await shut(database)
        await eventually(answers(environment, "/readyz", 503), within=60)
        assert (await ask(environment, "/openz")).status_code == 200


async def shut(database):
    server, name = database.rsplit("/", 1)
    admin = await asyncpg.connect(f"{server}/postgres")
    await admin.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    await admin.close()


async def test_told_to_stop_while_it_waits_for_a_killed_member_of_its_group_it_ends_in_time(
    environment, kafka, eventually
):
    """Kafka answers a join only when the killed one's session is over, here in forty seconds."""
    await kafka.make("grower.tree", "grower.tree.state", "grower.notes", "members.erasure.state")
    environment |= {"CONSUMER_SESSION_SECONDS": "40"}
    alone = ("watcher", "serve", "--roles", "consumers")
    async with running(*alone, environment=environment) as process:
        await eventually(answers(environment, "/readyz"), within=60)
        await process.end(signal.SIGKILL)
    async with running(*alone, environment=environment) as process:
        await eventually(lambda: state_of_the_group(kafka, "PreparingRebalance"), within=60)
        async with asyncio.timeout(PROMISE):
            assert await process.end(signal.SIGTERM) == 0, process.output


async def state_of_the_group(kafka, expected):
    async with streams.admin(kafka) as client:
        (described,) = await client.describe_consumer_groups([bus.group_name("watcher")])
    ((_, _, state, *_),) = described.groups
    return state == expected


async def test_nothing_keeps_it_from_ending_when_kafka_hangs(environment, eventually):
    """A port that takes connections and never says a word, as a hung broker does."""

    async def never_answer(reader, writer):
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    environment |= {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{silent.sockets[0].getsockname()[1]}"}
    async with running("watcher", "serve", environment=environment) as process:
        await eventually(answers(environment, "/readyz"), within=60)
        async with asyncio.timeout(PROMISE):
            assert await process.end(signal.SIGTERM) == 0, process.output
    silent.close()
