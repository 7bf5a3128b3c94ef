"""The form of a campaign, read into what the rules understand."""

import re
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from babel import Locale
from common import web
from common.events.surveys import CampaignText

from surveys.commands.campaigns import Plan
from surveys.domain.campaigns import LONGEST_INVITATION, LONGEST_TITLE, MOST_DAYS, Offsets, Segment
from surveys.domain.definitions import Definition

DEFAULT_INVITATION = {
    "en": "Before the meeting we would like to know your view. It takes a few minutes; you can stop and go on later.",
    "fr": "Avant la réunion, nous aimerions connaître votre avis. Cela prend quelques minutes ; vous pouvez vous"
    " arrêter et reprendre plus tard.",
    "ar": "قبل الاجتماع نودّ أن نعرف رأيك. يستغرق ذلك بضع دقائق، ويمكنك التوقّف والمتابعة لاحقًا.",
}
TERRITORIES = Locale("en").territories


def filled(definition: Definition) -> web.Form:
    """The form as it is first shown: the usual days, everyone who agreed, the survey's own title."""
    words = {f"title.{language}": definition.said(definition.titles, language) for language in _languages(definition)}
    invitations = {
        f"invitation.{language}": DEFAULT_INVITATION.get(language, "") for language in _languages(definition)
    }
    return web.Form.of(opens="21", reminders="10, 5, 3", closes="2", **words, **invitations)


def read_segment(form: web.Form) -> Segment:
    codes = [code for code in re.split(r"[\s,;]+", form.text("countries", max_length=1500).upper()) if code]
    unknown = [code for code in codes if len(code) != 2 or code not in TERRITORIES]
    if unknown:
        form.refuse("countries", f"{unknown[0]} is no country code. Write two letters each, for example LB, FR")
    languages = form.choices("languages", web.LANGUAGES)
    return Segment(tuple(languages), tuple(dict.fromkeys(codes)))


def read_offsets(form: web.Form) -> Offsets:
    """Where something is wrong the form says what, and the usual days are returned."""
    at_once = form.flag("at_once")
    opens = None if at_once else form.number("opens", low=0, high=MOST_DAYS, required="Write how many days before")
    closes = form.number("closes", low=0, high=MOST_DAYS, required="Write how many days before")
    reminders = [part for part in re.split(r"[\s,;]+", form.text("reminders")) if part]
    if not all(re.fullmatch(r"[0-9]{1,3}", part) for part in reminders):
        form.refuse("reminders", "Write days separated by commas, for example 10, 5, 3")
    return Offsets(opens, tuple(map(int, reminders)), closes or 0) if form.ok else Offsets()


def read_plan(form: web.Form, survey_id: UUID, definition: Definition, meetings: list[dict[str, Any]]) -> Plan | None:
    """None where something needs another look; the form says what."""
    zones = {str(meeting["meeting_id"]): meeting["zone"] for meeting in meetings}
    chosen = form.choice("meeting", zones, required="Choose the meeting it comes before")
    zone = form.choice("zone", available_timezones()) or (zones[chosen] if chosen else "UTC")
    offsets, segment = read_offsets(form), read_segment(form)
    texts = {language: _read_text(form, language) for language in _languages(definition)}
    if not form.ok or chosen is None:
        return None
    return Plan(survey_id, UUID(chosen), zone, offsets, segment, texts)


def _read_text(form: web.Form, language: str) -> CampaignText:
    return CampaignText(
        title=form.text(f"title.{language}", required="Give it a title in each language", max_length=LONGEST_TITLE),
        invitation=form.text(
            f"invitation.{language}", required="Write a sentence or two", max_length=LONGEST_INVITATION, multiline=True
        ),
    )


def _languages(definition: Definition) -> tuple[str, ...]:
    """English is always there: whoever reads another language than the survey's gets it."""
    return definition.languages if "en" in definition.languages else ("en", *definition.languages)
