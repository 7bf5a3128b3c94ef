"""What separately deployed services promise: each works while others are away, and misses nothing of it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.containers.people import apply, expect, fresh_address, join, mailed_path
from tests.containers.system import SERVICES, System, eventually


def test_services_that_started_before_their_engines_work(system: System):
    for service in SERVICES:
        assert system.inspect(service)["State"]["Health"]["Status"] == "healthy"
    assert join(system).member_id


def test_three_migration_jobs_at_once_do_no_harm(system: System):
    ran = {service: system.ask(service, "SELECT count(*) FROM schema_migrations") for service in SERVICES}
    system.run_jobs(*(f"{service}-migrate" for service in SERVICES for _ in range(3)))
    assert ran == {service: system.ask(service, "SELECT count(*) FROM schema_migrations") for service in SERVICES}


def test_three_migration_jobs_at_once_fill_an_empty_database(system: System):
    system.ask("postgres", "DROP DATABASE IF EXISTS hub_anew")
    system.ask("postgres", "CREATE DATABASE hub_anew OWNER hub_owner")
    anew = {
        "database_url": address_of_another(system, "hub_database_url"),
        "migration_database_url": address_of_another(system, "hub_database_owner_url"),
    }
    with ThreadPoolExecutor(3) as together:
        list(together.map(lambda _: system.run_job("hub-migrate", secrets=anew), range(3)))
    assert system.ask("hub_anew", "SELECT count(*) FROM schema_migrations") == system.ask(
        "hub", "SELECT count(*) FROM schema_migrations"
    )


def address_of_another(system: System, secret: str) -> Path:
    """The database beside the one that the secret names, for the same role."""
    anew = system.secrets.parent / f"{secret}_anew"
    anew.write_text((system.secrets / secret).read_text().strip() + "_anew\n")
    anew.chmod(0o644)
    return anew


@pytest.mark.parametrize("away", ["hub", "surveys"])
def test_what_a_service_missed_arrives_when_it_is_back(system: System, away: str):
    system.stop(away)
    member = join(system)
    with system.visitor() as browser:
        expect(browser.get(f"/{away}"), 502, 503)
        expect(browser.get("/join"), 200)
    system.start(away)
    eventually(lambda: system.knows(away, member.member_id))


def test_letters_wait_for_who_sends_them(system: System):
    address = fresh_address()
    system.stop("notifications")
    apply(system, address)
    system.start("notifications")
    assert mailed_path(system, address, "/confirm/")


def test_who_is_signed_in_meets_and_answers_on_while_members_is_away(system: System):
    member = join(system)
    eventually(lambda: all(system.knows(service, member.member_id) for service in ("hub", "surveys")))
    system.stop("members")
    expect(member.browser.get("/me"), 502, 503)
    for page in ("/hub", "/surveys"):
        expect(member.browser.get(page), 200)
    system.start("members")
    system.wait_until_healthy("members")
    expect(member.browser.get("/me"), 200)


def test_people_join_while_kafka_is_away_and_everybody_hears_of_it_afterwards(system: System):
    with system.paused("kafka"):
        apply(system, fresh_address())
    assert join(system).member_id
    eventually(lambda: system.metric("members", "outbox_lag_seconds") == 0)


def test_a_service_scaled_to_three_shares_the_partitions(system: System):
    """Every partition is with one of them, from the first one alone through all three and back."""
    every = system.partitions_read_by("hub")
    names = ["hub", "hub-2", "hub-3"]

    def held(by: list[str]) -> list[float]:
        return [system.metric(name, "inbox_partitions_assigned") for name in by]

    eventually(lambda: held(names[:1]) == [every])
    for name in names[1:]:
        system.start("hub", called=name)
    try:
        eventually(lambda: min(held(names)) > 0 and sum(held(names)) == every)
        member = join(system)
        eventually(lambda: system.knows("hub", member.member_id))
    finally:
        system.stop(*names[1:])
    eventually(lambda: held(names[:1]) == [every])


def test_sigterm_finishes_what_was_begun(system: System):
    """Whoever was told yes is in the database; whoever was not may ask again; the process ends by itself."""
    members = system.running["members"].get_wrapped_container()
    before = int(system.ask("members", "SELECT count(*) FROM applications"))
    with ThreadPoolExecutor(9) as together:
        asking = [together.submit(answered_yes, system) for _ in range(40)]
        together.submit(members.stop, timeout=40).result()
        told_yes = sum(asked.result() for asked in asking)
    state = system.inspect("members")["State"]
    stopped = [line for line in system.log_lines("members") if line["message"] == "service_stopping"]
    kept = int(system.ask("members", "SELECT count(*) FROM applications")) - before
    members.start()
    system.wait_until_healthy("members")
    assert state["ExitCode"] == 0
    assert stopped
    assert kept >= told_yes > 0


def answered_yes(system: System) -> bool:
    try:
        apply(system, fresh_address())
    except AssertionError:
        return False
    return True
