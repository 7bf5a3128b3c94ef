"""Being signed in, as cookies: the session for this service, a short-lived signed token for the others."""

from datetime import datetime

from common import web
from common.web import tokens
from fastapi import Request, Response

from members.commands.sign_in import Entered
from members.domain.sign_in import MEMBER_SESSION
from members.keyring import keyring

SESSION = "session"


def let_in(request: Request, answer: Response, entered: Entered, *, now: datetime) -> Response:
    """Set both cookies."""
    web.set_cookie(request, answer, SESSION, entered.secret, max_age=int(MEMBER_SESSION.total_seconds()))
    profile = entered.member.profile
    viewer = web.Viewer(
        member_id=entered.member.id,
        session_id=entered.session.id,
        number=entered.member.called,
        roles=entered.roles,
        language=profile.language,
        zone=profile.zone,
    )
    return renew(request, answer, viewer, now=now)


def renew(request: Request, answer: Response, viewer: web.Viewer, *, now: datetime) -> Response:
    """A fresh token for the other services."""
    tokens.set_access_cookie(request, answer, tokens.sign(viewer, keyring().signing_key, now=now))
    return answer


def let_out(request: Request, answer: Response) -> Response:
    web.drop_cookie(request, answer, SESSION)
    tokens.drop_access_cookie(request, answer)
    return answer
