"""What is written: languages, links, hostile words, headers, and the signature that others check."""

import base64
import email
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path
from uuid import UUID, uuid4

import dkim
import pytest
from common.events.members import Contact, Letter
from common.links import check_link, read_link
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from dkim.canonicalization import Relaxed
from notifications.letters.compose import About, Campaign, Mail, Scribe
from notifications.letters.dkim import Signer, WeakKey, relaxed_body
from notifications.settings import Settings
from notifications.tokens import Tokens

from .office import text_of

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
NUMBER = UUID("01926c00-0000-7000-8000-000000000001")
TOKENS = Tokens("a secret")
KEY = b"k" * 32
LINK = "http://network.test/x?a=1&b=2"


def scribe(signer: Signer | None = None) -> Scribe:
    return Scribe(Settings(public_url="https://network.test"), TOKENS, signer)


def letter(**changes: object) -> Mail:
    plain = Letter.model_validate(
        {
            "purpose": "sign_in",
            "address": "amina@example.org",
            "name": "Amina",
            "language": "en",
            "link": LINK,
            "expires_at": NOW + timedelta(hours=1),
            **changes,
        }
    )
    return scribe().letter(About(NUMBER, plain.purpose, "security", NOW), plain)


def campaign(**texts: str) -> Campaign:
    return Campaign(
        campaign_id=uuid4(),
        campaign_no=7,
        closes_at=datetime(2026, 12, 8, 15, tzinfo=UTC),
        texts={language: {"title": "T", "invitation": text} for language, text in texts.items()},
        key=KEY,
    )


def invitation(
    purpose: str = "invitation", *, signer: Signer | None = None, member_id: UUID = NUMBER, **contact: str
) -> Mail:
    reader = {"address": "amina@example.org", "name": "Amina", "language": "en", "zone": "Asia/Beirut", **contact}
    about = About(NUMBER, purpose, "survey", NOW)
    texts = campaign(en="Tell us\nwhat to push for.", ar="قل لنا\nما الأهم.")
    return scribe(signer).survey(about, NUMBER, Contact.model_validate(reader), texts, (3, 1))


def read(mail: Mail) -> Message:
    return email.message_from_bytes(mail.content)


def subject_of(mail: Mail) -> str:
    return str(make_header(decode_header(read(mail)["Subject"])))


@pytest.mark.parametrize(
    ("language", "subject", "sentence", "direction"),
    [
        ("en", "Your link", "Press the button to sign in", 'dir="ltr"'),
        ("fr", "Votre lien", "Appuyez sur le bouton", 'dir="ltr"'),
        ("ar", "رابطك", "اضغط الزر", 'dir="rtl"'),
        ("fr-CA", "Votre lien", "Appuyez sur le bouton", 'dir="ltr"'),
        ("sw", "Your link", "Press the button to sign in", 'dir="ltr"'),
    ],
)
def test_a_letter_speaks_the_readers_language_or_the_nearest(
    language: str, subject: str, sentence: str, direction: str
):
    mail = letter(language=language)
    assert subject_of(mail) == subject
    assert sentence in text_of(read(mail))
    assert direction in text_of(read(mail), "text/html")


@pytest.mark.parametrize("purpose", ["confirm", "sign_in", "already_member", "goodbye"])
@pytest.mark.parametrize("language", ["en", "fr", "ar"])
@pytest.mark.parametrize("name", ["Amina", ""])
def test_every_letter_has_text_and_page_with_its_link(purpose: str, language: str, name: str):
    mail = read(letter(purpose=purpose, language=language, name=name))
    assert LINK in text_of(mail)
    assert 'href="http://network.test/x?a=1&amp;b=2"' in text_of(mail, "text/html")
    assert len(mail.as_bytes()) < 20_000
    assert mail["Auto-Submitted"] == "auto-generated"
    assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]


@pytest.mark.parametrize(
    "name",
    [
        *("<script>alert(1)</script>", "Amina\r\nBcc: x@e.tld", "{{ 7*7 }}", "{% raw %}", "%(until)s", "\0\a"),
        *(
            "\u202eevil\u2069",
            "\ue000link\ue001",
            "=?utf-8?q?Hi=0D=0ABcc=3A_x=40e.tld?=",
            "\n.\n",
            "a" * 5000,
            "\ud800",
        ),
    ],
)
def test_a_hostile_name_stays_a_name(name: str):
    mail = invitation(name=name)
    parsed = read(mail)
    page = text_of(parsed, "text/html")
    assert "<script>" not in page
    assert parsed["Bcc"] is None
    assert "49" not in text_of(parsed).split("http")[0]
    assert "\u202e" not in page
    assert page.count("https://network.test/s/") == 3
    assert all(len(line) <= 998 for line in mail.content.split(b"\r\n"))


def test_the_same_message_is_the_same_bytes_at_every_attempt():
    assert letter().content == letter().content


def test_the_number_proves_itself_and_leads_back_to_the_message():
    mail = letter()
    token = read(mail)["Message-ID"].strip("<>").partition("@")[0]
    assert mail.sender == f"b+{token}@bounce.example.org"
    assert TOKENS.read_message(token) == TOKENS.read_message(token.upper()) == NUMBER
    assert len(f"b+{token}") <= 64
    assert TOKENS.read_message(token[:-1] + ("a" if token[-1] != "a" else "b")) is None
    assert Tokens("another secret").read_message(token) is None


@pytest.mark.parametrize("token", ["", "a", "b" * 34, "ä" * 34, "a" * 10_000, "=" * 34, "\0"])
def test_what_is_no_number_is_none(token: str):
    assert TOKENS.read_message(token) is None
    assert TOKENS.read_unsubscribe(token) is None


def test_an_invitation_carries_her_own_link_and_the_way_out():
    mail = read(invitation())
    text = text_of(mail)
    link = next(line for line in text.split() if "/s/" in line).rpartition("/")[2]
    assert check_link(KEY, link)
    assert read_link(link)[:3] == (7, 3, 1)
    unsubscribe = mail["List-Unsubscribe"].strip("<>")
    assert unsubscribe in text
    assert TOKENS.read_unsubscribe(unsubscribe.rpartition("/")[2]) == (NUMBER, "surveys")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Id"] == "<surveys.example.org>"
    assert mail["Feedback-ID"] == "7:survey:invitation:example.org"


def test_times_are_those_of_the_readers_zone_and_the_subject_says_nothing_else():
    assert "17:00 (Beirut time)" in text_of(read(invitation(zone="Asia/Beirut")))
    assert "10:00 (New York time)" in text_of(read(invitation(zone="America/New_York")))
    assert "15:00 (UTC)" in text_of(read(invitation(zone="Mars/Olympus")))
    assert subject_of(invitation()) == "Your view before 8 December"
    assert subject_of(invitation("reminder", language="ar")) == "رأيك قبل 8 ديسمبر"


def test_the_words_of_staff_are_in_the_readers_language_or_in_english():
    assert "قل لنا\nما الأهم." in text_of(read(invitation(language="ar")))
    assert "Tell us\nwhat to push for." in text_of(read(invitation(language="fr")))
    assert "Tell us<br>\nwhat to push for." in text_of(read(invitation(language="fr")), "text/html")


def test_a_name_does_not_turn_a_sentence_round():
    mail = read(invitation(language="ar", name="Amina (x)"))
    assert "\u2068Amina (x)\u2069" in text_of(mail)
    assert "<bdi>Amina (x)</bdi>" in text_of(mail, "text/html")


# --- signatures --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def dns_of(key: rsa.RSAPrivateKey) -> object:
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)

    def answer(name: bytes, timeout: int = 5) -> bytes:
        assert name == b"mail._domainkey.example.org."
        return record

    return answer


def test_others_accept_our_signature_and_refuse_what_was_changed(rsa_key: rsa.RSAPrivateKey):
    signer = Signer("example.org", "mail", rsa_key)
    dns = dns_of(rsa_key)
    for mail in (invitation(signer=signer), invitation("reminder", signer=signer, language="ar", name="محمد")):
        assert dkim.verify(mail.content, dnsfunc=dns)
        assert not dkim.verify(mail.content.replace(b"auto-generated", b"auto-replied"), dnsfunc=dns)
        assert not dkim.verify(mail.content.replace(b"Content-Transfer", b"content-transfer"), dnsfunc=dns)
        assert not dkim.verify(b"From: <evil@example.org>\r\n" + mail.content, dnsfunc=dns)


def test_both_headers_of_one_click_unsubscribing_are_signed(rsa_key: rsa.RSAPrivateKey):
    mail = read(invitation(signer=Signer("example.org", "mail", rsa_key)))
    signed = mail["DKIM-Signature"].replace("\r\n", "").partition("h=")[2].partition(";")[0].split(":")
    assert {"list-unsubscribe", "list-unsubscribe-post", "from", "subject", "date", "message-id"} <= set(signed)
    assert signed.count("from") == 2


@pytest.mark.parametrize("body", [b"", b"\r\n", b"a", b"a \r\n\r\n\r\n", b" a\t\tb \r\n  \r\nc\r\n", b"\r\n\r\na\r\n"])
def test_the_body_is_made_canonical_as_others_do_it(body: bytes):
    assert relaxed_body(body) == Relaxed.canonicalize_body(body)


def test_a_weak_key_is_refused(tmp_path: Path):
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    pem = weak.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "dkim.pem").write_bytes(pem)
    with pytest.raises(WeakKey):
        Signer.from_file(tmp_path / "dkim.pem", domain="example.org", selector="mail")


def test_production_refuses_the_secret_of_development():
    with pytest.raises(ValueError, match="NOTIFICATIONS_SECRET"):
        Settings(environment="production")
