"""Behind a front door in a container of its own it is still the callers that limits count by."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from testcontainers.core.network import Network

from tests.containers import composed, engine
from tests.containers.people import fresh_address
from tests.containers.system import System

APPLY = """
import json, sys, urllib.request as r

person = {"name": "Amina Haddad", "country": "LB", "language": "en", "consents": []}
for address in sys.argv[1:]:
    headers = {"Content-Type": "application/json", "Idempotency-Key": address, "Sec-Fetch-Site": "same-origin"}
    body = json.dumps({**person, "email": address}).encode()
    r.urlopen(r.Request("http://front-door:8000/api/members/applications", body, headers))
"""


def test_each_network_of_callers_is_counted_by_itself(system: System):
    """An address of its own is counted once, a network as often as somebody there applies."""
    before = uses(system)
    apply_from(system.network, times=3)
    with a_network_before(system, "front-door") as another:
        apply_from(another, times=5)
    assert sorted(times for times in (uses(system) - before).values() if times > 1) == [3, 5]


def uses(system: System) -> Counter[str]:
    rows = system.ask("members", "SELECT key, sum(hits) FROM rate_limits GROUP BY key").splitlines()
    return Counter({key: int(times) for key, times in (row.split("|") for row in rows)})


def apply_from(network: Network, *, times: int) -> None:
    addresses = [fresh_address() for _ in range(times)]
    words = ["run", "--rm", "--interactive", "--network", network.name, "--entrypoint", "python"]
    engine.docker(*words, composed.image_of("members"), "-", *addresses, stdin=APPLY)


@contextmanager
def a_network_before(system: System, door: str) -> Iterator[Network]:
    """Docker gives each network addresses of its own."""
    container = system.inspect(door)["Id"]
    with Network() as network:
        network.connect(container, [door])
        try:
            yield network
        finally:
            engine.docker("network", "disconnect", network.name, container)
