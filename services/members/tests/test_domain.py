"""The rules alone: no database, no clock."""

from datetime import timedelta
from uuid import uuid4

import pytest
from common.errors import Gone, NotAllowed
from hypothesis import given
from hypothesis import strategies as st
from members.domain import erasure, expertise, places
from members.domain.applications import CONFIRM_WITHIN, AlreadyConfirmed
from members.domain.letters import PendingLetter
from members.domain.membership import PURPOSES, changes, standing
from members.domain.sign_in import CODE_TRIES, LINK_WORKS_FOR, SignIn, device_of, start_session
from members.domain.words import comparable_address, comparable_words

from .factories import NOW, application, member, profile


def test_confirming_makes_a_member_under_the_id_of_the_application():
    applied = application()
    amina, joined = applied.confirm(10001, now=NOW)
    assert (amina.id, amina.called, amina.status) == (applied.id, "M-10001", "current")
    assert joined.member_id == applied.id


def test_a_link_confirms_for_48_hours_and_not_a_second_longer():
    applied = application(applied_at=NOW, expires_at=NOW + CONFIRM_WITHIN)
    applied.check_open(now=NOW + CONFIRM_WITHIN - timedelta(seconds=1))
    with pytest.raises(Gone):
        applied.check_open(now=NOW + CONFIRM_WITHIN)


def test_a_second_click_is_told_kindly():
    with pytest.raises(AlreadyConfirmed):
        application(confirmed_at=NOW).check_open(now=NOW)


def test_nobody_sees_anything_of_a_new_member():
    assert {member().seen_by(field) for field in ("name", "country", "language", "expertise")} == {"nobody"}


def test_an_unknown_audience_shows_nothing():
    with pytest.raises(NotAllowed):
        member().showing({"name": "everybody"})
    with pytest.raises(NotAllowed):
        member().showing({"address": "public"})


def test_other_services_are_told_only_what_they_would_notice():
    amina = member(version=3, contact_version=5)
    renamed = amina.described_as(profile(name="Amina H."))
    assert (renamed.version, renamed.contact_version) == (3, 6)
    moved = amina.described_as(profile(country="FR"))
    assert (moved.version, moved.contact_version) == (4, 5)
    learned = amina.described_as(profile(expertise=("1",)))
    assert (learned.version, learned.contact_version) == (3, 5)


def test_a_member_who_left_agrees_to_nothing():
    gone, left = member().leave(now=NOW)
    assert gone.state(("surveys",)).consents == ()
    assert left.left_at == NOW
    with pytest.raises(NotAllowed):
        gone.leave(now=NOW)


def test_coming_back_keeps_the_number_and_raises_both_versions():
    gone, _ = member(number=77).leave(now=NOW)
    back, joined = gone.come_back(profile(country="FR"), now=NOW)
    assert (back.called, back.status, back.left_at, back.profile.country) == ("M-77", "current", None, "FR")
    assert (back.version, back.contact_version) == (gone.version + 1, gone.contact_version + 1)
    assert joined.member_id == gone.id


@given(st.lists(st.sets(st.sampled_from(PURPOSES))))
def test_of_each_purpose_the_last_line_counts(wishes: list[set[str]]):
    ledger: list = []
    for wanted in wishes:
        ledger += changes(ledger, wanted, language="en", how="profile", now=NOW)
        assert set(standing(ledger)) == wanted
        assert changes(ledger, wanted, language="en", how="profile", now=NOW) == []


def test_a_sign_in_link_works_once_and_for_ten_minutes():
    asked = SignIn(uuid4(), uuid4(), b"", NOW + LINK_WORKS_FOR, "/me")
    with pytest.raises(Gone):
        asked.used(now=NOW).check_open(now=NOW)
    with pytest.raises(Gone):
        asked.check_open(now=NOW + LINK_WORKS_FOR)


def test_the_sixth_code_is_not_even_looked_at():
    asked = SignIn(uuid4(), uuid4(), b"", NOW + LINK_WORKS_FOR, "/me")
    for _ in range(CODE_TRIES):
        asked = asked.tried(right=False, now=NOW)
    with pytest.raises(NotAllowed):
        asked.tried(right=True, now=NOW)


def test_a_session_ends_after_half_an_hour_of_silence_and_in_any_case():
    session = start_session(uuid4(), uuid4(), device="", staff=False, now=NOW)
    assert session.stands(now=NOW + timedelta(minutes=29))
    assert not session.stands(now=NOW + timedelta(minutes=30))
    assert session.ends_at == NOW + timedelta(hours=12)
    assert start_session(uuid4(), uuid4(), device="", staff=True, now=NOW).ends_at == NOW + timedelta(hours=8)


def test_a_device_is_named_in_two_words():
    firefox = "Mozilla/5.0 (Android 14; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0"
    assert device_of(firefox) == "Firefox, Android"
    assert device_of("") == ""


def test_a_letter_is_asked_for_again_later_and_later_for_about_a_day():
    waiting, moments = PendingLetter(uuid4(), "confirm", uuid4(), 1, NOW), []
    while waiting.may_be_issued_again():
        moments.append(waiting.due_again_at())
        waiting = waiting.issued_again(uuid4(), now=waiting.due_again_at())
    assert moments[0] == NOW + timedelta(minutes=10)
    assert timedelta(hours=18) < moments[-1] - NOW < timedelta(hours=30)


def test_every_service_has_to_answer_before_a_certificate_is_complete():
    asked = erasure.Erasure(uuid4(), NOW, {service: () for service in erasure.SERVICES[1:]})
    assert asked.waiting_for == ("members",)
    assert not asked.complete


def test_every_place_says_what_becomes_of_it():
    for place in erasure.own_places(now=NOW):
        assert place.outcome in ("gone", "going", "kept")
        assert (place.until is not None) == (place.outcome == "going")
        assert (place.reason is not None) == (place.outcome == "kept")


def test_spellings_of_one_mailbox_are_equal():
    assert comparable_address(" Amina@Example.ORG") == comparable_address("amina@example.org")


def test_words_of_a_name_are_found_without_case_accents_and_vowel_signs():
    assert comparable_words("Hélène  DUPONT-Müller") == {"helene", "dupont", "muller"}
    assert comparable_words("أَمِينَة") == comparable_words("امينة")
    assert comparable_words("…—!") == frozenset()


def test_every_country_has_a_zone_to_begin_with():
    for country in places.countries():
        assert places.is_zone(places.guess_zone(country))
    assert places.guess_zone("LB") == "Asia/Beirut"
    assert places.guess_zone("CA") == "America/Toronto"
    assert places.guess_zone("") == "UTC"


def test_the_classification_has_six_broad_fields_and_42_narrow_ones():
    assert sum("." not in code for code in expertise.FIELDS) == 6
    assert sum("." in code for code in expertise.FIELDS) == 42
    assert [code for _, fields in expertise.groups() for code, _ in fields] == list(expertise.FIELDS)
