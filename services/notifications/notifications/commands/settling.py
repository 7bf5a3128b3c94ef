"""How attempts ended: written down, counted, told to those who wait for it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from common import outbox
from common.db import Connection
from common.events import Event
from common.events.notifications import InvitationBounced, LetterSent

from notifications import domain, tellings
from notifications.domain import State
from notifications.store import claims, deliveries, workers
from notifications.store.claims import Ended, Settled, Skipped


async def settle(conn: Connection, ended: Sequence[Ended], now: datetime) -> None:
    """The message, its attempt, the counters, suppression and events: all or nothing."""
    verdicts = {one.id: one for one in ended}
    settled = await claims.end(conn, ended, now)
    counted = ((one.category, one.state) for one in settled if one.state != State.RETRY_WAIT)
    await deliveries.count_outcomes(conn, counted, now.date())
    for one in settled:
        end = verdicts[one.id]
        if end.verdict.suppress and one.address_hash is not None:
            said = end.enhanced or str(end.code)
            await deliveries.suppress(conn, one.recipient, one.address_hash, "no_such_mailbox", said, now)
    await outbox.append(conn, *(event for one in settled for event in _told(one, now)))


async def count_skipped(conn: Connection, skipped: Iterable[Skipped], now: datetime) -> None:
    await deliveries.count_outcomes(conn, ((one.category, State.SKIPPED) for one in skipped), now.date())


async def settle_for_a_dead_worker(conn: Connection, worker_id: int, now: datetime) -> int:
    """What it had only leased is ready again; what it was handing over is unknown. Returns how many are unknown."""
    await workers.release_leased(conn, worker_id, now)
    interrupted = await workers.lock_interrupted(conn, worker_id)
    ended = [
        Ended(
            id=one.id,
            attempt=one.attempt,
            verdict=replace(
                domain.after_silence(one.category, resent=one.resent, now=now), reason="the_sender_was_interrupted"
            ),
            phase="interrupted",
            host="-",
            code=None,
            enhanced=None,
            said="The sender stopped before it knew",
            ended_at=now,
        )
        for one in interrupted
    ]
    await settle(conn, ended, now)
    return len(ended)


def _told(one: Settled, now: datetime) -> list[Event]:
    if one.purpose == tellings.LETTER.purpose and one.state == State.SENT:
        return [LetterSent(letter_id=one.recipient, sent_at=now)]
    if one.state == State.PERMANENT_FAILURE:
        return bounces(one.campaign_id, one.campaign_no, one.position, now)
    return []


def bounces(campaign_id: object, campaign_no: int | None, position: int | None, now: datetime) -> list[Event]:
    """A survey letter that can not be delivered counts in the response rates; other letters do not."""
    if campaign_id is None or campaign_no is None or position is None:
        return []
    return [
        InvitationBounced.model_validate(
            {
                "bounce_id": f"{campaign_no}/{position}",
                "campaign_id": campaign_id,
                "campaign_no": campaign_no,
                "position": position,
                "bounced_at": now,
            }
        )
    ]
