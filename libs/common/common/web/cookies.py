"""Cookies with the narrowest reach: host only, HttpOnly, Lax (a link in a letter must find the member signed in)."""

from fastapi import Request, Response

from common.web.requests import header
from common.web.site import site_of


def read_cookie(request: Request, name: str) -> str | None:
    if not header(request.scope, b"cookie"):
        return None
    return request.cookies.get(_full_name(request, name))


def set_cookie(request: Request, response: Response, name: str, value: str, *, max_age: int) -> None:
    """``max_age`` in seconds."""
    response.set_cookie(
        _full_name(request, name),
        value,
        max_age=max_age,
        path="/",
        secure=site_of(request).is_https,
        httponly=True,
        samesite="lax",
    )


def drop_cookie(request: Request, response: Response, name: str) -> None:
    set_cookie(request, response, name, "", max_age=0)


def _full_name(request: Request, name: str) -> str:
    """``__Host-``: browsers then refuse one set by a sister domain. It needs https, which localhost has not."""
    return f"__Host-{name}" if site_of(request).is_https else name
