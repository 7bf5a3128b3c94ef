"""The one shape of every service, as a process: roles, health, SIGTERM, Kafka away, and the commands."""

import asyncio
import json
import signal
import socket

import httpx
import pytest
import streams
from common import bus, clock, db, outbox
from common.service.supervision import RoleEnded, supervise
from common.testing import deliver
from processes import run, running
from toy.events import TreeFelled, TreeGrew
from toy.grower import app as grower
from toy.watcher import app as watcher


@pytest.fixture
def service_migrations():
    return [grower.service.migrations, watcher.service.migrations]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def environment(database, kafka):
    return kafka.environment() | {
        "DATABASE_URL": database,
        "WEB_PORT": str(free_port()),
        "HEALTH_PORT": str(free_port()),
    }


async def ask(environment, path, *, health=True):
    port = environment["HEALTH_PORT" if health else "WEB_PORT"]
    async with httpx.AsyncClient() as client:
        return await client.get(f"http://127.0.0.1:{port}{path}")


def answers(environment, path, status=200, *, health=True):
    async def it_answers():
        try:
            return (await ask(environment, path, health=health)).status_code == status
        except httpx.TransportError:
            return False

    return it_answers


async def test_a_service_serves_says_how_it_is_and_ends_in_order(environment, kafka, pool, eventually):
    await kafka.make("grower.tree", "grower.tree.state")
    async with running("grower", "serve", environment=environment) as process:
        await eventually(answers(environment, "/readyz"), within=60)
        assert (await ask(environment, "/livez")).status_code == 200
        assert (await ask(environment, "/?tree=oak", health=False)).text == "1"

        async def published():
            told = await pool.fetchval("SELECT max(id) FROM outbox WHERE key = 'oak'")
            return await pool.fetchval("SELECT scanned >= $1 FROM outbox_position", told)

        await eventually(published)
        assert "outbox_published_total" in (await ask(environment, "/metrics")).text
        assert await process.end(signal.SIGTERM) == 0, process.output


async def test_with_kafka_away_people_are_still_served_and_nothing_spins_or_floods(environment, eventually):
    environment |= {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}
    async with running("watcher", "serve", environment=environment) as process:
        await eventually(answers(environment, "/readyz"), within=60)
        assert (await ask(environment, "/", health=False)).status_code == 204
        before = process.cpu_seconds()
        window = 8.0
        await asyncio.sleep(window)  # what is measured: how little happens in this time
        assert (process.cpu_seconds() - before) / window < 0.05
        assert process.output.count("\n") < 40, process.output
        assert (await ask(environment, "/readyz")).status_code == 200
        assert await process.end(signal.SIGTERM) == 0, process.output


async def test_accepted_while_kafka_is_away_is_told_when_it_is_back(environment, kafka, pool, eventually):
    """Trap: publish after commit. Here the process that took the request never even saw Kafka."""
    await kafka.make("grower.tree", "grower.tree.state")
    away = environment | {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}
    async with running("grower", "serve", environment=away) as process:
        await eventually(answers(environment, "/readyz"), within=60)
        assert (await ask(environment, "/?tree=oak", health=False)).text == "1"
        await process.end(signal.SIGKILL)
    async with running("grower", "serve", "--roles", "relay", environment=environment):

        async def published():
            return len(await streams.read_all(kafka, "grower.tree")) == 1

        await eventually(published, within=60)


async def test_without_its_database_a_service_lives_but_is_not_ready(environment, eventually):
    environment |= {"DATABASE_URL": f"postgresql://postgres@127.0.0.1:{free_port()}/nowhere"}
    async with running("grower", "serve", environment=environment) as process:
        await eventually(answers(environment, "/livez"), within=60)
        assert (await ask(environment, "/readyz")).status_code == 503
        assert await process.end(signal.SIGTERM) == 0, process.output


async def test_topics_are_made_once_and_a_changed_partition_count_is_refused(environment, kafka):
    code, said = await run("grower", "topics", "apply", environment=environment)
    assert (code, "made grower.tree" in said) == (0, True)
    kafka.made += [bus.topic_name(topic) for topic in ("grower.tree", "grower.tree.state", "grower.notes")]
    assert await run("grower", "topics", "apply", environment=environment) == (0, "")
    code, said = await run("grower", "topics", "apply", environment=environment | {"TOPIC_PARTITIONS_CAP": "3"})
    assert code == 1
    assert "grower.tree has 4 partitions, the table says 3" in said


async def test_the_doctor_names_what_is_wrong_and_what_to_type(environment, kafka, conn):
    await deliver(watcher.consumers, conn, TreeGrew(tree_id="oak", height=watcher.UNLUCKY), expect_dead=True)
    code, said = await run("grower", "doctor", environment=environment)
    assert code == 1
    assert "topic grower.tree is missing (python -m grower topics apply)" in said
    assert "1 dead letters wait (deadletters list)" in said
    nowhere = environment | {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}
    assert "check KAFKA_BOOTSTRAP_SERVERS" in (await run("grower", "doctor", environment=nowhere))[1]


async def test_dead_letters_are_listed_shown_replayed_and_dropped(environment, conn):
    watcher.consumers.unlucky.clear()
    for tree in ("oak", "ash"):
        await deliver(
            watcher.consumers,
            conn,
            TreeGrew(tree_id=tree, height=watcher.UNLUCKY),
            TreeFelled(tree_id=tree),
            expect_dead=True,
        )
    code, said = await run("watcher", "deadletters", "list", "--json", environment=environment)
    letters = [json.loads(line) for line in said.splitlines()]
    assert (code, [(one["key"], one["waiting"]) for one in letters]) == (0, [("oak", 1), ("ash", 1)])
    code, said = await run("watcher", "deadletters", "show", letters[0]["id"], environment=environment)
    assert (code, '"tree_id":"oak"' in said, "ce_type: grower.tree.grew.v1" in said) == (0, True, True)
    code, said = await run("watcher", "deadletters", "replay", "--all", environment=environment)
    assert (code, said.count("then Bug again")) == (1, 2)
    assert (await run("watcher", "deadletters", "drop", letters[0]["id"], environment=environment))[0] == 0
    assert [row["tree_id"] for row in await conn.fetch("SELECT tree_id FROM heard")] == ["oak"]
    code, said = await run("watcher", "deadletters", "drop", letters[0]["id"], environment=environment)
    assert (code, "There is no dead letter" in said) == (1, True)


async def test_republishing_repeats_facts_and_reads_states_anew(environment, pool, conn):
    since = clock.now()
    for _ in range(2):
        async with db.transaction(pool) as one:
            await grower.grow(one, "oak")
    await conn.execute("UPDATE trees SET height = 7")  # grew since, by a way that told nothing
    code, said = await run(
        "grower", "republish", "--since", f"{since:%Y-%m-%dT%H:%M:%S}", "--dry-run", environment=environment
    )
    assert (code, "2 facts, 1 states would be published again" in said) == (0, True)
    code, said = await run("grower", "republish", "--since", f"{since:%Y-%m-%dT%H:%M:%S}", environment=environment)
    assert (code, "2 facts, 1 states published again" in said) == (0, True)
    facts = await conn.fetch("SELECT event_id, created_at FROM outbox WHERE type = $1 ORDER BY id", TreeGrew.type)
    assert [tuple(row) for row in facts[:2]] == [tuple(row) for row in facts[2:]]
    states = await conn.fetch("SELECT version FROM outbox WHERE topic = 'grower.tree.state' ORDER BY id")
    assert [row["version"] for row in states] == [1, 2, 7]


async def test_a_role_that_fails_is_started_again_but_a_process_of_that_role_alone_ends(eventually):
    stopping, runs = asyncio.Event(), []

    async def fail():
        runs.append(1)
        raise RuntimeError("a bug")

    together = asyncio.create_task(supervise("consumers", fail, stopping))
    await eventually(lambda: len(runs) >= 3)
    stopping.set()
    await together
    with pytest.raises(RuntimeError, match="a bug"):
        await supervise("consumers", fail, asyncio.Event(), alone=True)

    async def end_without_being_asked():
        return

    with pytest.raises(RoleEnded):
        await supervise("consumers", end_without_being_asked, asyncio.Event(), alone=True)


async def test_a_process_of_one_role_waits_while_an_engine_is_away_and_begins_anew(eventually):
    """Also where the role has several tasks, and each of them noticed."""
    stopping, runs = asyncio.Event(), []

    async def find_nobody():
        runs.append(1)
        raise ExceptionGroup("tasks", [ConnectionResetError(), TimeoutError()])

    alone = asyncio.create_task(supervise("sender", find_nobody, stopping, alone=True))
    await eventually(lambda: len(runs) >= 2)
    stopping.set()
    await alone

    async def find_nobody_and_a_bug():
        raise ExceptionGroup("tasks", [ConnectionResetError(), RuntimeError("a bug")])

    with pytest.raises(ExceptionGroup):
        await supervise("sender", find_nobody_and_a_bug, asyncio.Event(), alone=True)


async def test_the_relay_is_woken_by_the_commit(pool, eventually):
    woken = []
    forget = db.on_commit("outbox", lambda: woken.append("outbox"))
    async with db.transaction(pool) as conn:
        await outbox.append(conn, TreeFelled(tree_id="oak"))
        assert woken == []
    assert woken == ["outbox"]
    async with db.transaction(pool) as conn:
        await conn.execute("SELECT 1")
    assert woken == ["outbox"]
    forget()
