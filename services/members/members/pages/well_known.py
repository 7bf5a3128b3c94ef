"""/.well-known/security.txt: where people report weaknesses (RFC 9116)."""

from datetime import timedelta

from common import clock
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

router = APIRouter()

GOOD_FOR = timedelta(days=180)
"""RFC 9116 recommends less than a year; it is computed per request, so it never runs out."""


@router.get("/.well-known/security.txt")
async def security_contact(request: Request) -> PlainTextResponse:
    settings = request.app.state.runtime.settings
    public_url = settings.public_url.rstrip("/")
    expires = (clock.now() + GOOD_FOR).replace(microsecond=0, second=0, minute=0)
    return PlainTextResponse(
        f"Contact: {settings.security_contact}\n"
        f"Expires: {expires.isoformat().replace('+00:00', 'Z')}\n"
        "Preferred-Languages: en, fr, ar\n"
        f"Canonical: {public_url}/.well-known/security.txt\n"
    )
