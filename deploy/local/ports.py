"""Free ports on the loopback address."""

import socket
from collections.abc import Collection
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen there. Without SO_REUSEADDR it would be refused for a minute after each stop."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return not answers(port)


def answers(port: int) -> bool:
    """Whether somebody listens there, on whichever local address `localhost` leads to."""
    try:
        with socket.create_connection(("localhost", port), timeout=1):
            return True
    except OSError:
        return False


def any_free() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def free_or_next(wanted: int, *, taken: Collection[int] = (), tries: int = 100) -> int:
    """The wanted port, or the next free one above it."""
    for port in range(wanted, wanted + tries):
        if port not in taken and is_free(port):
            return port
    return any_free()


def several_free(count: int) -> list[int]:
    """Different ones: all are held until the last is found."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]
