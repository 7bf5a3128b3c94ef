"""Asking to join, from the form and from the API: those who ask at the same moment share one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from common import clock, web
from common.coalescer import Coalescer
from common.db import Connection, Pool
from common.errors import NotAllowed
from fastapi import Request

from members.commands import applications
from members.domain.applications import Applicant
from members.domain.membership import PURPOSES
from members.intake import person
from members.intake.address import letter_to, read_address

JOINING = "joining"
SENT = "/join/sent"


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody asks to join: by a form that has effect once, or by a call that gets its answer again."""

    applicant: Applicant
    by: UUID | web.Call

    @property
    def key(self) -> tuple[str, ...]:
        return self.by.name if isinstance(self.by, web.Call) else (str(self.by),)


@dataclass(frozen=True, slots=True)
class Taken:
    """Her application, or None where this form or call had its effect before; a call then gets that answer."""

    application_id: UUID | None = None
    answered: web.Given | None = None


Outcomes = dict[tuple[str, ...], Taken | NotAllowed]


def read_applicant(form: web.Form) -> Applicant:
    """Refuses what needs another look beside its field."""
    address, profile = read_address(form), person.read_profile(form)
    return Applicant(address, profile, tuple(form.choices("consent", PURPOSES)))


def open_joining(pool: Pool, answer: web.Given) -> Coalescer[Asked, Taken]:
    """``answer`` is what every call gets that takes effect."""

    async def join(conn: Connection, asks: Sequence[Asked]) -> list[Taken | NotAllowed]:
        return await _join(conn, asks, answer)

    return Coalescer(pool, join, key=lambda asked: asked.key, name=JOINING)


async def ask_to_join(request: Request, asked: Asked) -> Taken:
    """Raises TooMany; Invalid when the key of a call was used for another one."""
    joining: Coalescer[Asked, Taken] = request.app.state.runtime.resources[JOINING]
    return await joining.put(asked)


async def _join(conn: Connection, asks: Sequence[Asked], answer: web.Given) -> list[Taken | NotAllowed]:
    outcomes = await _taken_before(conn, asks, answer)
    new = [asked for asked in asks if asked.key not in outcomes]
    outcomes |= (refused := await _refuse_floods(conn, new))
    welcome = [asked for asked in new if asked.key not in refused]
    made = await applications.apply(conn, [asked.applicant for asked in welcome], now=clock.now())
    outcomes |= {asked.key: Taken(application.id) for asked, application in zip(welcome, made, strict=True)}
    return [outcomes[asked.key] for asked in asks]


async def _taken_before(conn: Connection, asks: Sequence[Asked], answer: web.Given) -> Outcomes:
    """Every form and call that is new is ours from here on, with the answer it will get."""
    forms = [(asked.by, asked.key) for asked in asks if isinstance(asked.by, UUID)]
    calls = [(asked.by, asked.key) for asked in asks if isinstance(asked.by, web.Call)]
    led_to = await web.claim_forms(conn, [(token, SENT) for token, _ in forms])
    given = await web.claim_calls(conn, [call for call, _ in calls], answer)
    outcomes: Outcomes = {
        key: Taken() for (_, key), location in zip(forms, led_to, strict=True) if location is not None
    }
    for (_, key), past in zip(calls, given, strict=True):
        if past is not None:
            outcomes[key] = past if isinstance(past, NotAllowed) else Taken(answered=past)
    return outcomes


async def _refuse_floods(conn: Connection, asks: Sequence[Asked]) -> Outcomes:
    """Who is refused may send the same form or call again, in ten minutes."""
    counted = await web.count_uses(conn, [letter_to(asked.applicant.address) for asked in asks])
    refused = [(asked, no) for asked, no in zip(asks, counted, strict=True) if no is not None]
    await web.release_forms(conn, [asked.by for asked, _ in refused if isinstance(asked.by, UUID)])
    await web.release_calls(conn, [asked.by for asked, _ in refused if isinstance(asked.by, web.Call)])
    return {asked.key: no for asked, no in refused}
