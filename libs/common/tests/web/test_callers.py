"""Whose call it is, as the front doors tell it: limits are counted by it."""

import pytest
from common.web.callers import FrontDoors, networks
from fastapi import Request

DOORS = FrontDoors(networks("127.0.0.0/8, 10.0.0.0/8, ::1"))


def call(peer: str | None, forwarded: str | None = None) -> Request:
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded is not None else []
    return Request({"type": "http", "headers": headers, "client": (peer, 4711) if peer else None})


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("127.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("::1", "2001:db8::7", "2001:db8::7"),
        ("10.1.2.3", "198.51.100.9, 192.0.2.7", "192.0.2.7"),
        ("10.1.2.3", "192.0.2.7, 10.9.9.9, 127.0.0.1", "192.0.2.7"),
        ("10.1.2.3", "10.4.4.4", "10.4.4.4"),
        ("10.1.2.3", "10.5.5.5, 10.4.4.4", "10.5.5.5"),
        ("127.0.0.1", "192.0.2.7:4711", "192.0.2.7"),
        ("127.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", " ", "127.0.0.1"),
    ],
    ids=[
        "the one our door names",
        "over IPv6",
        "what she claims before it does not count",
        "through two doors of ours",
        "a colleague in the same private network",
        "a colleague behind another door",
        "with a port",
        "with a port over IPv6",
        "at the door itself",
        "a door that names nobody",
    ],
)
def test_a_front_door_is_believed_about_who_calls(peer, forwarded, caller):
    assert DOORS.caller(call(peer, forwarded)) == caller


def test_nobody_else_is():
    assert DOORS.caller(call("192.0.2.7", "198.51.100.9")) == "192.0.2.7"


def test_who_calls_over_a_socket_without_addresses_has_none():
    assert DOORS.caller(call(None, "192.0.2.7")) == ""


def test_what_is_no_network_is_refused_when_it_is_read():
    with pytest.raises(ValueError):
        networks("127.0.0.1, the front door")
