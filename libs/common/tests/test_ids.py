"""Ids of our own making, as RFC 9562 writes them."""

from datetime import UTC, datetime
from uuid import RFC_4122

from common import clock
from common.ids import new_id


def test_an_id_is_a_uuid_of_version_7():
    made = new_id()
    assert (made.version, made.variant) == (7, RFC_4122)


def test_it_begins_with_the_millisecond_it_was_made_in(monkeypatch):
    moment = datetime(2026, 11, 26, 12, 0, 0, 250_000, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: moment)
    assert new_id().int >> 80 == int(moment.timestamp() * 1000)


def test_no_two_are_the_same():
    assert len({new_id() for _ in range(10_000)}) == 10_000
