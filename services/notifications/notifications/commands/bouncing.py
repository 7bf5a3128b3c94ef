"""What mail servers tell later: delivery reports (RFC 3464) and complaints (RFC 5965) at the bounce address.

The address carries a token (VERP) that names the message and proves that it is ours: a report about anything else is
refused, and the recipient need not be named in it, since many reports do not.
"""

import email
import email.message
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from typing import Any
from uuid import UUID

from common import clock, db, outbox
from common.db import Connection, Pool

from notifications import domain
from notifications.commands.settling import bounces
from notifications.domain import State
from notifications.keyring import Keyring
from notifications.store import deliveries
from notifications.store.deliveries import Locked

COMPLAINT = "complaint"


@dataclass(frozen=True)
class Report:
    """One thing a report says: ``action`` of RFC 3464 2.3.3 (failed, delayed, delivered ...) or ``complaint``."""

    action: str
    status: str
    host: str
    said: str


def message_of(keys: Keyring, address: str) -> UUID | None:
    """Which message of ours bounces to this address; None if none does."""
    local = address.strip("<>").partition("@")[0]
    prefix, _, token = local.partition("+")
    return keys.tokens.read_message(token) if prefix.lower() == "b" else None


async def take_report(pool: Pool, keys: Keyring, address: str, raw: bytes) -> None:
    """Apply what it says, if it is about a message of ours and says something. Automatic answers say nothing."""
    message_id, report = message_of(keys, address), read_report(raw)
    if message_id is None or report is None:
        return
    async with db.transaction(pool) as conn:
        await apply(conn, message_id, report, clock.now())


async def apply(conn: Connection, message_id: UUID, report: Report, now: datetime) -> None:
    """What it says is written beside the attempt, and decides about message and address."""
    message = await deliveries.lock_message(conn, message_id)
    if message is None:
        return
    said = domain.without_addresses(report.said)
    await deliveries.add_report(
        conn, message_id, message.attempt, host=report.host, enhanced=report.status, said=said, now=now
    )
    if report.action == COMPLAINT:
        await _suppress(conn, message, COMPLAINT, report.status, now)
    elif report.action == "delivered":
        await _change(conn, message, State.DELIVERED, None, now)
    elif report.action == "failed":
        await _fail(conn, message, report, now)


async def _fail(conn: Connection, message: Locked, report: Report, now: datetime) -> None:
    if domain.no_such_mailbox(report.status):
        await _suppress(conn, message, "no_such_mailbox", report.status, now)
    if await _change(conn, message, State.PERMANENT_FAILURE, domain.reason_of(report.status), now):
        await outbox.append(conn, *bounces(message.campaign_id, message.campaign_no, message.position, now))


async def _change(conn: Connection, message: Locked, state: State, reason: str | None, now: datetime) -> bool:
    """A report may overtake the server's own answer; that then changes nothing any more."""
    if state not in domain.MAY_BECOME[State(message.state)]:
        return False
    await deliveries.change_state(conn, message.id, state, reason, now)
    await deliveries.count_outcomes(conn, [(message.category, state)], now.date())
    return True


async def _suppress(conn: Connection, message: Locked, reason: str, said: str, now: datetime) -> None:
    if message.address_hash is not None:
        await deliveries.suppress(conn, message.recipient, message.address_hash, reason, said, now)


def read_report(raw: bytes) -> Report | None:
    """None for what is no report: an out-of-office answer, spam, something broken."""
    parsed = email.message_from_bytes(raw)
    if parsed.get_content_type() != "multipart/report":
        return None
    for part in parsed.walk():
        if part.get_content_type() == "message/delivery-status":
            return _delivery_status(part)
        if part.get_content_type() == "message/feedback-report":
            fields = _fields(part)
            kind = (fields[0].get("feedback-type") if fields else None) or "abuse"
            return Report(COMPLAINT, _word(kind), "-", "complaint")
    return None


def _delivery_status(part: Message) -> Report | None:
    """The first block is about the whole mail, each further one about a recipient; we send to one at a time."""
    blocks = _fields(part)
    recipient = next((block for block in blocks if block.get("action")), None)
    if recipient is None:
        return None
    host = (blocks[0].get("reporting-mta") or "-").rpartition(";")[2].strip()
    diagnostic = (recipient.get("diagnostic-code") or "").partition(";")[2].strip()
    status = _word((recipient.get("status") or "").split(" ")[0])
    return Report(_word(recipient.get("action") or "").lower(), status, _word(host), diagnostic or status)


def _fields(part: Message) -> list[Any]:
    """Blocks of header-like fields, which Python parses as messages."""
    payload = part.get_payload()
    if isinstance(payload, list):
        return payload
    return [email.message_from_string(block) for block in str(payload).split("\n\n") if block.strip()]


def _word(text: str) -> str:
    return "".join(character for character in str(text).strip() if character.isprintable())[:100].replace("\0", "")


def a_report(recipient: str, bounce_address: str, status: str, said: str) -> bytes:
    """A delivery report as other mail servers write it, for the mailbox of development."""
    return (
        f"From: <mailer-daemon@localhost>\r\nTo: <{bounce_address}>\r\nSubject: Undelivered mail\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="report"\r\n\r\n'
        "--report\r\nContent-Type: text/plain\r\n\r\nYour mail could not be delivered.\r\n"
        "--report\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; localhost\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; 550 {status} {said}\r\n\r\n--report--\r\n"
    ).encode()
