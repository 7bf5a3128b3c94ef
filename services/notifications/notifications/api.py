"""The API of notifications, for staff; and in development the mailbox, for tests."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from common import clock, web
from common.errors import NotFound
from fastapi import APIRouter, Query
from pydantic import BaseModel

from notifications.commands import deciding, overviews
from notifications.domain import Decision
from notifications.mailbox.reading import opened
from notifications.store import mailbox as mails

router = APIRouter(tags=["deliveries"])
mailbox = APIRouter(tags=["mailbox (development)"])


class Attempt(BaseModel):
    """One attempt to hand a message over; ``said`` is without addresses."""

    attempt: int
    phase: str
    ended_at: datetime
    host: str
    code: int | None
    enhanced: str | None
    said: str


class MessageView(BaseModel):
    """How far a message got."""

    id: UUID
    purpose: str
    category: str
    state: str
    reason: str | None
    created_at: datetime
    sent_at: datetime | None
    attempts: list[Attempt]


class Decided(BaseModel):
    """What a person decides about a held message."""

    decision: Decision


class DecidedView(BaseModel):
    state: str


@router.get("/messages/{message_id}")
async def read_a_message(message_id: UUID, who: web.StaffOnly, tx: web.Tx) -> MessageView:
    one = await overviews.one_message(tx, message_id)
    if one is None:
        raise NotFound("There is no such message.")  # staff
    attempts = [Attempt(**dict(attempt)) for attempt in one.attempts]
    return MessageView.model_validate({**vars(one.message), "attempts": attempts})


@router.put("/messages/{message_id}/decision")
async def decide(message_id: UUID, decided: Decided, who: web.StaffOnly, tx: web.Tx) -> DecidedView:
    """Send a held message again, or give it up. It can be decided once per attempt."""
    state = await deciding.decide(tx, message_id, decided.decision, decided_by=who.member_id, now=clock.now())
    return DecidedView(state=state)


class CaughtMail(BaseModel):
    """A mail in the mailbox of development."""

    id: int
    received_at: datetime
    recipient: str
    subject: str
    text: str
    links: list[str]


@mailbox.get("/mailbox")
async def list_caught_mails(
    tx: web.Tx, to: Annotated[str, Query(max_length=254)] = "", limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> list[CaughtMail]:
    """The newest first; of one recipient, if given."""
    found = [
        await mails.find_mail(tx, one.id)
        for one in await mails.list_mails(tx, recipient=to.replace("\0", ""), limit=limit)
    ]
    return [_caught(*one) for one in found if one is not None]


def _caught(mail: mails.Caught, raw: bytes) -> CaughtMail:
    parts = opened(raw)
    return CaughtMail(
        id=mail.id,
        received_at=mail.received_at,
        recipient=mail.recipient,
        subject=mail.subject,
        text=parts.text,
        links=parts.links,
    )
