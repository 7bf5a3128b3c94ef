"""PostgreSQL: the pool, the transaction, the migrations, and which errors mean "later" and which mean "never"."""

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy
from asyncpg.protocol import protocol

from common import clock, rights

if TYPE_CHECKING:
    Connection = PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
    PlainConnection = asyncpg.Connection[asyncpg.Record]
else:
    Connection, Pool, PlainConnection = PoolConnectionProxy, asyncpg.Pool, asyncpg.Connection

COMMON_MIGRATIONS = Path(__file__).parent / "migrations"

# What counts as an array. asyncpg asks two abstract classes of every element whether it is one inside the array, in
# Python, which costs more than to write the element down.
protocol.IterableABC = protocol.SizedABC = (list, tuple, set, frozenset)  # type: ignore[attr-defined]

POISON: tuple[type[Exception], ...] = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.exceptions._base.DataError,
)
"""The row is at fault: the same statement fails again. Ask this before TRANSIENT, a client-side DataError is both."""

TRANSIENT: tuple[type[BaseException], ...] = (
    OSError,  # TimeoutError is one of them
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the client's word for a server that ends the session between two statements
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""The moment is at fault (away, locked, too slow, its disk full, a standby): try again later."""

UNANSWERED: tuple[type[BaseException], ...] = (*TRANSIENT, asyncpg.PostgresError)
"""Whatever a question to PostgreSQL ends with when it does not end with an answer."""

UNHEARD = 2.0
"""Seconds beyond a statement's time limit until the server is taken for gone: its own limit can not reach us over a
line that is dead."""


class NoReset(asyncpg.Connection):
    """Given back without a RESET ALL round trip: nobody here changes session settings or keeps session locks."""

    def get_reset_query(self) -> str:
        return ""


async def open_pool(
    url: str,
    *,
    application_name: str,
    max_size: int = 10,
    statement_timeout: float = 5.0,
    min_size: int = 0,
    settings: Mapping[str, str] | None = None,
) -> Pool:
    """A pool whose connections have our time-outs (seconds) and give jsonb as Python objects; ``settings`` are more
    of the server's."""
    return await asyncpg.create_pool(
        url,
        min_size=min_size,
        max_size=max_size,
        connection_class=NoReset,
        init=_speak_json,
        timeout=5,
        command_timeout=statement_timeout + UNHEARD,
        server_settings=session_settings(application_name, statement_timeout) | dict(settings or {}),
    )


def session_settings(application_name: str, statement_timeout: float = 5.0) -> dict[str, str]:
    return {
        "application_name": application_name,
        **{name: f"{milliseconds}ms" for name, milliseconds in time_outs(statement_timeout).items()},
        "jit": "off",
        "timezone": "UTC",
    }


def time_outs(statement_timeout: float = 5.0) -> dict[str, int]:
    """In milliseconds: a session that hangs must not hold its locks for longer."""
    return {
        "statement_timeout": int(statement_timeout * 1000),
        "lock_timeout": int(min(2.0, statement_timeout / 2) * 1000),
        "transaction_timeout": int(max(15.0, statement_timeout * 3) * 1000),
        "idle_in_transaction_session_timeout": 10_000,
    }


async def _speak_json(conn: PlainConnection) -> None:
    await conn.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: b"\x01" + orjson.dumps(value),
        decoder=lambda sent: orjson.loads(sent[1:]),
    )


_WAKE: dict[str, set[Callable[[], None]]] = {}
_touched: dict[int, set[str]] = {}


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """One transaction. After its commit this process's own relay and timers are woken, if it gave them work."""
    async with pool.acquire() as conn:
        touched = _touched[id(conn)] = set()
        try:
            async with conn.transaction():
                yield conn
        finally:
            _touched.pop(id(conn), None)
    wake(touched)


def touch(conn: Connection, what: str) -> None:
    """This transaction gave work to ``what`` (``outbox`` or ``timers``). Only a hint: whoever works also polls."""
    if (touched := _touched.get(id(conn))) is not None:
        touched.add(what)


def on_commit(what: str, callback: Callable[[], None]) -> Callable[[], None]:
    """Call back after each commit that touched ``what``; returns how to stop that."""
    _WAKE.setdefault(what, set()).add(callback)
    return lambda: _WAKE[what].discard(callback)


def wake(touched: set[str]) -> None:
    for what in touched:
        for callback in tuple(_WAKE.get(what, ())):
            callback()


MIGRATING = 7_203_114_509_881_211
"""The advisory lock of everyone who migrates."""


class EditedMigration(Exception):
    """A file that already ran was changed. Write a new one instead."""


async def migrate(url: str, *directories: Path, runtime_url: str = "") -> list[str]:
    """Run what did not run yet, each file in a transaction of its own; returns their names. Safe when several start.

    Where ``runtime_url`` names another role than the one that migrates, that role gets the rights of a running service.
    """
    conn = await asyncpg.connect(url, timeout=10, server_settings={"application_name": "migrate", "timezone": "UTC"})
    try:
        await conn.execute("SELECT pg_advisory_lock($1)", MIGRATING)
        done = await _migrate(conn, directories)
        role = urlsplit(runtime_url).username
        if role and unquote(role) != await conn.fetchval("SELECT current_user"):
            await rights.grant(conn, unquote(role))
        return done
    finally:
        await conn.close()


async def _migrate(conn: PlainConnection, directories: tuple[Path, ...]) -> list[str]:
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS schema_migrations (
            name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL);
        COMMENT ON TABLE schema_migrations IS 'Migrations this database went through';
        COMMENT ON COLUMN schema_migrations.name IS 'Owner and file. Internal. For ever';
        COMMENT ON COLUMN schema_migrations.sha256 IS 'Of the file as it ran. Internal. For ever';
        COMMENT ON COLUMN schema_migrations.applied_at IS 'When it ran. Internal. For ever';
        """
    )
    known = {row["name"]: row["sha256"] for row in await conn.fetch("SELECT name, sha256 FROM schema_migrations")}
    done = []
    for file in migration_files(directories):
        name, sql = migration_name(file), file.read_text()
        digest = hashlib.sha256(sql.encode()).hexdigest()
        if name not in known:
            await _apply(conn, name, digest, sql)
            done.append(name)
        elif known[name] != digest:
            raise EditedMigration(f"{name} was changed after it ran: migrations only go forward, write a new one")
    if await conn.fetchval("SELECT to_regclass('born') IS NOT NULL"):
        await conn.execute("INSERT INTO born (born_at) VALUES ($1) ON CONFLICT DO NOTHING", clock.now())
    return done


async def _apply(conn: PlainConnection, name: str, digest: str, sql: str) -> None:
    async with conn.transaction():
        await conn.execute("SET LOCAL lock_timeout = '5s'")
        await conn.execute(sql)
        await conn.execute(
            "INSERT INTO schema_migrations (name, sha256, applied_at) VALUES ($1, $2, $3)", name, digest, clock.now()
        )


def migration_name(file: Path) -> str:
    """``members/0001_applications.sql``: the owner is the package that holds the migrations folder."""
    return f"{file.parent.parent.name}/{file.name}"


async def pending(conn: Connection, *directories: Path) -> list[str]:
    """Names of migrations that did not run yet."""
    if not await conn.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL"):
        return [migration_name(file) for file in migration_files(directories)]
    known = {row["name"] for row in await conn.fetch("SELECT name FROM schema_migrations")}
    return [name for file in migration_files(directories) if (name := migration_name(file)) not in known]


def migration_files(directories: Iterable[Path]) -> list[Path]:
    return [file for directory in directories for file in sorted(directory.glob("[0-9][0-9][0-9][0-9]_*.sql"))]


DURABLE = {"fsync": {"on"}, "full_page_writes": {"on"}, "synchronous_commit": {"on", "remote_apply"}}
"""What PostgreSQL needs to keep what it has acknowledged."""


class UnsafeDatabase(Exception):
    """PostgreSQL could lose what it acknowledged, or keep locks for ever. In production a service does not start."""


async def settings_problems(conn: Connection) -> list[str]:
    """What of PostgreSQL's settings is unsafe on a connection of ``open_pool``, as sentences.

    The time-outs are ours, sent with each connection: a pooler in between may drop them, a login trigger change them.
    """
    rows = await conn.fetch(
        "SELECT name, setting FROM pg_settings WHERE name = ANY($1) ORDER BY name", [*DURABLE, *time_outs()]
    )
    found = {row["name"]: row["setting"] for row in rows}
    losing = [f"PostgreSQL: {name} is {found[name]}" for name, safe in DURABLE.items() if found[name] not in safe]
    waiting = [
        f"PostgreSQL: {name} is {found[name]} ms, not the {asked} ms we asked for"
        for name, asked in time_outs().items()
        if int(found[name]) != asked
    ]
    return losing + waiting
