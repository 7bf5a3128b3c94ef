"""The drill of docs/operations.md: a database goes back in time; the forgotten stay so, what was missed comes."""

from tests.containers import engine
from tests.containers.people import expect, join
from tests.containers.system import System, eventually


def test_a_restored_database_forgets_again_and_hears_what_it_missed(system: System):
    forgotten, before = join(system), join(system)
    eventually(lambda: system.knows("hub", forgotten.member_id) and system.knows("hub", before.member_id))
    dump(system, "hub")

    certificate = expect(forgotten.browser.post("/forget", data={"sure": "yes"}), 303).headers["location"]
    eventually(lambda: "This certificate is complete" in forgotten.browser.get(certificate).text)
    after = join(system)
    eventually(lambda: system.knows("hub", after.member_id) and not system.knows("hub", forgotten.member_id))

    system.stop("hub")
    restore(system, "hub")
    assert system.knows("hub", forgotten.member_id), "the dump is older than her wish"
    assert not system.knows("hub", after.member_id)
    system.start("hub")

    eventually(lambda: system.knows("hub", after.member_id) and not system.knows("hub", forgotten.member_id))
    assert system.knows("hub", before.member_id)
    assert system.ask("hub", f"SELECT count(*) FROM erased WHERE id = '{forgotten.member_id}'") == "1"
    assert system.ask("hub", "SELECT count(*) FROM dead_letters") == "0"


def dump(system: System, database: str) -> None:
    in_postgres(system, "pg_dump", "-U", "postgres", "-Fc", "-f", f"/tmp/{database}.dump", database)


def restore(system: System, database: str) -> None:
    in_postgres(
        system, "pg_restore", "-U", "postgres", "-d", "postgres", "--clean", "--create", f"/tmp/{database}.dump"
    )


def in_postgres(system: System, *words: str) -> None:
    engine.docker("exec", system.inspect("postgres")["Id"], *words)
