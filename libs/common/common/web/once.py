"""One effect for one form, however often its button is pressed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from common import clock
from common.db import Connection
from common.web.forms import Form


@dataclass
class Past:
    """Where the first sending of this form led, or None: then do the deed and say where it leads."""

    location: str | None = None


@asynccontextmanager
async def once(conn: Connection, form: Form) -> AsyncIterator[Past]:
    """The insert makes a concurrent twin wait until the first has committed (or given up: then the twin does it).

    The token is kept only when the deed said where it leads; a form that was refused may be sent again. A savepoint:
    what the deed had done before it was refused goes too, even where the refusal is shown and the rest committed.
    """
    token = UUID(form.once)
    async with conn.transaction():
        [location] = await claim_forms(conn, [(token, "")])
        past = Past(location)
        yield past
        if location is not None:
            return
        if past.location is None:
            await release_forms(conn, [token])
        else:
            await conn.execute("UPDATE once SET location = $2 WHERE token = $1", token, past.location)


async def claim_forms(conn: Connection, forms: Sequence[tuple[UUID, str]]) -> list[str | None]:
    """For each token, with where its form will lead: None if it is ours now, else where the first sending led.

    Each token once. Sorted, so that two batches which share some wait for each other in one direction only.
    """
    if not forms:
        return []
    tokens = [token for token, _ in forms]
    rows = await conn.fetch(
        """
        INSERT INTO once (token, location, created_at)
        SELECT token, location, $3 FROM unnest($1::uuid[], $2::text[]) AS new (token, location) ORDER BY token
        ON CONFLICT DO NOTHING RETURNING token
        """,
        tokens,
        [location for _, location in forms],
        clock.now(),
    )
    if len(rows) == len(forms):
        return [None] * len(forms)
    ours = {row["token"] for row in rows}
    led_to = await _led_to(conn, [token for token in tokens if token not in ours])
    return [None if token in ours else led_to[token] for token in tokens]


async def release_forms(conn: Connection, tokens: Sequence[UUID]) -> None:
    """Nothing came of these forms: they may be sent again."""
    if tokens:
        await conn.execute("DELETE FROM once WHERE token = ANY($1::uuid[])", tokens)


async def _led_to(conn: Connection, tokens: list[UUID]) -> dict[UUID, str]:
    rows = await conn.fetch("SELECT token, location FROM once WHERE token = ANY($1::uuid[])", tokens)
    return {row["token"]: row["location"] for row in rows}
