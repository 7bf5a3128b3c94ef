"""The rules: which states a message goes through, what an answer of a mail server means, when to try again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from common.errors import Invalid, NotAllowed


class State(StrEnum):
    """How far a message got. ``accepted`` waits for a contact; ``unknown`` was handed over without an answer."""

    ACCEPTED = "accepted"
    SKIPPED = "skipped"
    SCHEDULED = "scheduled"
    READY = "ready"
    LEASED = "leased"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    RETRY_WAIT = "retry_wait"
    PERMANENT_FAILURE = "permanent_failure"
    TEMPORARY_FAILURE = "temporary_failure"
    UNKNOWN = "unknown"


MAY_BECOME: Mapping[State, frozenset[State]] = {
    State.ACCEPTED: frozenset({State.READY, State.SKIPPED}),
    State.SCHEDULED: frozenset({State.LEASED, State.SKIPPED}),
    State.READY: frozenset({State.LEASED, State.SKIPPED}),
    State.RETRY_WAIT: frozenset({State.LEASED, State.SKIPPED, State.TEMPORARY_FAILURE}),
    State.LEASED: frozenset({State.SENDING, State.READY, State.SKIPPED}),
    State.SENDING: frozenset(
        {State.SENT, State.RETRY_WAIT, State.PERMANENT_FAILURE, State.TEMPORARY_FAILURE, State.UNKNOWN}
    ),
    State.UNKNOWN: frozenset({State.READY, State.RETRY_WAIT, State.SENT, State.DELIVERED, State.PERMANENT_FAILURE}),
    State.SENT: frozenset({State.DELIVERED, State.PERMANENT_FAILURE}),
    State.DELIVERED: frozenset({State.PERMANENT_FAILURE}),
    State.SKIPPED: frozenset(),
    State.PERMANENT_FAILURE: frozenset(),
    State.TEMPORARY_FAILURE: frozenset(),
}
"""The late edges from ``sent`` are bounces and delivery notices; everything else only goes forward."""

WAIT_FOR_CONTACT = timedelta(hours=1)
TRY_FOR = timedelta(hours=72)
SECOND_TRY_AFTER = timedelta(minutes=1)
"""Security mail with an unknown end goes out once more: soon, because somebody sits and waits for her link."""
FRESH_WATERMARK = timedelta(seconds=60)
"""Older, and somebody may have answered without our knowing: nobody is reminded then."""

_FIRST_DELAY, _LONGEST_DELAY = timedelta(seconds=30), timedelta(hours=4)


@dataclass(frozen=True)
class Verdict:
    """What becomes of a message after an attempt."""

    state: State
    reason: str | None = None
    next_at: datetime | None = None
    resent: bool = False
    suppress: bool = False
    """The mailbox does not exist: nobody writes to this address again."""


def after_an_answer(
    code: int, enhanced: str | None, *, attempt: int, accepted_at: datetime, expires_at: datetime, now: datetime
) -> Verdict:
    """The server answered: RFC 5321 4.2.1 and, where it says more, RFC 3463."""
    if 200 <= code < 300:
        return Verdict(State.SENT)
    if code >= 500:
        return Verdict(State.PERMANENT_FAILURE, reason_of(enhanced), suppress=no_such_mailbox(enhanced))
    return try_again(attempt=attempt, accepted_at=accepted_at, expires_at=expires_at, now=now)


def try_again(*, attempt: int, accepted_at: datetime, expires_at: datetime, now: datetime) -> Verdict:
    """Later, with growing pauses, until it is of no use any more."""
    next_at = now + min(_FIRST_DELAY * 2 ** min(attempt - 1, 20), _LONGEST_DELAY)
    if next_at > min(accepted_at + TRY_FOR, expires_at):
        return Verdict(State.TEMPORARY_FAILURE, "tried_long_enough")
    return Verdict(State.RETRY_WAIT, next_at=next_at)


def after_silence(category: str, *, resent: bool, now: datetime) -> Verdict:
    """The last dot was written and nobody knows whether it was read (RFC 1047)."""
    if category == "security" and not resent:
        return Verdict(State.RETRY_WAIT, "unknown_sent_once_more", now + SECOND_TRY_AFTER, resent=True)
    return Verdict(State.UNKNOWN, "no_answer_after_the_text")


def no_such_mailbox(enhanced: str | None) -> bool:
    """Bad destination addresses (5.1.x) and disabled mailboxes (5.2.1); not full ones, not policy (5.7.x)."""
    return enhanced is not None and (enhanced.startswith("5.1.") or enhanced == "5.2.1")


def reason_of(enhanced: str | None) -> str:
    """A word for the console; RFC 3463 3.2-3.8."""
    if no_such_mailbox(enhanced):
        return "no_such_mailbox"
    words = {"2": "mailbox_full", "3": "mail_system", "4": "network", "5": "protocol", "6": "content", "7": "policy"}
    _, _, detail = (enhanced or "").partition(".")
    return words.get(detail.partition(".")[0], "refused")


class Decision(StrEnum):
    """What a person may decide about a message whose end is unknown."""

    SEND_AGAIN = "send_again"
    GIVE_UP = "give_up"


def decide(state: State, decision: Decision) -> State:
    """Only held messages are decided about, so that nobody sends twice what was already sent."""
    if state is not State.UNKNOWN:
        raise NotAllowed("This message is not held any more.")  # staff
    return State.READY if decision is Decision.SEND_AGAIN else State.PERMANENT_FAILURE


def decision_named(name: str) -> Decision:
    try:
        return Decision(name)
    except ValueError:
        raise Invalid("Choose either to send it again or to give it up.") from None  # staff


_ADDRESS = re.compile(r"<?[^\s<>@]+@[^\s<>@]+>?")


def without_addresses(text: str) -> str:
    """A server's words as they may be kept: it likes to repeat whom it refused."""
    return _ADDRESS.sub("[address]", text)[:300]
