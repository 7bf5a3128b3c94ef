"""Two versions of one service side by side, the older kept by its tag; the others read what both tell."""

from collections.abc import Iterator

import pytest

from tests.containers import composed, engine
from tests.containers.people import join
from tests.containers.system import System, eventually

NEXT = "migration-network/members:next-version"
READERS = ("hub", "surveys", "notifications")


@pytest.fixture
def next_version(system: System) -> Iterator[str]:
    folder = engine.ROOT / "tests" / "containers" / "next_version"
    engine.docker("build", "-q", "--build-arg", f"IMAGE={composed.image_of('members')}", "-t", NEXT, str(folder))
    system.start("members", called="members-next", image=NEXT)
    system.wait_until_healthy("members-next")
    system.start("front-door", called="door-of-next", environment={"MEMBERS": "members-next:8080"})
    yield "door-of-next"
    system.stop("door-of-next", "members-next")
    engine.docker("rmi", "-f", NEXT)


def test_old_and_new_work_side_by_side(system: System, next_version: str):
    by_the_old = [join(system).member_id for _ in range(3)]
    by_the_new = [join(system, next_version).member_id for _ in range(3)]

    assert (told(system, "v1", by_the_old), told(system, "v2", by_the_old)) == (3, 0)
    assert (told(system, "v1", by_the_new), told(system, "v2", by_the_new)) == (3, 3)
    for reader in READERS:
        for member_id in by_the_old + by_the_new:
            eventually(lambda reader=reader, member_id=member_id: system.knows(reader, member_id))
        assert system.ask(reader, "SELECT count(*) FROM dead_letters") == "0"
    assert system.ask("members", "SELECT count(*) FROM outbox_dead") == "0"


def told(system: System, version: str, member_ids: list[str]) -> int:
    """How many of them were told of in that version of the event."""
    keys = ", ".join(f"'{member_id}'" for member_id in member_ids)
    question = (
        f"SELECT count(DISTINCT key) FROM outbox WHERE type = 'members.member.state.{version}' AND key IN ({keys})"
    )
    return int(system.ask("members", question))
