"""One-click unsubscribe (RFC 8058): the link alone, by POST, without cookie or redirect, as often as you like."""

from datetime import timedelta
from uuid import uuid4

import pytest
from common import clock
from common.events.notifications import MemberUnsubscribed
from common.testing import told

from .conftest import SignIn
from .factories import HOUR, campaign, erasure, member, run
from .office import Office

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


async def events(office: Office) -> list[tuple]:
    return [(one.member_id, one.category) for one in await told(office.conn, MemberUnsubscribed)]


async def test_the_link_in_the_header_ends_surveys_at_once_and_tells_members(office: Office, sign_in: SignIn):
    amina = await office.knows(address="amina@example.org")
    opened = campaign(run("invitation"), run("reminder:1", after=HOUR))
    await office.opens(opened, [amina])
    await office.sends_all()
    link = office.mails()[0]["List-Unsubscribe"].strip("<>").removeprefix("http://network.test")
    answers = [await sign_in(None).post(link, data=ONE_CLICK) for _ in range(2)]
    assert [(answer.status_code, "set-cookie" in answer.headers) for answer in answers] == [(200, False)] * 2
    assert await events(office) == [(amina, "surveys")]
    await office.hears(opened.model_copy(update={"version": 2, "occasions": (run("invitation"), run("reminder:1"))}))
    await office.sends_all()
    assert len(office.mails()) == 1
    assert ("skipped", "no_consent") in await office.states()


@pytest.mark.parametrize(
    "sent",
    [{"data": ONE_CLICK}, {"files": {"List-Unsubscribe": (None, "One-Click")}}, {"content": b"\xff\0 not a form"}, {}],
)
async def test_whatever_the_body_is_it_works(office: Office, sign_in: SignIn, sent: dict):
    amina = await office.knows()
    answer = await sign_in(None).post(f"/u/{office.keys.tokens.unsubscribe(amina, 'surveys')}", **sent)
    assert answer.status_code == 200
    assert await events(office) == [(amina, "surveys")]


async def test_looking_changes_nothing(office: Office, sign_in: SignIn):
    amina = await office.knows()
    path = f"/u/{office.keys.tokens.unsubscribe(amina, 'surveys')}"
    for answer in (await sign_in(None).get(path), await sign_in(None).head(path)):
        assert answer.status_code == 200
    assert await events(office) == []
    assert await office.count("unsubscriptions") == 0


@pytest.mark.parametrize("language", ["en", "fr", "ar"])
async def test_the_page_speaks_the_readers_language(office: Office, sign_in: SignIn, language: str):
    path = f"/u/{office.keys.tokens.unsubscribe(uuid4(), 'surveys')}"
    page = await sign_in(None).get(path, headers={"Accept-Language": language})
    heading = {"en": "Fewer messages", "fr": "Moins de messages", "ar": "رسائل أقل"}[language]
    assert f"<h1>{heading}</h1>" in page.text


@pytest.mark.parametrize("token", ["x", "a" * 39, "%00", "ä", "../staff", "a" * 3000])
async def test_a_link_we_never_wrote_leads_nowhere(office: Office, sign_in: SignIn, token: str):
    for answer in (await sign_in(None).get(f"/u/{token}"), await sign_in(None).post(f"/u/{token}")):
        assert answer.status_code in (404, 307)
    assert await events(office) == []


async def test_a_changed_link_is_no_link(office: Office, sign_in: SignIn):
    token = office.keys.tokens.unsubscribe(await office.knows(), "surveys")
    other = office.keys.tokens.unsubscribe(uuid4(), "surveys")
    for forged in (other[:20] + token[20:], token[:-1] + ("A" if token[-1] != "A" else "B"), token + "A"):
        assert (await sign_in(None).post(f"/u/{forged}")).status_code == 404
    assert await events(office) == []


async def test_the_link_works_for_years_and_without_any_row_about_the_message(
    office: Office, sign_in: SignIn, tmp_path, monkeypatch
):
    amina = await office.knows()
    token = office.keys.tokens.unsubscribe(amina, "surveys")
    (tmp_path / "offset").write_text(str(timedelta(days=500).total_seconds()))
    monkeypatch.setenv("CLOCK_OFFSET_FILE", str(tmp_path / "offset"))
    assert (await sign_in(None).post(f"/u/{token}")).status_code == 200
    assert await events(office) == [(amina, "surveys")]
    [unsubscribed] = await told(office.conn, MemberUnsubscribed)
    assert unsubscribed.unsubscribed_at <= clock.now()


async def test_members_has_the_last_word(office: Office, sign_in: SignIn):
    """An old state still names the consent and changes nothing; the next one without it takes over our note."""
    amina = await office.knows()
    await sign_in(None).post(f"/u/{office.keys.tokens.unsubscribe(amina, 'surveys')}")
    await office.hears(member(amina, version=2, consents=("surveys", "news")))
    assert await office.count("unsubscriptions") == 1
    await office.hears(member(amina, version=3, consents=("news",)))
    assert await office.count("unsubscriptions") == 0
    await office.hears(member(amina, version=4, consents=("surveys",)))
    await office.opens(campaign(), [amina])
    await office.sends_all()
    assert len(office.mails()) == 1


async def test_nothing_is_stored_about_somebody_erased(office: Office, sign_in: SignIn):
    amina = await office.knows()
    await office.hears(erasure(amina))
    answer = await sign_in(None).post(f"/u/{office.keys.tokens.unsubscribe(amina, 'surveys')}")
    assert answer.status_code == 200
    assert await events(office) == []
    assert await office.count("unsubscriptions") == 0


async def test_another_website_can_not_press_the_button(office: Office, sign_in: SignIn):
    token = office.keys.tokens.unsubscribe(await office.knows(), "surveys")
    answer = await sign_in(None).post(f"/u/{token}", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
