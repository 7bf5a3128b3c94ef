"""Joining: POST /api/members/applications to 202, durable, against the same rows written by pgbench.

Limit: pgbench writes one row of each table a join writes (the key of the person lives in a database of its own; for
the limit its table stands beside the others, so that one commit does). Ours: two instances of ``members serve --roles
web`` with rate limits on; every caller comes from a network of her own, as people do. Before anything is measured the
tables are counted around a few joins: were there one that the limit does not write, nothing would be measured.
"""

import uuid
from functools import partial

from common import clock
from common.db import Pool

from benchmarks import pgbench
from benchmarks.figures import Growth, Report, Turn, line, ms_per_operation
from benchmarks.http_load import Callers
from benchmarks.place import Measure, Place, rows_of, take_turns
from benchmarks.sizes import Sizes

REACH = 1.0

LIMIT = {
    "person_keys": "INSERT INTO person_keys VALUES (uuidv7(), decode(md5(:n ::text) || md5(:n ::text), 'hex'), now())",
    "rate_limits": """INSERT INTO rate_limits AS t
        VALUES (md5(:n ::text) || md5(:n ::text), date_trunc('hour', now()), 1)
        ON CONFLICT (key, window_start) DO UPDATE SET hits = t.hits + excluded.hits RETURNING t.hits""",
    "idempotency_keys": """INSERT INTO idempotency_keys (scope, key, body_sha256, status, headers, body, created_at)
        VALUES ('POST /api/members/applications -', gen_random_uuid()::text, decode(md5(:n ::text) || md5('b'), 'hex'),
                202, '{}', '\\x7b7d', now()) ON CONFLICT DO NOTHING RETURNING true""",
    "applications": """INSERT INTO applications (id, address, name, address_index, language, country, zone, expertise,
                                  consents, applied_at, expires_at)
        VALUES (uuidv7(), decode(repeat(md5(:n ::text), 3), 'hex'), decode(repeat(md5(:n ::text), 3), 'hex'),
                decode(md5(:n ::text) || md5('a'), 'hex'), 'ar', 'LB', 'Asia/Beirut', '{}', '{surveys}',
                now(), now() + interval '2 days')""",
    "timers": """INSERT INTO timers (kind, key, due_at) VALUES ('answer_application', gen_random_uuid()::text, now())
        ON CONFLICT (kind, key) DO UPDATE SET due_at = excluded.due_at""",
}
"""One row of each table."""


class LimitIsAnother(Exception):
    """A request writes other tables than the limit does."""


async def measure(place: Place, sizes: Sizes) -> Report:
    run = uuid.uuid4().hex[:8]
    doors = place.start_web("members")
    callers = Callers(doors, partial(join_request, place.stack.url, run), expect=202)
    async with place.pool("members") as members, place.pool("members_vault") as vault:
        try:
            await callers.call(sizes.connections, 0.5)
            await check_tables(place, callers, ("members", "members_vault"), set(LIMIT))
            await members.execute(
                "CREATE TABLE person_keys (person_id uuid PRIMARY KEY, key bytea NOT NULL, created_at timestamptz)"
            )
            limit = pgbench_turn(place, "members", LIMIT, sizes.seconds)
            ours = served_turn(place, callers, sizes.connections, sizes.seconds)
            await fill(members, vault, sizes.few)
            limits, few = await take_turns(sizes.rounds, limit, ours)
            remarks = [await with_fewer("join", place, callers, sizes, limit)]
            await fill(members, vault, sizes.many)
            (many,) = await take_turns(min(sizes.rounds, 3), ours)
        finally:
            callers.close()
            place.stop_all()
    growth = Growth("join", sizes.few, sizes.many, ms_per_operation(few), ms_per_operation(many))
    return Report([line("join", limits, few, reach=REACH)], [growth], remarks=remarks)


def join_request(origin: str, run: str, number: int) -> bytes:
    body = (
        b'{"name":"Amina Haddad","language":"ar","country":"LB","zone":"Asia/Beirut","consents":["surveys"],'
        b'"email":"p%d.%b@example.org"}' % (number, run.encode())
    )
    network = b"%d.%d.%d.9" % (1 + number // 65536 % 200, number // 256 % 256, number % 256)
    return (
        b"POST /api/members/applications HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Origin: %b\r\nX-Forwarded-For: %b\r\nIdempotency-Key: %b-%d\r\nContent-Length: %d\r\n\r\n%b"
        % (origin.encode(), network, run.encode(), number, len(body), body)
    )


async def check_tables(place: Place, callers: Callers, databases: tuple[str, ...], limit: set[str]) -> None:
    """Raises LimitIsAnother."""
    urls = {name: place.stack.databases[name] for name in databases}
    before = await rows_of(urls)
    await callers.call(4, 0.2)
    after = await rows_of(urls)
    written = {table for table, rows in after.items() if rows > before[table]}
    if written != limit:
        raise LimitIsAnother(f"a request writes {sorted(written)}, the limit {sorted(limit)}")


def pgbench_turn(place: Place, database: str, statements: dict[str, str], seconds: int) -> Measure:
    """One statement per table, all in one transaction."""
    script = [
        r"\set n random(1, 1000000000000)",
        r"\set high :n / 1000000",
        r"\set low :n % 1000000",
        *(" ".join(statement.split()) for statement in statements.values()),
    ]
    return partial(pgbench.transactions, place.stack.databases[database], script, seconds)


def served_turn(place: Place, callers: Callers, connections: int, seconds: float) -> Measure:
    async def turn() -> Turn:
        before = place.used()
        called = await callers.call(connections, seconds)
        return Turn(called.operations, called.seconds, place.used() - before)

    return turn


FEWER = (16, 64)


async def with_fewer(path: str, place: Place, callers: Callers, sizes: Sizes, limit: Measure) -> str:
    """The more people call at once, the more of them share a transaction: what the ratio is when fewer do."""
    ratios = {}
    for connections in FEWER:
        ours = served_turn(place, callers, connections, sizes.seconds)
        limits, turns = await take_turns(min(sizes.rounds, 3), limit, ours)
        ratios[connections] = line(path, limits, turns, reach=0.0).ratio or 0.0
    told = ", ".join(f"{ratio:.2f} by {connections}" for connections, ratio in ratios.items())
    return f"{path}: called by {sizes.connections} at once; ratio {told}"


async def fill(members: Pool, vault: Pool, count: int) -> None:
    """So many people asked to join before, each with what her request left behind."""
    there = await members.fetchval("SELECT count(*) FROM applications")
    wanted, now = max(count - there, 0), clock.now()
    await members.execute(
        """
        WITH new AS (SELECT i, uuidv7(interval '-1 hour') AS id FROM generate_series(1, $1::int) AS i),
             called AS (INSERT INTO idempotency_keys (scope, key, body_sha256, status, headers, body, created_at)
                        SELECT 'POST /api/members/applications -', id::text, uuid_send(id), 202, '{}', '\\x7b7d', $2
                          FROM new),
             counted AS (INSERT INTO rate_limits SELECT encode(sha256(uuid_send(id)), 'hex'), $2, 1 FROM new)
        INSERT INTO applications (id, address, name, address_index, language, country, zone, expertise, consents,
                                  applied_at, expires_at)
        SELECT id, decode(repeat(md5(i::text), 3), 'hex'), decode(repeat(md5(i::text), 3), 'hex'),
               sha256(uuid_send(id)), 'ar', 'LB', 'Asia/Beirut', '{}', '{surveys}', $2, $2 + interval '2 days'
          FROM new
        """,
        wanted,
        now,
    )
    await vault.execute(
        """
        INSERT INTO person_keys (person_id, key, created_at)
        SELECT uuidv7(interval '-1 hour'), sha256(i::text::bytea), $2 FROM generate_series(1, $1::int) AS i
        """,
        wanted,
        now,
    )
    await members.execute("VACUUM ANALYZE applications, idempotency_keys, rate_limits")
