"""What other services tell the members service."""

from common import clock
from common.db import Connection
from common.errors import NotFound
from common.events import hub, notifications, surveys
from common.events.members import ErasureState
from common.inbox import Consumers

from members.commands import erasure, letters, membership

consumers = Consumers("members")


@consumers.on(ErasureState)
async def forget_whom_a_restored_database_brought_back(erased: ErasureState, conn: Connection) -> None:
    await erasure.forget_again(conn, erased.member_id, now=clock.now())


@consumers.on(notifications.LetterSent)
async def stop_waiting_for_the_letter(sent: notifications.LetterSent, conn: Connection) -> None:
    await letters.note_sent(conn, sent.letter_id)


@consumers.on(notifications.MemberUnsubscribed)
async def withdraw_the_consent(unsubscribed: notifications.MemberUnsubscribed, conn: Connection) -> None:
    try:
        await membership.withdraw(conn, unsubscribed.member_id, unsubscribed.category, now=unsubscribed.unsubscribed_at)
    except NotFound:
        """She was erased since, and with her the consent."""


@consumers.on(hub.ErasureAnswered)
async def note_what_the_hub_forgot(answer: hub.ErasureAnswered, conn: Connection) -> None:
    await erasure.note_answer(conn, answer.member_id, "hub", answer.places, answered_at=answer.answered_at)


@consumers.on(surveys.ErasureAnswered)
async def note_what_surveys_forgot(answer: surveys.ErasureAnswered, conn: Connection) -> None:
    await erasure.note_answer(conn, answer.member_id, "surveys", answer.places, answered_at=answer.answered_at)


@consumers.on(notifications.ErasureAnswered)
async def note_what_notifications_forgot(answer: notifications.ErasureAnswered, conn: Connection) -> None:
    await erasure.note_answer(conn, answer.member_id, "notifications", answer.places, answered_at=answer.answered_at)
