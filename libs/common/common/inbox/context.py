"""What a deed may ask about the records behind the events it was given."""

from contextvars import ContextVar

from common.bus import Record
from common.db import Connection

current: ContextVar[tuple[Record, ...]] = ContextVar("current_records", default=())


def current_records() -> tuple[Record, ...]:
    """The records behind the event or the list of events being handled, in the same order."""
    return current.get()


async def older_than_this_database(conn: Connection) -> list[bool]:
    """For each current record: did it happen before this database was made?

    A rebuilt database reads old facts to regain its state; a message to a person must not go out again because of them.
    """
    born = await conn.fetchval("SELECT born_at FROM born")
    return [record.time is not None and born is not None and record.time < born for record in current.get()]
