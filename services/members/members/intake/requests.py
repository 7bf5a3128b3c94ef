"""What every page of ours takes in: a form that was read before a transaction opens, and how crowded its network is."""

import asyncio
import socket
from datetime import timedelta
from typing import Annotated

from common import web
from common.errors import TooMany
from fastapi import Depends, Request

from members.domain.sign_in import device_of

SLOWED_ABOVE = 60
REFUSED_ABOVE = 600
PER = timedelta(minutes=1)
SLOWED_BY = 1.0
"""Seconds."""


async def _sent_form(request: Request) -> web.Form:
    return await web.read_form(request)


SentForm = Annotated[web.Form, Depends(_sent_form)]
"""Stands before ``tx`` in a signature: a form that arrives slowly must not hold a connection meanwhile."""


TURNSTILE = "turnstile"


async def slow_down_crowds(request: Request) -> None:
    """Whole countries sit behind one address, so a busy network waits a second and only a flood is refused.

    Counted outside of the request's transaction: neighbours must not wait for each other's commits.
    """
    turnstile: web.Turnstile = request.app.state.runtime.resources[TURNSTILE]
    key = f"network {network_of(web.caller(request))}"
    try:
        await turnstile.limit(key, at_most=SLOWED_ABOVE, per=PER)
    except TooMany:
        await asyncio.sleep(SLOWED_BY)
        await turnstile.limit(f"crowd {key}", at_most=REFUSED_ABOVE - SLOWED_ABOVE, per=PER)


def network_of(address: str) -> str:
    """/24 of IPv4, /48 of IPv6: what one household, company or provider holds."""
    for family, octets in ((socket.AF_INET, 3), (socket.AF_INET6, 6)):
        try:
            return socket.inet_pton(family, address)[:octets].hex()
        except (OSError, ValueError):  # not of that family, or no address at all
            continue
    return address


def device(request: Request) -> str:
    return device_of(request.headers.get("user-agent", ""))
