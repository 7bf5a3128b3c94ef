"""From what is to be said to the bytes that are handed to the mail server.

Headers: RFC 5322, 8058 (one-click), 2919 (List-Id), 3834 (Auto-Submitted), Feedback-ID (complaints), VERP (bounces).
Everything is derived from the message, nothing from the moment: a second attempt sends the same bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_skeleton
from common import mail
from common.events.hub import MeetingState
from common.events.members import Contact, Letter
from common.links import make_link
from common.web import times
from common.web.i18n import N_

from notifications import tellings
from notifications.letters import templates
from notifications.letters.calendar import calendar_part
from notifications.letters.dkim import Signer
from notifications.settings import Settings
from notifications.tokens import Tokens

YOUR_LINK, YOUR_REQUEST = N_("Your link"), N_("Your request")
MEETING_ON, MEETING_CANCELLED = N_("Meeting on %(day)s"), N_("Meeting on %(day)s: cancelled")
YOUR_VIEW = N_("Your view before %(day)s")

_SUBJECTS = {"confirm": YOUR_LINK, "sign_in": YOUR_LINK, "already_member": YOUR_LINK, "goodbye": YOUR_REQUEST}
"""Neutral: no word that tells somebody reading over a shoulder."""


@dataclass(frozen=True)
class Mail:
    """What the session needs: an envelope and the bytes."""

    message_id: UUID
    sender: str
    recipient: str
    content: bytes


@dataclass(frozen=True)
class About:
    """What every mail is about: its number, its kind and when it was accepted (its Date)."""

    message_id: UUID
    purpose: str
    category: str
    accepted_at: datetime


@dataclass(frozen=True)
class Campaign:
    """What a survey letter says."""

    campaign_id: UUID
    campaign_no: int
    closes_at: datetime
    texts: Mapping[str, Mapping[str, str]]
    key: bytes


class Scribe:
    """Writes the mails of one installation."""

    def __init__(self, settings: Settings, tokens: Tokens, signer: Signer | None) -> None:
        self._settings, self._tokens, self._signer = settings, tokens, signer
        self._network, self._from = mail.split_mailbox(settings.mail_from)
        self._from_line = mail.mailbox("From", self._network, self._from)
        self._domain = settings.sender_domain
        self._public_url = settings.public_url.rstrip("/")

    def letter(self, about: About, letter: Letter) -> Mail:
        """A letter with a secret link. There may be no member yet, so no zone: the time is said in UTC."""
        subject = _SUBJECTS[letter.purpose]  # first of all: KeyError for a letter of a kind we do not know
        language = templates.language_for(letter.language)
        values = {
            "name": letter.name,
            "link": letter.link,
            "until": _moment(letter.expires_at.replace(second=0, microsecond=0), "UTC", language),
        }
        shape = templates.mould(letter.purpose, language, self._network, named=bool(letter.name.strip()))
        said = templates.say(language, subject)
        return self._mail(about, letter.address, language, said, shape.filled(values))

    def calendar(self, about: About, contact: Contact, meeting: MeetingState, *, told_before: bool) -> Mail:
        """The meeting in her own zone; its calendar entry twice: inline for mail programs, as a file for people."""
        language = templates.language_for(contact.language)
        cancelled = meeting.status == "cancelled"
        text = meeting.texts.get(language) or meeting.texts["en"]
        values = {
            "title": text.title,
            "agenda": text.agenda,
            "when": times.format_moment(meeting.starts_at, contact.zone, language),
            "link": f"{self._public_url}/hub/meetings/{meeting.meeting_id}",
        }
        shape = templates.mould(
            "calendar",
            language,
            self._network,
            cancelled=cancelled,
            told_before=told_before,
            agenda=bool(text.agenda.strip()),
        )
        method, entry = calendar_part(
            meeting,
            language=language,
            attendee=mail.envelope(contact.address),
            organizer=self._from,
            network=self._network,
            public_url=self._public_url,
            stamp=about.accepted_at,
        )
        day = _day_without_year(meeting.starts_at, contact.zone, language)
        subject = templates.say(language, MEETING_CANCELLED if cancelled else MEETING_ON) % {"day": day}
        return self._mail(about, contact.address, language, subject, shape.filled(values), calendar=(method, entry))

    def survey(
        self, about: About, member_id: UUID, contact: Contact, campaign: Campaign, place: tuple[int, int]
    ) -> Mail:
        """An invitation or a reminder with her personal link; ``place`` is position and generation."""
        language = templates.language_for(contact.language)
        text = campaign.texts.get(language) or campaign.texts["en"]
        unsubscribe = f"{self._public_url}/u/{self._tokens.unsubscribe(member_id, tellings.CONSENTS[about.category])}"
        values = {
            "name": contact.name,
            "invitation": text["invitation"],
            "link": f"{self._public_url}/s/{make_link(campaign.key, campaign.campaign_no, *place)}",
            "until": _moment(campaign.closes_at, contact.zone, language),
            "unsubscribe": unsubscribe,
            "settings": f"{self._public_url}/me",
        }
        shape = templates.mould(about.purpose, language, self._network, named=bool(contact.name.strip()))
        day = _day_without_year(campaign.closes_at, contact.zone, language)
        subject = templates.say(language, YOUR_VIEW) % {"day": day}
        extra = self._list_headers("surveys", unsubscribe, f"{campaign.campaign_no}:survey:{about.purpose}")
        return self._mail(about, contact.address, language, subject, shape.filled(values), extra=extra)

    def _mail(
        self,
        about: About,
        address: str,
        language: str,
        subject: str,
        forms: tuple[bytes, bytes],
        *,
        calendar: tuple[str, bytes] | None = None,
        extra: bytes = b"",
    ) -> Mail:
        token, recipient = self._tokens.message(about.message_id), mail.envelope(address)
        content_type, body = _body(forms, calendar)
        headers = b"".join(
            (
                self._from_line,
                mail.structured("To", f"<{recipient}>"),
                _subject(subject),
                mail.date(about.accepted_at),
                mail.structured("Message-ID", f"<{token}@{self._domain}>"),
                _same_for_all(language),
                extra,
                b"MIME-Version: 1.0\r\n",
                b"Content-Type: " + content_type + b"\r\n",
            )
        )
        signature = self._signer.signature(headers, body) if self._signer else b""
        sender = f"b+{token}@{self._settings.bounce_domain}"
        return Mail(about.message_id, sender, recipient, signature + headers + b"\r\n" + body)

    def _list_headers(self, category: str, unsubscribe: str, feedback: str) -> bytes:
        return b"".join(
            (
                mail.structured("List-Unsubscribe", f"<{unsubscribe}>"),
                mail.structured("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
                mail.structured("List-Id", f"<{category}.{self._domain}>"),
                mail.structured("Feedback-ID", f"{feedback}:{self._domain}"),
            )
        )


def _body(forms: tuple[bytes, bytes], calendar: tuple[str, bytes] | None) -> tuple[bytes, bytes]:
    """Content type and body. With an entry: mixed{alternative{text, html, calendar}, file} (CalConnect's advice)."""
    inner = mail.boundary("alternative")
    alternative = b'multipart/alternative; boundary="' + inner + b'"'
    if calendar is None:
        return alternative, mail.multipart(inner, forms)
    method, entry = calendar
    encoded = mail.base64_lines(entry)
    inline = mail.part(f"text/calendar; method={method}; charset=utf-8", encoded, encoding="base64")
    disposition = b'Content-Disposition: attachment; filename="meeting.ics"\r\n'
    file = mail.part('application/ics; name="meeting.ics"', encoded, encoding="base64", extra=disposition)
    outer = mail.boundary("mixed")
    first = b"Content-Type: " + alternative + b"\r\n\r\n" + mail.multipart(inner, (*forms, inline))
    return b'multipart/mixed; boundary="' + outer + b'"', mail.multipart(outer, (first, file))


@lru_cache(maxsize=64)
def _same_for_all(language: str) -> bytes:
    """Headers that only differ by language. Nobody's absence note shall answer us (RFC 3834)."""
    return b"".join(
        (
            mail.structured("Content-Language", language),
            mail.structured("Auto-Submitted", "auto-generated"),
            mail.structured("X-Auto-Response-Suppress", "All"),
        )
    )


@lru_cache(maxsize=4096)
def _subject(text: str) -> bytes:
    return mail.header("Subject", text)


@lru_cache(maxsize=4096)
def _moment(moment: datetime, zone: str, language: str) -> str:
    return times.format_moment(moment, zone, language)


@lru_cache(maxsize=4096)
def _day_without_year(moment: datetime, zone: str, language: str) -> str:
    """``10 December``: subjects are short."""
    return format_skeleton("MMMMd", moment.astimezone(_zone(zone)), locale=times.locale_of(language))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
