"""Headers and encodings of mail, read back by Python's own parser and refused where they would inject."""

import contextlib
import email
from datetime import UTC, datetime
from email.header import decode_header, make_header

import pytest
from common import mail
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

INJECTING = "=?utf-8?q?Hi=0D=0ABcc=3A_x=40e.tld?="
"""Becomes a real Bcc line in Python 3.11.7 (CVE-2024-6923)."""

sayable = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=200)


def read_back(line: bytes) -> str:
    name, _, value = line.decode().partition(":")
    assert name == "Subject"
    return str(make_header(decode_header(value.replace("\r\n", "").strip())))


@pytest.mark.parametrize(
    "text", ["Hi\r\nBcc: x@e.tld", "Hi\nthere", "tab\there", "null\0", "bell\a", "line\u2028end", INJECTING]
)
def test_a_subject_with_control_characters_is_refused_also_when_they_come_out_only_by_decoding(text: str):
    with pytest.raises(mail.Unmailable):
        mail.header("Subject", text)


@pytest.mark.parametrize("text", ["=?no-such-charset?q?Hi?=", "=?utf-8?b?!?="])
def test_a_broken_encoded_word_is_refused_or_shown_as_it_is(text: str):
    with contextlib.suppress(mail.Unmailable):
        assert text in read_back(mail.header("Subject", text))


@pytest.mark.parametrize(
    "text",
    [
        "Your link",
        "رابطك لتسجيل الدخول قبل يوم الخميس العاشر من كانون الأول",
        "Votre avis avant le 10 décembre",
        "a =?utf-8?q?b?= c",
    ],
)
def test_a_subject_is_read_back_as_it_was_written(text: str):
    line = mail.header("Subject", text)
    assert all(len(piece) <= 76 for piece in line.rstrip().split(b"\r\n"))
    assert read_back(line) == text


@given(sayable)
def test_no_subject_makes_a_second_header(text: str):
    try:
        line = mail.header("Subject", text)
    except mail.Unmailable:
        return
    parsed = email.message_from_bytes(line + b"\r\nbody")
    assert parsed.keys() == ["Subject"]


@pytest.mark.parametrize(
    ("address", "written"),
    [("amina@example.org", "amina@example.org"), ("a@münchen.example", "a@xn--mnchen-3ya.example")],
)
def test_an_address_goes_out_in_ascii(address: str, written: str):
    assert mail.envelope(address) == written


@pytest.mark.parametrize(
    "address",
    [
        "",
        "amina",
        "a b@example.org",
        "a@example.org>\r\nRCPT TO:<b@example.org",
        "<a@example.org>",
        "a@exa\0mple.org",
        "ünïcode@example.org",
        "a@example.org, b@example.org",
    ],
)
def test_what_is_no_address_never_reaches_an_envelope(address: str):
    with pytest.raises(mail.Unmailable):
        mail.envelope(address)


@given(st.from_regex(r"[a-zA-Z0-9.+_-]{0,66}", fullmatch=True), st.from_regex(r"[a-zA-Z0-9.-]{0,80}", fullmatch=True))
@example("a" * 64, "Example.ORG")
@example("a" * 65, "example.org")
@example("Postmaster", "example.org")
@example("a", "x.local")
def test_a_plain_address_is_judged_as_the_library_does(local: str, domain: str):
    address = f"{local}@{domain}"
    try:
        expected = validate_email(address, check_deliverability=False, test_environment=True).ascii_email
    except EmailNotValidError:
        with pytest.raises(mail.Unmailable):
            mail.envelope(address)
    else:
        assert mail.envelope(address) == expected


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=400), max_size=6))
def test_pieces_encoded_one_by_one_are_one_text_when_decoded(pieces: list[str]):
    body = mail.join_quoted_printable(mail.piece_of_quoted_printable(piece) for piece in pieces)
    assert all(len(line) <= 76 for line in body.split(b"\r\n"))
    parsed = email.message_from_bytes(
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + body
    )
    whole = "".join(piece.replace("\r\n", "\n").replace("\r", "\n") for piece in pieces)
    assert parsed.get_payload(decode=True).decode().replace("\r\n", "\n") == whole


def test_a_long_header_of_ours_folds_at_its_spaces():
    line = mail.structured("List-Unsubscribe", " ".join(["<https://network.example.org/u/abcdefghijkl>,"] * 4))
    assert line.count(b"\r\n ") >= 2
    assert line.replace(b"\r\n", b"").count(b"<") == 4


def test_the_date_is_that_of_the_standard():
    assert mail.date(datetime(2026, 12, 10, 15, 0, tzinfo=UTC)) == b"Date: Thu, 10 Dec 2026 15:00:00 +0000\r\n"


def test_a_sender_with_a_name_in_its_own_letters():
    line = mail.mailbox("From", "شبكة", "network@example.org")
    assert line.endswith(b" <network@example.org>\r\n")
    assert mail.split_mailbox('"Migration Network" <network@example.org>') == (
        "Migration Network",
        "network@example.org",
    )
