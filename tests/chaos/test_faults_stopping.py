"""Processes that hang (SIGSTOP) longer than others wait for them, and wake up (SIGCONT) believing nothing has changed.

What is lost is the time until another takes over. Who wakes up finds that it leads no longer, and owns nothing.
"""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
import streams
from common.testing import wait_for
from processes import Process

from tests.chaos.faults import engines
from tests.chaos.faults.orchard import PATIENCE, Orchard, fetch
from tests.chaos.faults.proxy import Proxy
from tests.chaos.faults.recoveries import Recoveries

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MINUTE = 60.0
LONGER = 40
"""Growths that come in after the other has taken over, while the first still hangs."""


def sessions(*, long: float) -> pytest.MarkDecorator:
    """Seconds of silence after which one is taken for dead: few, or as many as an installation would say."""
    return pytest.mark.parametrize("session", [3.0, pytest.param(long, marks=pytest.mark.long)])


def stop(process: Process) -> None:
    process.child.send_signal(signal.SIGSTOP)


def wake(process: Process) -> None:
    process.child.send_signal(signal.SIGCONT)


@sessions(long=30.0)
async def test_a_relay_that_hangs_is_deposed_and_moves_no_position_when_it_wakes(
    lonely_orchard: Orchard,
    own_kafka: engines.Kafka,
    chance: random.Random,
    recoveries: Recoveries,
    session: float,
):
    """It hangs at the worst moment: rows are on their way to Kafka. They arrive long after the same and later ones."""
    orchard = lonely_orchard
    silence = {"RELAY_SESSION_SECONDS": str(session)}
    with Proxy(own_kafka.proxied_port, port=own_kafka.proxy_port) as line:
        by_proxy = {"KAFKA_BOOTSTRAP_SERVERS": own_kafka.bootstrap_by_proxy}
        first = await orchard.start("grower", "relay", **silence, **by_proxy)
        await orchard.start("grower", "web")
        await orchard.start("watcher", "consumers")
        async with orchard.under_load(chance):
            await orchard.works_again()
            second = await orchard.start("grower", "relay", **silence)
            await wait_for(lambda: second.said("service_started"), within=PATIENCE)
            line.hold()
            await wait_for(lambda: is_publishing(orchard), within=PATIENCE)
            (epoch,) = await position(orchard, "epoch")
            async with recoveries.after(f"relay hangs, another leads after {session:.0f} s of silence"):
                stop(first)
                await orchard.works_again()
            (now_leading,) = await position(orchard, "epoch")
            assert now_leading == epoch + 1, "somebody else leads"
            await orchard.grows_by(LONGER)
            await orchard.works_again()
            line.heal()
            await wait_for(lambda: copies_arrived(orchard), within=PATIENCE)
            wake(first)
            await wait_for(lambda: first.said("role_failed"), within=PATIENCE)
            await orchard.grows_by(LONGER)
            assert await position(orchard, "epoch") == (now_leading,), "who woke up does not lead"
            second.child.send_signal(signal.SIGKILL)
            await orchard.works_again()
        report = await orchard.examine()
    assert report.is_clean, str(report)


async def is_publishing(orchard: Orchard) -> bool:
    """Rows wait behind the position, and the leader's session is idle: it waits for Kafka."""
    ((waiting,),) = await fetch(
        orchard.grower_url,
        """
        SELECT (SELECT max(id) FROM outbox) > p.scanned AND EXISTS (
               SELECT FROM pg_stat_activity a WHERE a.application_name = 'grower.relay'
                  AND a.state = 'idle' AND a.query LIKE '%FROM outbox WHERE%' AND a.datname = current_database())
          FROM outbox_position p
        """,
    )
    return bool(waiting)


async def copies_arrived(orchard: Orchard) -> bool:
    """What the one that hangs had sent was told by the other before."""
    ids = [record.event_id for record in await streams.read_all(orchard.kafka, "grower.tree")]
    return len(ids) > len(set(ids))


async def position(orchard: Orchard, columns: str) -> tuple[object, ...]:
    (row,) = await fetch(orchard.grower_url, f"SELECT {columns} FROM outbox_position")
    return row


@sessions(long=15.0)
async def test_a_consumer_that_hangs_in_the_middle_of_a_batch_loses_only_the_time(
    lonely_orchard: Orchard, chance: random.Random, recoveries: Recoveries, session: float
):
    """Its transaction is open when it stops. The other waits for nobody longer than it must."""
    orchard = lonely_orchard
    orchard.session = session
    await orchard.start("grower", "web", "relay")
    first = await orchard.start("watcher", "consumers")
    async with orchard.under_load(chance):
        await orchard.works_again()
        async with a_batch_in_work(orchard):
            stop(first)
        async with recoveries.after(f"consumer hangs, another takes over after {session:.0f} s of silence"):
            await orchard.start("watcher", "consumers")
            await orchard.works_again()
        await orchard.grows_by(LONGER)
        await orchard.works_again()
        wake(first)
        await wait_for(lambda: first.said("batch_retried") or first.said("offsets_not_committed"), within=PATIENCE)
        await orchard.grows_by(LONGER)
        await orchard.works_again()
    report = await orchard.examine()
    assert report.is_clean, str(report)


@pytest.mark.long
@pytest.mark.parametrize("others", [False, True], ids=["nobody stands by", "others stand by"])
async def test_a_minute_in_which_relay_and_consumer_hang_is_all_that_is_lost(
    orchard: Orchard, chance: random.Random, recoveries: Recoveries, others: bool
):
    """With the time limits of an installation. Where others stand by, those work in the place of the two that hang."""
    sessions = {"RELAY_SESSION_SECONDS": "30", "CONSUMER_SESSION_SECONDS": "15"}
    parts = (("grower", "relay"), ("watcher", "consumers"))
    await orchard.start("grower", "web")
    hanging = [await orchard.start(*part, **sessions) for part in parts]
    async with orchard.under_load(chance):
        await orchard.works_again()
        standing_by = [await orchard.start(*part, **sessions) for part in parts if others]
        for process in standing_by:
            await wait_for(lambda process=process: process.said("service_started"), within=PATIENCE)
        for process in hanging:
            stop(process)
        await asyncio.sleep(MINUTE)
        for process in hanging:
            wake(process)
        async with recoveries.after(f"relay and consumer hung for {MINUTE:.0f} s, from the moment they wake"):
            await orchard.works_again()
    assert orchard.refused == 0, "who asked meanwhile was told yes"
    report = await orchard.examine()
    assert report.is_clean, str(report)


async def a_deed_waits(orchard: Orchard) -> bool:
    """Asked over a connection of its own: within one transaction PostgreSQL shows who does what as it was at first."""
    ((waiting,),) = await fetch(
        orchard.watcher_url,
        """
        SELECT count(*) FROM pg_stat_activity WHERE application_name = 'watcher'
           AND datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%INTO heard%'
        """,
    )
    return bool(waiting)


@asynccontextmanager
async def a_batch_in_work(orchard: Orchard) -> AsyncIterator[None]:
    """While this lasts a deed waits in the middle of its transaction."""
    conn = await asyncpg.connect(orchard.watcher_url)
    try:
        async with conn.transaction():
            await conn.execute("LOCK TABLE heard IN ACCESS EXCLUSIVE MODE")

            await wait_for(lambda: a_deed_waits(orchard), within=PATIENCE)
            yield
    finally:
        await conn.close()
