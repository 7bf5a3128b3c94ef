"""The mailbox of development."""

from dataclasses import dataclass
from datetime import datetime

from common.db import Connection


@dataclass(frozen=True)
class Caught:
    """A mail as the catcher took it."""

    id: int
    received_at: datetime
    sender: str
    recipient: str
    subject: str
    fault: str | None


async def add_mail(
    conn: Connection,
    *,
    sender: str,
    recipient: str,
    address_hash: bytes,
    subject: str,
    fault: str | None,
    raw: bytes,
    now: datetime,
) -> None:
    await conn.execute(
        """
        INSERT INTO mailbox_mails (received_at, sender, recipient, address_hash, subject, fault, raw)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        now,
        sender,
        recipient,
        address_hash,
        subject,
        fault,
        raw,
    )


async def list_mails(conn: Connection, *, recipient: str, limit: int) -> list[Caught]:
    """The newest first; of one recipient, if given."""
    rows = await conn.fetch(
        """
        SELECT id, received_at, sender, recipient, subject, fault FROM mailbox_mails
         WHERE $1 = '' OR recipient = $1 ORDER BY id DESC LIMIT $2
        """,
        recipient,
        limit,
    )
    return [Caught(**row) for row in rows]


async def find_mail(conn: Connection, number: int) -> tuple[Caught, bytes] | None:
    row = await conn.fetchrow(
        "SELECT id, received_at, sender, recipient, subject, fault, raw FROM mailbox_mails WHERE id = $1", number
    )
    if row is None:
        return None
    fields = dict(row)
    raw: bytes = fields.pop("raw")
    return Caught(**fields), raw


async def empty(conn: Connection) -> None:
    await conn.execute("DELETE FROM mailbox_mails")
