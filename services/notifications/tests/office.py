"""The office of a test: everything that the other services would tell it, and a sender to be switched on."""

import email
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from email.message import Message
from uuid import UUID, uuid4

from common import bus, clock
from common.db import Connection, Pool
from common.events import Event
from common.events.surveys import CampaignState, ParticipationTicked
from common.inbox import Consumers
from common.service import Runtime
from common.testing import Gone, deliver, wait_for
from notifications import consumers
from notifications.keyring import Keyring

from .factories import Desk, block, member, ticks
from .postbox import Postbox
from .sending import sending


@dataclass
class Office:
    """One database, one mail server."""

    conn: Connection
    pool: Pool
    database: str
    keys: Keyring
    desk: Desk
    postbox: Postbox
    traces: list[str] = field(default_factory=list)

    async def hears(self, *told: Event | Gone) -> None:
        """Each group gets what it listens to."""
        for one in told:
            kind = one.event_class if isinstance(one, Gone) else type(one)
            await deliver(group_of(kind), self.conn, one)

    async def knows(self, member_id: UUID | None = None, *, consents=("surveys",), **contact: object) -> UUID:
        """A member with a contact; gives her id."""
        member_id = member_id or uuid4()
        contact.setdefault("address", f"{member_id}@example.org")
        await self.hears(member(member_id, consents=consents), self.desk.contact(member_id, **contact))
        return member_id

    async def opens(self, campaign: CampaignState, members: list[UUID]) -> None:
        """The campaign as surveys tells it: state, key, blocks, and fresh watermarks."""
        await self.hears(campaign, self.desk.campaign_key(campaign), block(campaign, members))
        await self.knows_all_answers()

    async def knows_all_answers(self) -> None:
        await self.hears(*ticks(bus.partitions_of(ParticipationTicked.topic)))

    def sending(self, *, port: int | None = None) -> AbstractAsyncContextManager[Runtime]:
        return sending(self.pool, self.database, self.keys, port=port or self.postbox.port)

    async def sends_all(self, *, port: int | None = None) -> None:
        """Until nothing is left that could leave now."""
        async with self.sending(port=port):
            await wait_for(self.nothing_to_do, within=20)

    async def nothing_to_do(self) -> bool:
        """Blocks first: what is expanded in between is then seen as messages."""
        return await self.all_expanded() and not await self.conn.fetchval(
            "SELECT count(*) FROM messages WHERE state IN ('ready', 'leased', 'sending') AND next_at <= $1",
            clock.now(),
        )

    async def all_expanded(self) -> bool:
        return not await self.conn.fetchval(
            """
            SELECT count(*) FROM campaign_runs r JOIN invitation_blocks b USING (campaign_id)
             WHERE NOT r.cancelled AND r.send_after <= $1 AND r.expires_at > $1
               AND NOT EXISTS (SELECT FROM expanded_blocks e WHERE e.campaign_no = b.campaign_no
                                  AND e.first_position = b.first_position AND e.occasion = r.occasion)
            """,
            clock.now(),
        )

    async def states(self) -> list[tuple[str, str | None]]:
        rows = await self.conn.fetch("SELECT state, reason FROM messages ORDER BY id")
        return [(row["state"], row["reason"]) for row in rows]

    async def count(self, table: str) -> int:
        return int(await self.conn.fetchval(f"SELECT count(*) FROM {table}"))

    def mails(self, address: str | None = None) -> list[Message]:
        return [
            email.message_from_bytes(one.original_content)
            for one in self.postbox.mails
            if address is None or one.rcpt_tos == [address]
        ]


def group_of(kind: type[Event]) -> Consumers:
    groups = (consumers.letters, consumers.everything, consumers.bulk)
    return next(group for group in groups if kind.type in {*group.one, *group.many, *group.gone})


def text_of(mail: Message, kind: str = "text/plain") -> str:
    part = next(part for part in mail.walk() if part.get_content_type() == kind)
    return part.get_payload(decode=True).decode().replace("\r\n", "\n")
