"""One effect for one form, however often its button is pressed."""

from collections.abc import AsyncIterator
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
        if not await _take(conn, token):
            yield Past(await conn.fetchval("SELECT location FROM once WHERE token = $1", token))
            return
        past = Past()
        yield past
        if past.location is None:
            await conn.execute("DELETE FROM once WHERE token = $1", token)
        else:
            await conn.execute("UPDATE once SET location = $2 WHERE token = $1", token, past.location)


async def _take(conn: Connection, token: UUID) -> bool:
    taken = await conn.fetchval(
        "INSERT INTO once (token, location, created_at) VALUES ($1, '', $2) ON CONFLICT DO NOTHING RETURNING true",
        token,
        clock.now(),
    )
    return taken is True
