"""Answers for people: a page in the reader's language, or the way to the next one."""

import uuid
from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse

from common import clock
from common.web import navigation
from common.web.forms import Form
from common.web.guards import COOKIELESS
from common.web.i18n import LANGUAGE_NAMES, LANGUAGES, direction, language_of
from common.web.site import site_of
from common.web.viewers import viewer

THEMES = ("light", "dark")


def render(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """The page ``template`` with what every layout needs; ``lang="ar"`` overrules the reader's language.

    A form that is shown again keeps its ``once`` token, since nothing was done with it.
    """
    site = site_of(request)
    language = context.pop("lang", None) or language_of(request)
    page = site.environments[language if language in LANGUAGES else "en"].get_template(template)
    html = page.render({**_what_layouts_need(request, language), **_once(context.get("form")), **context})
    return HTMLResponse(html, status_code=status, headers=_headers(request, language))


def redirect(url: str) -> RedirectResponse:
    """303: the browser fetches the next page, and going back or reloading never sends the form again."""
    return RedirectResponse(url, status_code=303)


def gettext(request: Request, language: str | None = None) -> Callable[[str], str]:
    """For the few sentences that Python itself must put into a page."""
    catalogs, spoken = site_of(request).catalogs, language or language_of(request)
    return lambda sentence: catalogs.say(spoken, sentence)


def is_fragment(request: Request) -> bool:
    """Whether htmx asks: the same route may then answer with the fragment alone."""
    return request.headers.get("hx-request") == "true"


def _what_layouts_need(request: Request, language: str) -> dict[str, Any]:
    site, who, path = site_of(request), viewer(request), request.url.path
    return {
        "request": request,
        "site_name": site.name,
        "public_url": site.public_url,
        "lang": language,
        "dir": direction(language),
        "languages": LANGUAGE_NAMES,
        "theme": _theme(request),
        "printing": "print" in request.query_params,
        "viewer": who,
        "zone": who.zone if who else "UTC",
        "now": clock.now(),
        "nav": navigation.member_links(path, who),
        "console_nav": navigation.console_links(path),
        "form": None,
    }


def _headers(request: Request, language: str) -> dict[str, str]:
    """A page made for nobody in particular may stay in the browser, so that going back finds the form as it was left;
    any other page is not to be stored (the guards say so)."""
    headers = {"Content-Language": language, "Vary": "Cookie, Accept-Language"}
    if viewer(request) is None and not request.url.path.startswith(COOKIELESS):
        headers["Cache-Control"] = "private, no-cache"
    return headers


def _once(form: Form | None) -> dict[str, str]:
    return {"once": form.once if form is not None else str(uuid.uuid4())}


def _theme(request: Request) -> str:
    asked = request.query_params.get("theme") or request.cookies.get("theme", "")
    return asked if asked in THEMES else ""
