"""Who is looking: the person behind a request, and the pages that are for members or staff only."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from common.errors import Forbidden

LADDER = ("member", "editor", "admin")
"""Each rung may do what the rungs below may."""


@dataclass(frozen=True)
class Viewer:
    """What a request tells about the person who sent it."""

    member_id: UUID
    session_id: UUID
    number: str
    """The short member number, ``M-48213``."""
    roles: frozenset[str]
    language: str
    zone: str

    def may(self, role: str) -> bool:
        """Whether one of the person's roles is this one or stands above it."""
        return any(rung in self.roles for rung in LADDER[LADDER.index(role) :])

    @property
    def is_staff(self) -> bool:
        return self.may("editor")


Authenticate = Callable[[Request], Awaitable[Viewer | None]]


class NotSignedIn(Exception):
    """The page or the call is for people who are signed in."""


async def identify(request: Request) -> Viewer | None:
    """Find out once per request who is asking. Runs before every page and call of the service."""
    if "viewer" not in request.scope.setdefault("state", {}):
        request.state.viewer = await request.app.state.site.authenticate(request)
    return viewer(request)


def viewer(request: Request) -> Viewer | None:
    who: Viewer | None = request.scope.get("state", {}).get("viewer")
    return who


def require(role: str) -> Callable[..., Awaitable[Viewer]]:
    """A dependency: the viewer, who has at least this role. NotSignedIn or Forbidden otherwise."""

    async def someone_who_may(who: Annotated[Viewer | None, Depends(identify)]) -> Viewer:
        if who is None:
            raise NotSignedIn
        if not who.may(role):
            raise Forbidden("This page is for people with another task. Ask an administrator if it should be yours.")
        return who

    return someone_who_may


MemberOnly = Annotated[Viewer, Depends(require("member"))]
StaffOnly = Annotated[Viewer, Depends(require("editor"))]
AdminOnly = Annotated[Viewer, Depends(require("admin"))]
