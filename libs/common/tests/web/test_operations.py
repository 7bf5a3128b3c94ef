"""The operations pages: what waits, what died, and what staff may do about it."""

import re
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from common import db, outbox
from common.testing import as_record, deliver
from common.web.operations import Figure
from toy.events import TreeFelled, TreeGrew
from toy.watcher import app as watcher
from web.browsing import faults_of, open_page, served

from deploy.local import assets

HERE = "/staff/toy/operations"


@pytest.fixture
def service_migrations():
    return [watcher.service.migrations]


@pytest.fixture
async def console(make_site, pool, someone):
    """``await console("admin")``: a client of the watcher's console."""
    watcher.consumers.unlucky.clear()

    async def of(*roles, **more):
        return await make_site(pool=pool, consumers=[watcher.consumers], authenticate=someone(*roles), **more)

    return of


async def bury(conn, tree="oak", *, waiting=1):
    """A letter about a tree that shows a bug, and later facts behind it. The letter's id."""
    late = [TreeGrew(tree_id=tree, height=number) for number in range(1, waiting)]
    await deliver(
        watcher.consumers,
        conn,
        TreeGrew(tree_id=tree, height=watcher.UNLUCKY),
        *late,
        TreeFelled(tree_id=tree),
        expect_dead=True,
    )
    return await conn.fetchval("SELECT id FROM dead_letters WHERE key = $1", tree)


def mended(monkeypatch):
    monkeypatch.setattr(watcher, "UNLUCKY", -1)


def token_of(page, action):
    """The hidden token of the form that leads there."""
    return re.search(rf'action="{re.escape(action)}"[^>]*>\s*<input type="hidden" name="_once" value="([^"]+)"', page)[
        1
    ]


async def heard(conn):
    rows = await conn.fetch("SELECT tree_id, what, height FROM heard ORDER BY place")
    return [(row["tree_id"], row["what"], row["height"]) for row in rows]


async def test_editors_see_what_waits_and_nothing_of_what_it_says(console, pool, conn):
    letter = await bury(conn, waiting=3)
    async with db.transaction(pool) as one:
        await outbox.append(one, TreeFelled(tree_id="ash"), TreeFelled(tree_id="ash"))
    editor = await console("editor")
    page = (await editor.get(HERE)).text
    tiles = dict(re.findall(r'<dt>([^<]+)</dt><dd><span class="figure">([^<]+)</span>', page))
    assert tiles == {"To be published": "2", "Not read yet": "?", "Dead letters": "1", "Waiting behind them": "3"}
    assert all(words in page for words in ("grower.tree.grew.v1", "Bug", "1 keys blocked", str(letter)[-12:]))
    one = (await editor.get(f"{HERE}/letters/{letter}")).text
    assert "oak" in one
    for shown in (page, one):
        assert str(watcher.UNLUCKY) not in re.sub(r"[0-9a-f-]{12,}", "", shown)
        assert "Try again" not in shown


async def test_a_replay_applies_what_waited_in_order_and_only_once(console, conn, monkeypatch):
    letter = await bury(conn, waiting=3)
    mended(monkeypatch)
    admin = await console("admin")
    deed = f"{HERE}/letters/{letter}/replay"
    token = token_of((await admin.get(HERE)).text, deed)
    first, again = [await admin.post(deed, data={"_once": token}) for _ in range(2)]
    assert first.headers["location"] == again.headers["location"] == f"{HERE}?done=replayed"
    in_order = [("oak", "grew", 66_666), ("oak", "grew", 1), ("oak", "grew", 2), ("oak", "felled", None)]
    assert await heard(conn) == in_order
    assert (await admin.post(deed, data={"_once": str(uuid4())})).status_code == 404
    assert await heard(conn) == in_order
    page = (await admin.get(first.headers["location"])).text
    assert "It took effect" in page
    assert "Everything that came took effect." in page


async def test_what_fails_again_stays_with_what_waits_behind_it(console, conn):
    letter = await bury(conn)
    admin = await console("admin")
    answer = await admin.post(f"{HERE}/letters/{letter}/replay", data={"_once": str(uuid4())})
    assert answer.headers["location"] == f"{HERE}?done=again"
    assert "It failed again" in (await admin.get(answer.headers["location"])).text
    assert await heard(conn) == []
    assert await conn.fetchval("SELECT count(*) FROM parked_facts") == 1


async def test_dropping_is_asked_first_and_lets_the_others_go_on(console, conn):
    letter = await bury(conn)
    admin = await console("admin")
    question = await admin.get(f"{HERE}/letters/{letter}/drop")
    assert "Drop this dead letter?" in question.text
    assert await conn.fetchval("SELECT count(*) FROM dead_letters") == 1
    deed = f"{HERE}/letters/{letter}/drop"
    for _ in range(2):
        answer = await admin.post(deed, data={"_once": token_of(question.text, deed)})
        assert answer.headers["location"] == f"{HERE}?done=dropped"
    assert await heard(conn) == [("oak", "felled", None)]
    assert await conn.fetchval("SELECT count(*) FROM blocked_keys") == 0


async def test_only_administrators_act_and_only_staff_look(console, conn):
    letter = await bury(conn)
    editor, member = await console("editor"), await console("member")
    for deed in ("replay", "drop"):
        answer = await editor.post(f"{HERE}/letters/{letter}/{deed}", data={"_once": str(uuid4())})
        assert answer.status_code == 403, deed
    assert (await editor.get(f"{HERE}/letters/{letter}/drop")).status_code == 403
    assert (await member.get(HERE)).status_code == 403
    assert await conn.fetchval("SELECT count(*) FROM dead_letters") == 1


async def test_how_far_behind_is_known_where_the_process_reads_itself(console, conn):
    await deliver(watcher.consumers, conn, as_record(TreeGrew(tree_id="oak", height=1), offset=6))
    partition = await conn.fetchval("SELECT partition FROM positions")
    reads = SimpleNamespace(ends=lambda: {("grower.tree", partition): 10})
    editor = await console("editor", subscriptions={"watcher": reads})
    assert '<dt>Not read yet</dt><dd><span class="figure">3</span>' in (await editor.get(HERE)).text


async def test_a_row_that_kafka_refused_is_named(console, conn):
    await conn.execute(
        "INSERT INTO outbox_dead VALUES (7, $1, 'grower.tree', 'oak', 'MessageSizeTooLargeError', $2)",
        uuid4(),
        await conn.fetchval("SELECT born_at FROM born"),
    )
    assert "MessageSizeTooLargeError" in (await (await console("editor")).get(HERE)).text


async def test_what_only_this_service_knows_stands_beside(console):
    async def figures(conn, now):
        return [Figure("Mails waiting", "12", "reminders wait", "warn")]

    page = (await (await console("editor", figures=figures)).get(HERE)).text
    assert "Mails waiting" in page
    assert 'class="status is-warn">reminders wait' in page


@pytest.mark.slow
@pytest.mark.parametrize("look", [{"viewport": {"width": 360, "height": 740}}, {"color_scheme": "dark"}])
async def test_it_is_for_everybody_on_any_screen(make_app, pool, conn, someone, browser, unused_tcp_port, look):
    letters = [await bury(conn, tree) for tree in ("oak", "ash", f"{uuid4()}")]
    assert all(isinstance(letter, UUID) for letter in letters)
    assets.make_assets()
    home = f"http://localhost:{unused_tcp_port}"
    app = make_app(pool=pool, consumers=[watcher.consumers], authenticate=someone("admin"), public_url=home)
    async with served(app, unused_tcp_port):
        for path in ("", f"/letters/{letters[0]}", f"/letters/{letters[0]}/drop"):
            page, complaints = await open_page(browser, f"{home}{HERE}{path}", **look)
            assert complaints == []
            assert await faults_of(page) == [], path
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
            await page.context.close()
