"""The database away, for everybody at once: who sends something is told when to try again, and loses nothing."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from common.testing import wait_for

from deploy.local import assets, postgres, processes, stack
from deploy.local.stack import SERVICES, Stack
from tests.journeys.forms import TYPED, Control, Form, forms_found, read_page
from tests.journeys.hostile import URLENCODED, a_problem_in_words
from tests.journeys.used import a_used_system

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

NEEDED = {"/join", "/session/new", "/me/details", "/me/consents", "/staff/hub/meetings/new", "/staff/surveys"}
"""Forms that need the database; there are more."""
CALLS = {
    "members": ("GET", "/api/members/me"),
    "hub": ("GET", "/api/hub/meetings"),
    "surveys": ("GET", "/api/surveys/campaigns"),
    "notifications": ("GET", "/api/notifications/mailbox"),
}


@pytest.fixture
def alone(tmp_path) -> Iterator[Stack]:
    """With engines of its own, which can be stopped."""
    assets.make_assets()
    running = Stack(tmp_path, stack.free_ports(), durable=False, extra_environment={"RATE_LIMITS": "false"})
    running.start()
    yield running
    running.stop()


async def test_without_the_database_every_form_comes_back_with_what_was_typed_and_may_be_sent_again(alone: Stack):
    async with a_used_system(alone) as world:
        people = world.people
        forms = {
            who: [written(form) for form in await forms_found(client, world.starts[who])]
            for who, client in people.items()
        }
        processes.stop(alone.pids, "postgres")
        late = [
            (people[who], form) for who, found in forms.items() for form in found if await is_late(people[who], form)
        ]
        assert {form.action for _, form in late} >= NEEDED
        await expect_late_calls(people["staff"])
        start_again(alone)
        again = [(client, form) for client, form in late if form.action in NEEDED]
        for client, form in again:
            await wait_for(lambda client=client, form=form: is_taken(client, form), within=30)


def written(form: Form) -> Form:
    """With something in every field that was empty, and one choice of each: what is wrong with that would be said
    without looking into the database."""

    def filled(control: Control) -> Control:
        if control.value or control.kind not in TYPED:
            return control
        return replace(control, value="somebody@example.org" if control.kind == "email" else "Something")

    first = {control.name: control for control in reversed(form.controls)}
    return replace(form, controls=[filled(control) for control in first.values()])


async def is_late(client: httpx.AsyncClient, form: Form) -> bool:
    """False where it is refused for reasons that need no database."""
    answer = await client.post(form.action, content=form.encoded(), headers=URLENCODED)
    if answer.status_code < 500:
        return False
    assert answer.status_code == 503, f"{form.action}: {answer.text[:300]}"
    assert int(answer.headers["Retry-After"]) > 0
    kept = [set(one.filled()) for one in read_page(answer.text, form.page).forms]
    assert any(set(form.filled()) <= one for one in kept), f"{form.action}: {answer.text}"
    return True


async def is_taken(client: httpx.AsyncClient, form: Form) -> bool:
    return (await client.post(form.action, content=form.encoded(), headers=URLENCODED)).status_code < 500


async def expect_late_calls(client: httpx.AsyncClient) -> None:
    for service in SERVICES:
        method, path = CALLS[service]
        answer = await client.request(method, path)
        assert answer.status_code == 503, f"{path}: {answer.status_code}"
        assert int(answer.headers["Retry-After"]) > 0
        assert a_problem_in_words(answer.headers["content-type"], answer.text)


def start_again(here: Stack) -> None:
    postgres.start(
        here.folder / "postgres",
        pids=here.pids,
        log=here.logs / "postgres.log",
        port=here.ports["PostgreSQL"],
        durable=False,
    )
