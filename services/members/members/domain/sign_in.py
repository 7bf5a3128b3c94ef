"""Signing in by a mailed link, and the sessions that follow."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from common.errors import Gone, NotAllowed

LINK_WORKS_FOR = timedelta(minutes=10)
CODE_TRIES = 5
IDLE_FOR = timedelta(minutes=30)
MEMBER_SESSION = timedelta(hours=12)
STAFF_SESSION = timedelta(hours=8)
SEEN_EVERY = timedelta(minutes=1)
"""A session's last use is written at most this often: reading a page should not cost a write."""


@dataclass(frozen=True)
class SignIn:
    """Somebody at one browser asked for a link. It was mailed to a member; a stranger has no member id."""

    id: UUID
    member_id: UUID | None
    browser_hash: bytes
    expires_at: datetime
    next_path: str
    used_at: datetime | None = None
    tries: int = 0
    anywhere: bool = False
    """The link works in any browser: only those that the command line prints in development."""

    def check_open(self, *, now: datetime) -> None:
        if self.used_at is not None:
            raise Gone("This link was used already. Ask for a new one, it takes a moment.")
        if now >= self.expires_at:
            raise Gone("This link has expired: it works for ten minutes. Ask for a new one, it takes a moment.")

    def used(self, *, now: datetime) -> "SignIn":
        """Good for one session only."""
        self.check_open(now=now)
        return replace(self, used_at=now)

    def tried(self, *, right: bool, now: datetime) -> "SignIn":
        """Count a typed code; the caller saves the count even when the code was wrong."""
        self.check_open(now=now)
        if self.tries >= CODE_TRIES:
            raise NotAllowed("That was the fifth wrong code. Ask for a new link.", field="code")
        return replace(self, used_at=now) if right else replace(self, tries=self.tries + 1)


@dataclass(frozen=True)
class Session:
    id: UUID
    member_id: UUID
    device: str
    started_at: datetime
    seen_at: datetime
    ends_at: datetime

    def stands(self, *, now: datetime) -> bool:
        return now < self.ends_at and now - self.seen_at < IDLE_FOR

    def worth_noting(self, *, now: datetime) -> bool:
        return now - self.seen_at >= SEEN_EVERY


def start_session(session_id: UUID, member_id: UUID, *, device: str, staff: bool, now: datetime) -> Session:
    """Staff see other people's data, so their sessions end sooner."""
    ends_at = now + (STAFF_SESSION if staff else MEMBER_SESSION)
    return Session(session_id, member_id, device, started_at=now, seen_at=now, ends_at=ends_at)


def device_of(user_agent: str) -> str:
    """Enough to recognise one's own sessions in a list ("Firefox, Android"), too little to recognise a person."""
    browsers = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
    systems = ("Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux")
    browser = next((name for mark, name in browsers if mark in user_agent), "")
    system = next((name for name in systems if name in user_agent), "")
    return ", ".join(filter(None, (browser, system)))
