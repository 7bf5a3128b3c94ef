"""Who really calls: behind a front door the connection is the front door's, and X-Forwarded-For says whose it was.

Ours and not uvicorn's, which reads the addresses of every request, whoever asks for them or not, and for 30 us.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from fastapi import Request

from common.web.requests import header

Network = IPv4Network | IPv6Network


def networks(text: str) -> tuple[Network, ...]:
    """Of addresses and networks with commas between them. Raises ValueError."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


class FrontDoors:
    """Only who is in one of these networks is believed about others: anybody can send such a header."""

    def __init__(self, trusted: Sequence[Network]) -> None:
        self._trusted = tuple(trusted)
        self._is_one = lru_cache(maxsize=1024)(self._look_up)

    def caller(self, request: Request) -> str:
        """The address of the nearest caller who is no front door of ours; empty over a socket without addresses."""
        peer = request.client.host if request.client else ""
        if not self._is_one(peer):
            return peer
        hops = [hop.strip() for hop in header(request.scope, b"x-forwarded-for").decode("latin-1").split(",")]
        while len(hops) > 1 and self._is_one(_without_port(hops[-1])):
            hops.pop()
        return _without_port(hops[-1]) or peer

    def _look_up(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)


def _without_port(hop: str) -> str:
    """Some front doors write ``192.0.2.1:4711`` and ``[2001:db8::1]:4711``."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
