"""The real sender, ill or sound, on a database of its own, and a mail server that belongs to the auditor.

What the other services would tell it is delivered to its consumers beforehand; what is at stake here is the last step.
"""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from common import bus, db, sealing
from common.testing import deliver, wait_for
from notifications import consumers
from notifications.app import service

from deploy.local import keys
from services.notifications.tests.factories import Desk, meeting, member, rsvp
from tests.chaos.auditor import Auditor, MailServer, Promise, Received, Table, Waiting
from tests.chaos.bugs.garden import PATIENCE, connected, database
from tests.chaos.bugs.lives import Life


@dataclass
class Bureau:
    """``bug`` None: the sender is as it should be."""

    bug: str | None
    chance: random.Random
    url: str
    folder: Path
    server: MailServer
    auditor: Auditor
    lives: list[Life] = field(default_factory=list)

    def start(self) -> Life:
        environment = keys.environment(self.folder, "notifications") | {
            "DATABASE_URL": self.url,
            "SMTP_PORT": str(self.server.port),
            "SMTP_TLS": "never",
            "HEALTH_PORT": "0",
            "CLOCK_OFFSET_FILE": str(self.clock),
        }
        output = self.folder / f"notifications-{len(self.lives)}.log"
        life = Life(self.bug, "notifications", ["serve", "--roles", "sender"], environment, output)
        self.lives.append(life)
        life.start()
        return life

    async def end_all(self) -> None:
        await asyncio.gather(*(life.end(signal.SIGKILL) for life in self.lives))

    async def invite(self, people: int) -> None:
        """So many members will come to a meeting: each is owed one calendar entry."""
        pool = await db.open_pool(self.url, application_name="test")
        desk = Desk(sealing.load_public(self.folder / "notifications.pub"))
        planned, coming = meeting(), [uuid4() for _ in range(people)]
        async with pool.acquire() as conn:
            await deliver(consumers.everything, conn, planned, *(member(one) for one in coming))
            contacts = (desk.contact(one, address=address_of(one)) for one in coming)
            await deliver(consumers.everything, conn, *contacts)
            await deliver(consumers.everything, conn, *(rsvp(planned.meeting_id, one) for one in coming))
        await pool.close()
        for one in coming:
            self.auditor.acknowledged(KIND, str(one))

    async def tried_all(self) -> None:
        """Every message was handed over once, whatever came of it."""

        async def none_is_left() -> bool:
            async with connected(self.url) as conn:
                left = await conn.fetchval(
                    "SELECT count(*) FROM messages WHERE state IN ('ready', 'leased', 'sending')"
                )
            return bool(left == 0)

        await wait_for(none_is_left, within=PATIENCE)

    @property
    def clock(self) -> Path:
        return self.folder / "clock.offset"

    def an_hour_passes(self) -> None:
        self.clock.write_text("3600")


@asynccontextmanager
async def opened(bug: str | None, chance: random.Random, folder: Path) -> AsyncIterator[Bureau]:
    keys.make(folder)
    before = bus.configure()
    async with database(service.migration_folders) as url, MailServer.running() as server:
        auditor = Auditor(
            Waiting("messages", url, WAITING),
            Table("held", url, "SELECT recipient FROM messages WHERE state = 'unknown'", KIND, Promise.EXCUSED),
            server.place(KIND, whose),
        )
        bureau = Bureau(bug, chance, url, folder, server, auditor)
        bureau.clock.write_text("0")
        try:
            yield bureau
        finally:
            await bureau.end_all()
            bus.configure(prefix=before.prefix, partitions_cap=before.partitions_cap)


KIND = "calendar entry"

WAITING = """
    SELECT recipient FROM messages
     WHERE state IN ('accepted', 'scheduled', 'ready', 'leased', 'sending', 'retry_wait')
"""


def address_of(member_id: UUID) -> str:
    return f"{member_id}@example.org"


def whose(mail: Received) -> tuple[str, int]:
    return mail.recipient.partition("@")[0], 0
