"""Every "no" in one place: a page in the visitor's language, or a problem (RFC 9457) where an API was called."""

import math
import re
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import asyncpg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common import log
from common.db import POISON, TRANSIENT
from common.errors import NotAllowed, TooMany
from common.web import sessions
from common.web.forms import parse_form
from common.web.guards import whole_body
from common.web.i18n import N_
from common.web.pages import gettext, is_fragment, render
from common.web.site import site_of
from common.web.viewers import NotSignedIn, identify

RETRY_AFTER = 5
"""Seconds until it makes sense to ask again when the database was away."""

NOT_HERE = "There is nothing at this address. It may have moved, or the link was cut in two on its way."
NOT_LIKE_THIS = N_("Nothing can be sent to this address in that way.")
NOT_CLEAR = "Something in what was sent can not be read."
CHANGED_MEANWHILE = "Somebody changed this at the same moment. Look at it again, then send it once more."
NOT_STORABLE = "Something in what you wrote can not be stored. Please write that part differently."
AWAY = "We can not reach our own records at the moment. Please try again in a few seconds."
OUR_FAULT = "Something went wrong on our side. It was recorded, and we will look into it."
SIGN_IN_FIRST = "Sign in first."

MAY_BE_SENT_AGAIN = frozenset({429, 500, 503})
"""The same form may succeed later; its page keeps every field and the token that makes sending it twice harmless."""

logger = log.get_logger()


def install(app: FastAPI) -> None:
    handlers: dict[type[Exception], Any] = {
        NotAllowed: _said_no,
        NotSignedIn: _not_signed_in,
        sessions.RenewalDue: _renewal_due,
        RequestValidationError: _not_valid,
        HTTPException: _http_error,
        **{away: _away for away in TRANSIENT if issubclass(away, Exception)},
        **dict.fromkeys(POISON, _refused_by_the_database),
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


class Apology:
    """The last resort: an error nobody foresaw becomes a page or a problem, with the headers of every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except ClientDisconnect:
            logger.info("visitor_left_while_sending", path_length=len(scope["path"]))
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            answer = await apologise(Request(scope, receive), error)
            await answer(scope, receive, send)


async def apologise(request: Request, error: Exception) -> Response:
    """For what nobody foresaw."""
    _record(request, error)
    return await answer_no(request, 500, OUR_FAULT)


async def answer_no(
    request: Request,
    status: int,
    sentence: str,
    *,
    kind: str = "about:blank",
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> Response:
    """The problem document for an API, the page for everybody else. ``members`` extend the problem."""
    await _identify_if_possible(request)
    if is_api(request):
        return _problem(request, status, sentence, kind, headers, members)
    held = await _typed(request) if status in MAY_BE_SENT_AGAIN else []
    answer = render(
        request,
        "error.html",
        status,
        code=status,
        sentence=sentence,
        instance=_instance(request),
        held=held,
        here=sessions.here(request),
    )
    answer.headers.update(headers or {})
    if is_fragment(request) and request.method == "GET":
        answer.headers["HX-Reswap"] = "none"  # a part that refreshes itself stays as it is until the next time
    return answer


def is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")


async def _said_no(request: Request, no: NotAllowed) -> Response:
    headers = {"Retry-After": str(math.ceil(no.retry_after))} if isinstance(no, TooMany) else {}
    more = {"field": no.field} if no.field else {}
    return await answer_no(request, no.status, no.sentence, kind=_kind(no), headers=headers, **more)


async def _not_signed_in(request: Request, _: NotSignedIn) -> Response:
    """Reading leads to the sign-in page; what was being sent is kept on a page until she is back."""
    if is_api(request):
        return await answer_no(request, 401, SIGN_IN_FIRST, headers={"WWW-Authenticate": "Cookie"})
    if request.method == "GET":
        return sessions.to_sign_in(request)
    return render(request, "held.html", 401, held=await _typed(request), here=sessions.here(request))


async def _renewal_due(request: Request, _: sessions.RenewalDue) -> Response:
    return sessions.to_renewal(request)


async def _not_valid(request: Request, error: RequestValidationError) -> Response:
    """An id in the path that is none leads nowhere (404); anything else is named, without repeating what was sent."""
    faults = error.errors()
    if any(fault["loc"][:1] == ("path",) for fault in faults):
        return await answer_no(request, 404, NOT_HERE)
    named = [{"where": [_plain(step) for step in fault["loc"]], "what": _plain(fault["msg"])} for fault in faults[:50]]
    return await answer_no(request, 422, NOT_CLEAR, kind="urn:problem:not-valid", errors=named)


async def _http_error(request: Request, error: HTTPException) -> Response:
    if isinstance(error.__cause__, NotAllowed):  # FastAPI turns what the body limit raised into a 400
        return await _said_no(request, error.__cause__)
    sentence = {404: NOT_HERE, 405: NOT_LIKE_THIS}.get(error.status_code, NOT_CLEAR)
    return await answer_no(request, error.status_code, sentence, headers=error.headers)


async def _away(request: Request, error: Exception) -> Response:
    _record(request, error)
    return await answer_no(request, 503, AWAY, headers={"Retry-After": str(RETRY_AFTER)})


async def _refused_by_the_database(request: Request, error: Exception) -> Response:
    _record(request, error)
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return await answer_no(request, 409, CHANGED_MEANWHILE)
    return await answer_no(request, 422, NOT_STORABLE)


async def _typed(request: Request) -> list[tuple[str, str]]:
    """The fields of the form that was sent, to be carried by a page that can send it again."""
    if request.method != "POST":
        return []
    try:
        form = await parse_form(request.headers.get("content-type", ""), await whole_body(request))
    except NotAllowed:
        return []
    return form.hidden()


async def _identify_if_possible(request: Request) -> None:
    """The page of an error greets the person too, unless finding out who she is fails as well."""
    try:
        await identify(request)
    except Exception:
        request.state.viewer = None


def _problem(
    request: Request, status: int, sentence: str, kind: str, headers: Mapping[str, str] | None, members: dict[str, Any]
) -> Response:
    document = {
        "type": kind,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": gettext(request)(sentence),
        "instance": _instance(request),
        **members,
    }
    return JSONResponse(document, status, headers, media_type="application/problem+json")


def _instance(request: Request) -> str:
    return f"urn:uuid:{request.state.request_id}"


def _kind(no: NotAllowed) -> str:
    """``TooMany`` is ``urn:problem:too-many``."""
    return "urn:problem:" + re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(no).__name__).lower()


def _plain(step: object) -> str | int:
    """Names of fields come from whoever sent them and need not be text that can be written."""
    return step if isinstance(step, int) else str(step).encode("utf-8", "replace").decode()[:200]


def _record(request: Request, error: Exception) -> None:
    """Where and of which kind; the message may quote what somebody wrote, so it is shown in development only."""
    logger.error(
        "request_failed",
        kind=type(error).__name__,
        method=request.method,
        route=getattr(request.scope.get("route"), "path", None),
        trace="".join(traceback.format_tb(error.__traceback__)[-8:]),
        **({"said": str(error)} if site_of(request).runtime.settings.environment == "development" else {}),
    )
