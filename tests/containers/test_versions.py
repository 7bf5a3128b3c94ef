"""A next version of one service: beside the one before, instead of it, and taken back; nothing else is touched."""

from collections.abc import Iterator

import pytest

from tests.containers import composed, engine
from tests.containers.people import join
from tests.containers.system import System, eventually

NEXT = "migration-network/members:next-version"
READERS = ("hub", "surveys", "notifications")


@pytest.fixture(scope="module")
def next_version(system: System) -> Iterator[str]:
    """Its database is migrated already, as before every release. The image before stays under its tag."""
    folder = engine.ROOT / "tests" / "containers" / "next_version"
    engine.docker("build", "-q", "--build-arg", f"IMAGE={composed.image_of('members')}", "-t", NEXT, str(folder))
    system.run_job("members-migrate", image=NEXT)
    yield NEXT
    engine.docker("rmi", "-f", NEXT)


@pytest.fixture
def door_of_next(system: System, next_version: str) -> Iterator[str]:
    system.start("members", called="members-next", image=next_version)
    system.wait_until_healthy("members-next")
    system.start("front-door", called="door-of-next", environment={"MEMBERS": "members-next:8080"})
    yield "door-of-next"
    system.stop("door-of-next", "members-next")


def test_old_and_new_work_side_by_side(system: System, door_of_next: str):
    by_the_old = [join(system).member_id for _ in range(3)]
    by_the_new = [join(system, door_of_next).member_id for _ in range(3)]

    assert (told(system, "v1", by_the_old), told(system, "v2", by_the_old)) == (3, 0)
    assert (told(system, "v1", by_the_new), told(system, "v2", by_the_new)) == (3, 3)
    everybody_was_heard_of(system, by_the_old + by_the_new)


def test_one_service_is_released_and_taken_back_while_the_others_stay_as_they_are(system: System, next_version: str):
    others = {name: system.inspect(name)["State"]["StartedAt"] for name in READERS}
    system.replace("members", image=next_version)
    released = join(system)
    system.replace("members")
    taken_back = join(system)

    assert (told(system, "v2", [released.member_id]), told(system, "v2", [taken_back.member_id])) == (1, 0)
    assert released.browser.get("/api/members/me").json()["member_id"] == released.member_id
    everybody_was_heard_of(system, [released.member_id, taken_back.member_id])
    assert others == {name: system.inspect(name)["State"]["StartedAt"] for name in READERS}


def everybody_was_heard_of(system: System, member_ids: list[str]) -> None:
    for reader in READERS:
        for member_id in member_ids:
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
