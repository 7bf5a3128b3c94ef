"""One-click unsubscribe (RFC 8058): the link alone says who and what; members keeps the ledger of consents."""

from datetime import datetime
from uuid import UUID

from common import inbox, outbox
from common.db import Connection
from common.errors import NotFound
from common.events.notifications import MemberUnsubscribed
from common.web.i18n import N_

from notifications.keyring import keyring
from notifications.store import known

NOT_A_LINK = N_("This link is not complete. Please open it again from the letter.")


def read(token: str) -> tuple[UUID, str]:
    """Member and category. Raises NotFound for a link we never wrote."""
    found = keyring().tokens.read_unsubscribe(token)
    if found is None:
        raise NotFound(NOT_A_LINK)
    return found


async def unsubscribe(conn: Connection, token: str, now: datetime) -> None:
    """Nothing of this category leaves from now on. The second time changes nothing, nor does it for somebody erased."""
    member_id, category = read(token)
    if await inbox.is_erased(conn, [member_id]) or await known.has_withdrawn(conn, member_id, category):
        return
    await known.add_unsubscription(conn, member_id, category, now)
    await outbox.append(conn, MemberUnsubscribed(member_id=member_id, category=category, unsubscribed_at=now))
