"""A running service owns nothing in its database: it works with rows, and those of the outbox it only adds."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest
from common import clock, db, outbox
from common.db import Connection
from common.events.hub import ErasureAnswered
from common.outbox import partitions

from deploy.local import databases

DENIED = asyncpg.InsufficientPrivilegeError

each_database = pytest.mark.parametrize("name", databases.MIGRATIONS)


@pytest.fixture(scope="module")
def urls() -> Iterator[dict[str, str]]:
    """The administrator's, of every database; `databases.runtime_url` makes the service's of one."""
    server = os.environ["TEST_POSTGRES_URL"]
    made = databases.prepare(server, prefix=f"rights{uuid4().hex[:8]}_")
    yield made
    databases.drop(made, server)


@pytest.fixture
async def conn(urls: dict[str, str]) -> AsyncIterator[Connection]:
    """The hub's service in the hub's database."""
    pool = await db.open_pool(databases.runtime_url(urls["hub"]), application_name="test")
    async with pool.acquire() as connection:
        yield connection
    await pool.close()


@each_database
async def test_the_role_of_a_service_owns_nothing_and_is_nobody_special(urls: dict[str, str], name: str):
    conn = await asyncpg.connect(databases.runtime_url(urls[name]))
    special = await conn.fetchval(
        "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls"
        " FROM pg_roles WHERE rolname = current_user"
    )
    owned = await conn.fetchval("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole")
    await conn.close()
    assert (special, owned) == (False, 0)


@each_database
async def test_the_role_of_a_service_reaches_every_table_and_changes_none(urls: dict[str, str], name: str):
    conn = await asyncpg.connect(databases.runtime_url(urls[name]))
    tables = [row["name"] for row in await conn.fetch(TABLES)]
    assert tables
    for table in tables:
        await conn.fetch(f"SELECT * FROM {table} LIMIT 1")
        for change in (f"ALTER TABLE {table} ADD hole text", f"DROP TABLE {table}", f"TRUNCATE {table}"):
            with pytest.raises(DENIED):
                await conn.execute(change)
    for change in ("CREATE TABLE a_table (x int)", "CREATE TEMP TABLE a_table (x int)", "CREATE SCHEMA a_schema"):
        with pytest.raises(DENIED):
            await conn.execute(change)
    await conn.close()


TABLES = """
    SELECT quote_ident(relname) AS name FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
"""


async def test_rows_of_the_outbox_are_added_and_never_changed_or_deleted(conn: Connection):
    await outbox.append(conn, an_event())
    assert await conn.fetchval("SELECT count(*) FROM outbox") > 0
    for change in (
        "DELETE FROM outbox",
        "UPDATE outbox SET key = 'another'",
        "UPDATE outbox SET event_id = uuidv7()",
        "DELETE FROM outbox_from_1",
        "UPDATE outbox_from_1 SET key = 'another'",
        "INSERT INTO outbox_default DEFAULT VALUES",
    ):
        with pytest.raises(DENIED):
            await conn.execute(change)
    await conn.execute("UPDATE outbox SET payload = NULL WHERE id = 0")


async def test_who_was_forgotten_stays_so_and_the_past_of_a_database_is_not_rewritten(conn: Connection):
    await conn.execute("INSERT INTO erased (id, erased_at) VALUES ($1, $2)", uuid4(), clock.now())
    for change in ("DELETE FROM erased", "DELETE FROM schema_migrations", "UPDATE born SET born_at = 'infinity'"):
        with pytest.raises(DENIED):
            await conn.execute(change)


async def test_the_outbox_gets_its_partitions_from_a_service_that_can_make_no_table(conn: Connection):
    made = await partitions.make_ahead(conn)
    assert made
    await outbox.append(conn, an_event())
    assert await partitions.drop_old(conn, clock.now() + timedelta(days=60)) == [], "nothing is published yet"
    await conn.execute("UPDATE outbox_position SET scanned = 1000000")
    assert await partitions.drop_old(conn, clock.now()) == made, "the first one has rows of today"
    assert await partitions.drop_old(conn, clock.now() + timedelta(days=60)) == ["outbox_from_1"]


async def test_no_service_comes_into_the_database_of_another(urls: dict[str, str]):
    hub = databases.runtime_url(urls["hub"])
    for name in urls.keys() - {"hub"}:
        with pytest.raises(DENIED):
            await asyncpg.connect(hub, database=urls[name].rpartition("/")[2])


async def test_migrations_that_run_at_once_give_their_rights_without_getting_in_each_others_way(urls: dict[str, str]):
    runtime = databases.runtime_url(urls["hub"])
    await asyncio.gather(
        *(db.migrate(urls["hub"], *databases.MIGRATIONS["hub"], runtime_url=runtime) for _ in range(3))
    )


def an_event() -> ErasureAnswered:
    return ErasureAnswered(member_id=uuid4(), places=(), answered_at=clock.now())
