"""A busy port is replaced by another, and said so."""

import socket
from collections.abc import Iterator

import pytest

from deploy.local import ports, stack


@pytest.fixture
def busy() -> Iterator[int]:
    with socket.socket() as server:
        server.bind((ports.LOOPBACK, 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_somebody_listens_on_is_not_free(busy: int):
    assert not ports.is_free(busy)


def test_the_next_free_port_is_taken_instead(busy: int):
    assert ports.free_or_next(busy) > busy


def test_the_same_port_is_never_given_twice():
    wanted = ports.any_free()
    assert ports.free_or_next(wanted, taken={wanted}) != wanted
    several = ports.several_free(20)
    assert len(set(several)) == 20


def test_a_replaced_port_is_said(busy: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(stack.WANTED_PORTS, "front door", busy)
    said: list[str] = []
    chosen = stack.wanted_ports(said.append)
    assert f"  Port {busy} is busy: front door takes {chosen['front door']}." in said


def test_nothing_is_said_of_a_port_that_is_not_needed(busy: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(stack.WANTED_PORTS, "Kafka", busy)
    said: list[str] = []
    stack.wanted_ports(said.append, not_needed=["Kafka"])
    assert not any("Kafka takes" in line for line in said)


def test_every_service_has_a_port_of_its_own():
    chosen = stack.free_ports()
    assert len(set(chosen.values())) == len(stack.WANTED_PORTS)
