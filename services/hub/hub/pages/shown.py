"""A meeting as one reader sees it: her language, her zone, her answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from babel.dates import format_date, format_timedelta
from common.errors import Sentence
from common.events.hub import MeetingText
from common.web import times

from hub.domain.meetings import Meeting
from hub.domain.rsvps import NO, YES
from hub.domain.schedule import zone_of


@dataclass(frozen=True)
class ShownMeeting:
    meeting: Meeting
    answer: str | None
    zone: str
    """IANA name of the zone in which the reader is told the time."""
    language: str
    now: datetime

    @property
    def path(self) -> str:
        return f"/hub/meetings/{self.meeting.id}"

    @property
    def text(self) -> MeetingText:
        return self.meeting.plan.text(self.language)

    @property
    def text_language(self) -> str:
        """Of the title and agenda, which fall back to English."""
        return self.language if self.language in self.meeting.plan.texts else "en"

    @property
    def weekday(self) -> str:
        return self._date("EEE")

    @property
    def day(self) -> str:
        return self._date("d")

    @property
    def month(self) -> str:
        return self._date("MMM")

    @property
    def when(self) -> Sentence:
        """``17:00 to 18:30, Beirut time``; with the day of the end where that is another one."""
        here = zone_of(self.zone)
        start, end = self.meeting.starts_at.astimezone(here), self.meeting.ends_at.astimezone(here)
        if start.date() == end.date():
            return Sentence(
                "%(start)s to %(end)s, %(zone)s",
                start=self._time(start),
                end=self._time(end),
                zone=times.zone_name(self.zone, self.language),
            )
        return Sentence(
            "%(start)s to %(day)s, %(end)s, %(zone)s",
            start=self._time(start),
            day=times.format_weekday(end, self.zone, self.language),
            end=self._time(end),
            zone=times.zone_name(self.zone, self.language),
        )

    @property
    def for_organisers(self) -> Sentence | None:
        """Their time beside hers, where it is another one."""
        here, there = (self.meeting.starts_at.astimezone(zone_of(zone)) for zone in (self.zone, self.organisers_zone))
        if here.replace(tzinfo=None) == there.replace(tzinfo=None):
            return None
        if here.date() == there.date():
            return Sentence(
                "%(time)s for the organisers (%(zone)s)",
                time=times.format_timeofday(there, self.organisers_zone, self.language),
                zone=times.zone_name(self.organisers_zone, self.language),
            )
        moment = times.format_moment(there, self.organisers_zone, self.language)
        return Sentence("For the organisers: %(moment)s", moment=moment)

    @property
    def organisers_zone(self) -> str:
        return self.meeting.schedule.zone

    @property
    def away(self) -> str:
        """``in 2 weeks``; empty once it has begun."""
        wait = self.meeting.starts_at - self.now
        if wait <= timedelta():
            return ""
        return format_timedelta(wait, add_direction=True, locale=times.locale_of(self.language))

    @property
    def running(self) -> bool:
        return not self.meeting.cancelled and self.meeting.starts_at <= self.now < self.meeting.ends_at

    @property
    def over(self) -> bool:
        return self.now >= self.meeting.ends_at

    @property
    def takes_answers(self) -> bool:
        return not self.meeting.cancelled and not self.meeting.started(now=self.now)

    @property
    def full(self) -> bool:
        left = self.meeting.seats_left
        return left is not None and left <= 0

    @property
    def said_yes(self) -> bool:
        return self.answer == YES

    @property
    def said_no(self) -> bool:
        return self.answer == NO

    @property
    def join_url(self) -> str | None:
        """Only for people who said yes, and only while it leads somewhere."""
        return self.meeting.plan.join_url if self.said_yes and self.meeting.link_is_open(now=self.now) else None

    @property
    def link_to_come(self) -> bool:
        """She will find the link here later."""
        before = self.now < self.meeting.link_opens_at
        return self.said_yes and before and not self.meeting.cancelled and self.meeting.plan.join_url is not None

    def _date(self, pattern: str) -> str:
        local = self.meeting.starts_at.astimezone(zone_of(self.zone))
        return format_date(local, pattern, locale=times.locale_of(self.language))

    def _time(self, moment: datetime) -> str:
        return times.format_timeofday(moment, self.zone, self.language)
