"""A survey sent to an audience before a meeting: when it opens, reminds, closes, and how it moves with the meeting."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

from common.errors import Invalid, NotAllowed, Sentence
from common.events.surveys import CampaignState, CampaignText, Occasion

GRACE = timedelta(minutes=30)
"""A page opened before the close may be sent for this long; then the key of the links is destroyed."""

KEEP_DRAFTS = timedelta(days=30)
"""What was begun and never sent is deleted so long after the close."""

MOST_DAYS = 365
LONGEST_TITLE, LONGEST_INVITATION = 120, 1500
MOST_REMINDERS = 5


@dataclass(frozen=True)
class Offsets:
    """Calendar days before the meeting, at the meeting's local time; ``opens`` None is at once."""

    opens: int | None = 21
    reminders: tuple[int, ...] = (10, 5, 3)
    closes: int = 2

    def check(self) -> None:
        days = [*([] if self.opens is None else [self.opens]), *self.reminders, self.closes]
        if any(not 0 <= day <= MOST_DAYS for day in days):
            raise NotAllowed(Sentence("Days lie between 0 and %(most)s.", most=MOST_DAYS), field="closes")  # staff
        if len(self.reminders) > MOST_REMINDERS:
            sentence = Sentence("Nobody gets more than %(most)s reminders.", most=MOST_REMINDERS)  # staff
            raise NotAllowed(sentence, field="reminders")
        if any(later >= earlier for earlier, later in pairwise(days)):
            raise NotAllowed("It opens first, then reminds, then closes.", field="opens")  # staff


@dataclass(frozen=True)
class Segment:
    """Who is asked, among current members who agreed to surveys; empty means all."""

    languages: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()


def check_texts(texts: dict[str, CampaignText], survey_languages: Sequence[str]) -> None:
    """Words in each language of the survey, and in English, which everybody gets whose language is not there."""
    for language in {"en", *survey_languages} - texts.keys():
        sentence = Sentence("The invitation has no text in %(language)s.", language=language)  # staff
        raise Invalid(sentence, field="texts")
    for text in texts.values():
        if not 0 < len(text.title) <= LONGEST_TITLE or len(text.invitation) > LONGEST_INVITATION:
            sentence = Sentence("A title has 1 to %(most)s characters.", most=LONGEST_TITLE)  # staff
            raise Invalid(sentence, field="texts")


@dataclass(frozen=True)
class Meeting:
    """What a campaign needs of the hub's meeting."""

    id: UUID
    status: str
    starts_at: datetime
    zone: str


@dataclass(frozen=True)
class Campaign:
    id: UUID
    campaign_no: int
    survey_id: UUID
    survey_version: int
    meeting_id: UUID
    zone: str
    offsets: Offsets
    segment: Segment
    texts: dict[str, CampaignText]
    status: str
    """``planned``, ``open``, ``closed`` or ``cancelled``."""
    opens_at: datetime
    closes_at: datetime
    occasions: tuple[Occasion, ...]
    version: int = 1
    """Grows with every change: of the state event and of the timers."""
    invited: int = 0
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    moved_after_close: bool = False
    """The meeting moved when nobody could answer any more: staff decide what to do."""

    def state(self) -> CampaignState:
        return CampaignState(
            campaign_id=self.id,
            campaign_no=self.campaign_no,
            meeting_id=self.meeting_id,
            status=self.status,
            opens_at=self.opens_at,
            closes_at=self.closes_at,
            zone=self.zone,
            occasions=self.occasions,
            texts=self.texts,
            version=self.version,
        )

    @property
    def key_expires_at(self) -> datetime:
        return (self.closed_at or self.closes_at) + GRACE

    @property
    def drafts_expire_at(self) -> datetime:
        return (self.closed_at or self.closes_at) + KEEP_DRAFTS

    def takes_answers(self, *, started_at: datetime | None, now: datetime) -> bool:
        """Open; or just closed, for somebody who had begun before."""
        if self.status == "open" and now < self.closes_at:
            return True
        ended = self.closed_at or self.closes_at
        begun = started_at is not None and started_at < ended
        return self.status in ("open", "closed") and begun and now < ended + GRACE

    def planned_for(self, meeting: Meeting, *, now: datetime) -> "Campaign":
        """The times that follow from the meeting. Raises NotAllowed where they can not be kept."""
        self.offsets.check()
        if meeting.status != "scheduled" or meeting.starts_at <= now:
            raise NotAllowed("This meeting is over or was cancelled.", field="meeting")  # staff
        opens_at, closes_at = self._times(meeting, opens_at=now)
        if closes_at <= max(opens_at, now):
            raise NotAllowed("It would close before it opens: choose fewer days.", field="closes")  # staff
        return replace(
            self,
            opens_at=opens_at,
            closes_at=closes_at,
            occasions=_occasions(opens_at, self._reminders(meeting), closes_at, after=now),
        )

    def opened(self, *, invited: int, now: datetime) -> "Campaign":
        """Reminders that would come before the invitation fall away."""
        reminders = [(each.name, each.send_after) for each in self.occasions if each.name != "invitation"]
        return replace(
            self,
            status="open",
            opened_at=now,
            opens_at=min(self.opens_at, now),
            invited=invited,
            occasions=_occasions(min(self.opens_at, now), reminders, self.closes_at, after=now),
            version=self.version + 1,
        )

    def closed(self, *, now: datetime) -> "Campaign":
        return replace(self, status="closed", closed_at=now, version=self.version + 1)

    def cancelled(self, *, now: datetime) -> "Campaign":
        return replace(self, status="cancelled", closed_at=now, version=self.version + 1)

    def follow(self, meeting: Meeting, *, now: datetime) -> "Campaign":
        """The meeting moved or was cancelled. What was sent stays as it was; a closed campaign stays closed."""
        if self.status == "cancelled":
            return self
        if self.status == "closed":
            return self._noticed(meeting)
        if meeting.status == "cancelled":
            return self.cancelled(now=now)
        moved = self._moved_with(meeting, now=now)
        if moved == self:
            return self
        if moved.closes_at <= now:
            return moved.closed(now=now)
        return replace(moved, version=self.version + 1)

    def rescheduled(self, offsets: Offsets, meeting: Meeting, *, now: datetime) -> "Campaign":
        """Staff chose other days; an open campaign stays open since when it opened."""
        if self.status not in ("planned", "open"):
            raise NotAllowed("The survey is over; its times can not change any more.")  # staff
        offsets.check()
        moved = replace(self, offsets=offsets)._moved_with(meeting, now=now)
        if moved.closes_at <= max(moved.opens_at, now):
            raise NotAllowed("It would close before it opens: choose fewer days.", field="closes")  # staff
        return replace(moved, version=self.version + 1)

    def _noticed(self, meeting: Meeting) -> "Campaign":
        _, closes_at = self._times(meeting, opens_at=self.opens_at)
        moved = closes_at != self.closes_at
        return replace(self, moved_after_close=True) if moved and not self.moved_after_close else self

    def _moved_with(self, meeting: Meeting, *, now: datetime) -> "Campaign":
        opens_at, closes_at = self._times(meeting, opens_at=self.opens_at)
        if self.status == "open":
            opens_at = self.opens_at
        return replace(
            self,
            opens_at=opens_at,
            closes_at=closes_at,
            occasions=_replanned(self, opens_at, self._reminders(meeting), closes_at, now=now),
        )

    def _times(self, meeting: Meeting, *, opens_at: datetime) -> tuple[datetime, datetime]:
        if self.offsets.opens is not None:
            opens_at = days_before(meeting.starts_at, self.offsets.opens, self.zone)
        return opens_at, days_before(meeting.starts_at, self.offsets.closes, self.zone)

    def _reminders(self, meeting: Meeting) -> list[tuple[str, datetime]]:
        return [
            (f"reminder:{number}", days_before(meeting.starts_at, days, self.zone))
            for number, days in enumerate(self.offsets.reminders, start=1)
        ]


def days_before(moment: datetime, days: int, zone: str) -> datetime:
    """Calendar days back at the same wall clock in ``zone``. Where the clock skips that time, later; where it shows
    it twice, the first: exactly what fold=0 means (PEP 495)."""
    local = moment.astimezone(ZoneInfo(zone)).replace(fold=0)
    wall = datetime.combine(local.date() - timedelta(days=days), local.time().replace(fold=0))
    return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _replanned(
    before: Campaign,
    opens_at: datetime,
    reminders: Sequence[tuple[str, datetime]],
    closes_at: datetime,
    *,
    now: datetime,
) -> tuple[Occasion, ...]:
    if before.status != "open":
        return _occasions(opens_at, reminders, closes_at, after=now)
    sent = {each.name: each.send_after for each in before.occasions if each.send_after <= now}
    unsent = [(name, at) for name, at in reminders if name not in sent and at > now]
    told = [(name, at) for name, at in sent.items() if name != "invitation"]
    return _occasions(opens_at, [*told, *unsent], closes_at, after=opens_at)


def _occasions(
    opens_at: datetime, reminders: Sequence[tuple[str, datetime]], closes_at: datetime, *, after: datetime
) -> tuple[Occasion, ...]:
    """The invitation and the reminders that lie between it and the close. A reminder expires when the next one is due:
    a sender that was away for days does not send two at once."""
    due = sorted(
        ((name, at) for name, at in reminders if max(opens_at, after) < at < closes_at), key=lambda each: each[1]
    )
    ends = [*(at for _, at in due[1:]), closes_at]
    return (
        Occasion(name="invitation", send_after=opens_at, expires_at=closes_at),
        *(Occasion(name=name, send_after=at, expires_at=end) for (name, at), end in zip(due, ends, strict=False)),
    )
