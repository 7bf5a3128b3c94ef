"""The pages as browsers without JavaScript see them: forms, cookies, redirects, and what stands on each."""

import re

import httpx
import pytest
from common.db import Connection, transaction
from common.testing import Clock
from common.web import tokens
from members.commands import membership, staff
from members.domain.membership import standing
from members.store import members as people

from .conftest import Browser, Mailroom
from .factories import AMINA, NOW, form, joined


async def signed_in(browser: Browser, conn: Connection, run_timers, mailroom: Mailroom, address="amina@example.org"):
    """Through the pages: ask, open the letter, press the button."""
    http = browser()
    asked = await http.post("/session/new", data={"email": address, "next": "/me"})
    assert asked.status_code == 303, asked.text
    await run_timers()
    path = (await mailroom.last(conn)).link.removeprefix("http://localhost:8000")
    assert "Sign me in" in (await http.get(path)).text
    answer = await http.post(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/me")
    return http


def heading(answer: httpx.Response) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", answer.text, re.DOTALL)
    return re.sub(r"<[^>]+>", "", found[1]).strip() if found else answer.text


@pytest.mark.parametrize("path", ["/", "/join", "/join/sent", "/session/new", "/session/sent"])
@pytest.mark.parametrize("language", ["en", "fr", "ar"])
async def test_every_open_page_speaks_the_visitors_language(browser: Browser, path: str, language: str):
    answer = await browser(language).get(path)
    assert answer.status_code == 200
    direction = "rtl" if language == "ar" else "ltr"
    assert f'<html lang="{language}" dir="{direction}">' in answer.text


async def test_from_the_form_to_the_profile(browser: Browser, conn, run_timers, mailroom: Mailroom):
    http = browser()
    sent = await http.post("/join", data=form(consent=["surveys"]))
    assert (sent.status_code, sent.headers["location"]) == (303, "/join/sent")
    page = await http.get("/join/sent")
    assert "amina@example.org" in page.text
    assert "Beirut" in page.text
    await run_timers()
    path = (await mailroom.last(conn)).link.removeprefix("http://localhost:8000")
    assert heading(await http.get(path)) == "One click and you are a member"
    assert await conn.fetchval("SELECT count(*) FROM members") == 0
    answer = await http.post(path)
    assert answer.headers["location"] == "/me?saved=joined"
    profile = await http.get("/me?saved=joined", headers={"Accept-Language": "en"})
    assert heading(profile) == "Amina Haddad"


async def test_the_confirming_button_may_be_pressed_twice(browser: Browser, conn, run_timers, mailroom: Mailroom):
    """Or once, when the answer is lost on the way and the browser asks whether to send it again."""
    http = browser()
    await http.post("/join", data=form())
    await run_timers()
    path = (await mailroom.last(conn)).link.removeprefix("http://localhost:8000")
    once = re.search(r'name="_once" value="([^"]+)"', (await http.get(path)).text)
    assert once
    answers = [await http.post(path, data={"_once": once[1]}) for _ in range(2)]
    assert [(answer.status_code, answer.headers["location"]) for answer in answers] == [(303, "/me?saved=joined")] * 2
    assert await conn.fetchval("SELECT count(*) FROM members") == 1


async def test_a_member_reads_pages_in_the_language_she_joined_with(browser: Browser, conn, run_timers, mailroom):
    await joined(conn)
    http = await signed_in(browser, conn, run_timers, mailroom)
    assert '<html lang="ar" dir="rtl">' in (await http.get("/me")).text


async def test_mistakes_are_named_beside_the_fields_and_nothing_typed_is_lost(browser: Browser, conn):
    answer = await browser().post("/join", data=form(email="amina@", country="", name="Amina Haddad"))
    assert answer.status_code == 422
    assert "<title>Error:" in answer.text
    assert 'href="#email"' in answer.text
    assert 'href="#country"' in answer.text
    assert 'value="amina@"' in answer.text
    assert 'value="Amina Haddad"' in answer.text
    assert await conn.fetchval("SELECT count(*) FROM applications") == 0


async def test_no_consent_is_ticked_beforehand(browser: Browser):
    assert "checked" not in (await browser().get("/join")).text


async def test_the_zone_follows_the_country_without_javascript(browser: Browser, conn):
    await browser().post("/join", data=form(country="CA", zone=""))
    assert await conn.fetchval("SELECT zone FROM applications") == "America/Toronto"


async def test_a_form_sent_twice_has_one_effect(browser: Browser, conn):
    http = browser()
    once = {"_once": "5b0c1f4e-9f6a-4b0e-8a43-0d3f0a4f7a11"}
    for _ in range(2):
        answer = await http.post("/join", data=form() | once)
        assert answer.status_code == 303
    assert await conn.fetchval("SELECT count(*) FROM applications") == 1


async def test_links_that_ended_lead_on(browser: Browser, conn, run_timers, mailroom, time: Clock):
    http = browser()
    unknown = await http.get("/confirm/not-a-link-of-ours")
    assert unknown.status_code == 404
    assert "Apply again" in unknown.text
    await http.post("/join", data=form())
    await run_timers()
    path = (await mailroom.last(conn)).link.removeprefix("http://localhost:8000")
    await http.post(path)
    used = await http.get(path, params={"lang": "en"})
    assert used.status_code == 410
    assert "You have confirmed this already" in used.text
    assert 'href="/session/new"' in used.text


async def test_looking_at_a_link_changes_nothing(browser: Browser, conn, run_timers, mailroom):
    http = browser()
    await http.post("/join", data=form())
    await run_timers()
    path = (await mailroom.last(conn)).link.removeprefix("http://localhost:8000")
    before = [dict(row) for row in await conn.fetch("SELECT * FROM applications")]
    for method in ("GET", "HEAD", "GET"):
        assert (await http.request(method, path)).status_code == 200
    assert [dict(row) for row in await conn.fetch("SELECT * FROM applications")] == before


async def test_on_another_device_the_link_shows_a_code_for_the_first(browser: Browser, conn, run_timers, mailroom):
    await joined(conn)
    desk, phone = browser(), browser()
    await desk.post("/session/new", data={"email": "amina@example.org", "next": "/hub"})
    await run_timers()
    path = (await mailroom.last(conn)).link.removeprefix("http://localhost:8000")
    shown = await phone.get(path)
    assert heading(shown) == "Your code"
    assert (await phone.post(path)).headers["location"] == path
    assert "session" not in phone.cookies
    code = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", shown.text)
    assert code
    wrong = await desk.post("/session/code", data={"code": "2222-2222"})
    assert wrong.status_code == 422
    right = await desk.post("/session/code", data={"code": code[0].lower().replace("-", " ")})
    assert (right.status_code, right.headers["location"]) == (303, "/hub")
    assert "session" in desk.cookies
    again = await phone.get(path)
    assert again.status_code == 410


async def test_wrong_codes_are_counted_for_strangers_as_for_members(browser: Browser, conn, run_timers):
    await joined(conn)
    answers = {}
    for address in ("amina@example.org", "nobody@example.org"):
        http = browser()
        await http.post("/session/new", data={"email": address})
        await run_timers()
        answers[address] = [
            re.sub(r'value="[0-9a-f-]{36}"', "", (await http.post("/session/code", data={"code": "22222222"})).text)
            for _ in range(7)
        ]
    assert answers["amina@example.org"] == answers["nobody@example.org"]
    assert "fifth wrong code" in answers["nobody@example.org"][-1]


async def test_my_profile_needs_a_session(browser: Browser):
    answer = await browser().get("/me")
    assert (answer.status_code, answer.headers["location"]) == (303, "/session/new?next=%2Fme")


async def test_signing_out_counts_at_once(browser: Browser, conn, run_timers, mailroom):
    await joined(conn)
    http = await signed_in(browser, conn, run_timers, mailroom)
    copied = browser()
    copied.cookies.update(http.cookies)
    assert (await http.post("/session/end")).status_code == 303
    assert (await copied.get("/me")).status_code == 303


async def test_sign_out_everywhere_ends_the_other_sessions_too(browser: Browser, conn, run_timers, mailroom):
    await joined(conn)
    desk = await signed_in(browser, conn, run_timers, mailroom)
    phone = await signed_in(browser, conn, run_timers, mailroom)
    assert (await desk.get("/me")).text.count('<th scope="row">') >= 2
    await desk.post("/session/end", data={"everywhere": "yes"})
    assert (await phone.get("/me")).status_code == 303


async def test_half_an_hour_of_silence_signs_out(browser: Browser, conn, run_timers, mailroom, time: Clock):
    await joined(conn)
    http = await signed_in(browser, conn, run_timers, mailroom)
    for _ in range(3):
        time.forward(minutes=20)
        assert (await http.get("/me")).status_code == 200
    time.forward(minutes=31)
    assert (await http.get("/me")).status_code == 303


async def test_other_services_get_a_token_they_can_verify(browser: Browser, conn, run_timers, mailroom, keyring):
    amina = await joined(conn)
    http = await signed_in(browser, conn, run_timers, mailroom)
    key = keyring.signing_key
    access = tokens.verify(http.cookies["access"], {key.kid: key}, now=NOW)
    assert (access.viewer.member_id, access.viewer.number) == (amina.id, amina.called)
    renewed = await http.get("/session/renew?next=/hub/meetings%3Fa=b")
    assert (renewed.status_code, renewed.headers["location"]) == (303, "/hub/meetings?a=b")


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
async def test_next_never_leads_to_another_host(browser: Browser, conn, run_timers, mailroom, target: str):
    await joined(conn)
    http = await signed_in(browser, conn, run_timers, mailroom)
    for path in ("/session/renew", "/session/new"):
        answer = await http.get(path, params={"next": target})
        assert answer.headers["location"] in ("/", "/me")


async def test_a_member_decides_line_by_line_who_sees_what(browser: Browser, conn, run_timers, mailroom):
    amina = await joined(conn)
    http = await signed_in(browser, conn, run_timers, mailroom)
    await http.post("/me/visibility", data={"name": "members", "country": "public"})
    seen = await people.get_member(conn, amina.id)
    assert [seen.seen_by(field) for field in ("name", "country", "language")] == ["members", "public", "nobody"]
    await http.post("/me/visibility", data={"name": "members", "all": "nobody"})
    hidden = await people.get_member(conn, amina.id)
    assert hidden.seen_by("name") == hidden.seen_by("country") == "nobody"


async def test_withdrawing_takes_as_many_clicks_as_agreeing(browser: Browser, conn, run_timers, mailroom):
    amina = await joined(conn)
    http = await signed_in(browser, conn, run_timers, mailroom)
    await http.post("/me/consents", data={"consent": "news"})
    assert standing(await people.list_consents(conn, amina.id)) == ("news",)
    await http.post("/me/consents", data={})
    assert standing(await people.list_consents(conn, amina.id)) == ()
    assert "سُحبت الموافقة" in (await http.get("/me")).text


async def test_details_are_changed_and_said_in_the_members_language(browser: Browser, conn, run_timers, mailroom):
    amina = await joined(conn)
    http = await signed_in(browser, conn, run_timers, mailroom)
    assert 'value="Amina Haddad"' in (await http.get("/me/details")).text
    changed = form(name="Amina H.", country="FR", language="fr", zone="Europe/Paris", expertise=["5.5", "1"])
    assert (await http.post("/me/details", data=changed)).headers["location"] == "/me?saved=details"
    profile = (await people.get_member(conn, amina.id)).profile
    assert (profile.name, profile.country, profile.expertise) == ("Amina H.", "FR", ("5.5", "1"))
    assert "Droit" in (await http.get("/me")).text


async def test_leaving_keeps_the_record_and_offers_to_come_back(browser: Browser, conn, run_timers, mailroom):
    await joined(conn)
    http = await signed_in(browser, conn, run_timers, mailroom)
    await http.post("/me/leave")
    page = await http.get("/me?saved=left&lang=en")
    assert "Join again" in page.text


async def test_visitors_and_members_do_not_see_the_console(browser: Browser, conn, run_timers, mailroom):
    await joined(conn)
    assert (await browser().get("/staff")).status_code == 303
    http = await signed_in(browser, conn, run_timers, mailroom)
    assert (await http.get("/staff")).status_code == 403
    assert (await http.get("/staff/members")).status_code == 403
    assert (await http.get("/api/members/names?ids=")).status_code == 403


async def staff_browser(browser: Browser, pool) -> httpx.AsyncClient:
    async with transaction(pool) as conn:
        link = await staff.make_staff_link(conn, now=NOW)
    http = browser()
    path = link.removeprefix("http://localhost:8000")
    assert "Sign me in" in (await http.get(path)).text
    assert (await http.post(path)).headers["location"] == "/staff"
    return http


async def test_the_staff_link_opens_the_console_in_one_click(browser: Browser, conn, pool):
    await joined(conn)
    http = await staff_browser(browser, pool)
    home = await http.get("/staff")
    assert home.status_code == 200
    assert "November 2026" in home.text
    assert "Lebanon" in home.text


async def test_staff_find_people_by_number_name_and_address(browser: Browser, conn, pool):
    amina = await joined(conn)
    http = await staff_browser(browser, pool)
    for words in (amina.called, "haddad AMINA", "Amina@Example.org", ""):
        assert "Amina Haddad" in (await http.get("/staff/members", params={"q": words})).text, words
    for words in ("amin", "M-1", "other@example.org", "Amina Brandt"):
        assert "Amina Haddad" not in (await http.get("/staff/members", params={"q": words})).text, words
    assert "Nobody matches" in (await http.get("/staff/members?country=FR&q=amina")).text
    page = await http.get(f"/staff/members/{amina.id}")
    assert "amina@example.org" in page.text
    names = await http.get("/api/members/names", params={"ids": str(amina.id)})
    assert names.json() == {"names": {str(amina.id): "Amina Haddad"}}


async def test_the_list_is_paged_by_number(browser: Browser, conn, pool, monkeypatch):
    monkeypatch.setattr(staff, "PAGE", 2)
    for address in "abc":
        await joined(conn, address=f"{address}@example.org", profile=AMINA)
    http = await staff_browser(browser, pool)
    first = await http.get("/staff/members?country=LB")
    more = re.search(r'href="(/staff/members\?[^"]+before=\d+)"', first.text)
    assert more
    second = await http.get(more[1].replace("&amp;", "&"))
    assert (first.text.count("Amina Haddad"), second.text.count("Amina Haddad")) == (2, 1)


async def test_security_txt_names_a_contact_and_runs_out_within_a_year(browser: Browser, time: Clock):
    answer = await browser().get("/.well-known/security.txt")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "Contact: mailto:" in answer.text
    assert "Expires: 2027-05-25T09:00:00Z" in answer.text


async def test_a_letter_can_be_asked_for_again_once_a_minute(browser: Browser, conn, run_timers, mailroom):
    http = browser()
    await http.post("/join", data=form())
    await run_timers()
    assert (await http.post("/join/sent")).status_code == 303
    slower = await http.post("/join/sent")
    assert slower.status_code == 429
    assert int(slower.headers["retry-after"]) <= 60
    await run_timers()
    assert len(await mailroom.letters(conn)) == 2


async def test_unsubscribing_shows_on_the_profile(browser: Browser, conn, run_timers, mailroom):
    amina = await joined(conn)
    async with conn.transaction():
        await membership.withdraw(conn, amina.id, "surveys", now=NOW)
    http = await signed_in(browser, conn, run_timers, mailroom)
    assert "سُحبت الموافقة" in (await http.get("/me")).text
