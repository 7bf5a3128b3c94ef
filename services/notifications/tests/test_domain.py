"""The rules: what an answer means, how long to try, what a server's words may keep."""

from datetime import UTC, datetime, timedelta

import pytest
from common.errors import NotAllowed
from hypothesis import given
from hypothesis import strategies as st
from notifications import domain, tellings
from notifications.domain import MAY_BECOME, Decision, State

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
LATER = NOW + timedelta(days=30)


FAILED = State.PERMANENT_FAILURE


def after(code: int, enhanced: str | None = None, *, attempt: int = 1, accepted_at: datetime = NOW) -> domain.Verdict:
    return domain.after_an_answer(code, enhanced, attempt=attempt, accepted_at=accepted_at, expires_at=LATER, now=NOW)


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (250, State.SENT),
        (251, State.SENT),
        (421, State.RETRY_WAIT),
        (451, State.RETRY_WAIT),
        (550, State.PERMANENT_FAILURE),
    ],
)
def test_the_first_digit_decides(code: int, state: State):
    assert after(code).state is state


def test_pauses_grow_from_half_a_minute_to_four_hours():
    pauses = [after(451, attempt=attempt).next_at - NOW for attempt in (1, 2, 3, 10, 100_000)]
    assert pauses == [timedelta(seconds=30), timedelta(minutes=1), timedelta(minutes=2), *[timedelta(hours=4)] * 2]


def test_after_three_days_it_is_given_up():
    assert after(451, attempt=9, accepted_at=NOW - timedelta(hours=71)).state is State.TEMPORARY_FAILURE


def test_a_link_that_expires_is_not_tried_beyond():
    soon = NOW + timedelta(seconds=20)
    verdict = domain.try_again(attempt=1, accepted_at=NOW, expires_at=soon, now=NOW)
    assert verdict.state is State.TEMPORARY_FAILURE


@pytest.mark.parametrize("category", ["transactional", "survey", "news"])
def test_only_security_mail_is_sent_again_by_itself_and_only_once(category: str):
    assert domain.after_silence(category, resent=False, now=NOW).state is State.UNKNOWN
    assert domain.after_silence("security", resent=False, now=NOW).state is State.RETRY_WAIT
    assert domain.after_silence("security", resent=True, now=NOW).state is State.UNKNOWN


@pytest.mark.parametrize("state", [state for state in State if state is not State.UNKNOWN])
def test_nobody_decides_about_what_is_not_held(state: State):
    with pytest.raises(NotAllowed):
        domain.decide(state, Decision.SEND_AGAIN)


def test_what_failed_or_was_skipped_never_leaves_again():
    for state in (State.SKIPPED, State.PERMANENT_FAILURE, State.TEMPORARY_FAILURE):
        assert MAY_BECOME[state] == frozenset()


def test_every_state_has_its_ways_on():
    assert set(MAY_BECOME) == set(State)


@given(st.text(max_size=60), st.emails())
def test_no_address_stays_in_what_a_server_said(words: str, address: str):
    kept = domain.without_addresses(f"{words} <{address}> {words}")
    assert address not in kept


@given(st.text(max_size=30) | st.none())
def test_any_status_has_a_reason(status: str | None):
    assert domain.reason_of(status)


def test_a_message_that_needs_a_consent_can_be_unsubscribed_and_is_never_before_a_letter():
    for line in tellings.TABLE:
        assert (line.category in tellings.CONSENTS) == (line.lane == tellings.BULK)
    assert tellings.LETTER.lane < tellings.CALENDAR.lane < tellings.INVITATION.lane
