"""Sealed texts and survey links: only for one reader, one place, one key."""

import pytest
from common import links, sealing
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture
def keys(tmp_path):
    private, public = tmp_path / "a.key", tmp_path / "a.pub"
    sealing.make_key_files(private, public)
    return sealing.load_private(private), sealing.load_public(public)


PLACE = sealing.aad("members.contact.state", "some-member", 3)


def test_only_the_reader_opens_it(keys, tmp_path):
    private, public = keys
    sealed = sealing.seal(public, b"amina@example.org", aad=PLACE)
    assert sealing.open_sealed(private, sealed, aad=PLACE) == b"amina@example.org"
    sealing.make_key_files(tmp_path / "b.key", tmp_path / "b.pub")
    with pytest.raises(sealing.Unreadable):
        sealing.open_sealed(sealing.load_private(tmp_path / "b.key"), sealed, aad=PLACE)


def test_it_does_not_open_in_another_place_or_when_changed(keys):
    private, public = keys
    sealed = sealing.seal(public, b"amina@example.org", aad=PLACE)
    with pytest.raises(sealing.Unreadable):
        sealing.open_sealed(private, sealed, aad=sealing.aad("members.contact.state", "some-member", 4))
    first = "B" if sealed.ciphertext[0] == "A" else "A"
    changed = sealed.model_copy(update={"ciphertext": first + sealed.ciphertext[1:]})
    with pytest.raises(sealing.Unreadable):
        sealing.open_sealed(private, changed, aad=PLACE)


@pytest.mark.parametrize("field", ["ephemeral", "nonce", "ciphertext"])
@pytest.mark.parametrize("junk", ["", "!", "AAAA", "A" * 43])
def test_junk_is_unreadable_and_nothing_else(keys, field, junk):
    private, public = keys
    sealed = sealing.seal(public, b"x", aad=PLACE).model_copy(update={field: junk})
    with pytest.raises(sealing.Unreadable):
        sealing.open_sealed(private, sealed, aad=PLACE)


def test_two_seals_of_the_same_text_differ(keys):
    _, public = keys
    assert sealing.seal(public, b"x", aad=PLACE) != sealing.seal(public, b"x", aad=PLACE)


def test_existing_keys_are_never_overwritten(tmp_path):
    sealing.make_key_files(tmp_path / "a.key", tmp_path / "a.pub")
    before = (tmp_path / "a.key").read_text()
    sealing.make_key_files(tmp_path / "a.key", tmp_path / "a.pub")
    assert (tmp_path / "a.key").read_text() == before
    assert (tmp_path / "a.key").stat().st_mode & 0o077 == 0


KEY = bytes(range(32))
numbers = st.tuples(st.integers(0, 2**24 - 1), st.integers(0, 2**24 - 1), st.integers(0, 255))


@given(numbers)
def test_a_link_says_its_numbers_in_22_characters_and_proves_them(three):
    link = links.make_link(KEY, *three)
    assert len(link) == 22
    assert links.read_link(link)[:3] == three
    assert links.check_link(KEY, link)
    assert not links.check_link(bytes(32), link)


@given(numbers, st.integers(0, 21), st.sampled_from("ABCDwxyz0189-_"))
def test_a_changed_link_is_refused(three, place, letter):
    link = links.make_link(KEY, *three)
    changed = link[:place] + letter + link[place + 1 :]
    assert changed == link or not links.check_link(KEY, changed)


@pytest.mark.parametrize(
    "text", ["", "a", "A" * 21, "A" * 23, "A" * 21 + "B", "é" * 22, "A" * 20 + "==", "A" * 21 + "\n"]
)
def test_what_is_no_link_is_not_found(text):
    with pytest.raises(links.NotALink):
        links.read_link(text)
    assert not links.check_link(KEY, text)


def test_numbers_that_do_not_fit_are_refused():
    with pytest.raises(OverflowError):
        links.make_link(KEY, 2**24, 0, 0)
