"""The operations pages on a small phone, as full as on a bad day: everything wraps, nothing sticks out."""

from types import SimpleNamespace
from uuid import uuid4

import pytest
from common.testing import deliver
from common.web.operations import Figure
from toy.events import TreeFelled, TreeGrew
from toy.watcher import app as watcher
from web.browsing import open_page, served, sticking_out

from deploy.local import assets
from deploy.local.chromium import chromium, enlarge_text

pytestmark = pytest.mark.slow

HERE = "/staff/toy/operations"
PHONE = {"viewport": {"width": 360, "height": 740}, "java_script_enabled": False}

MANY = 7_654_321
PARTITIONS = 64
GROUPS = ("notifications.letters", "notifications.bulk", "a_group_whose_name_has_no_place_to_break_it_anywhere_at_all")
READ = ("surveys.participation", "members.contact.state", "members.erasure.state", f"grower.{'tree' * 16}.state")
FIGURES = [
    Figure("Bulk mail waiting", f"{MANY:,}", f"and {MANY:,} blocks of members"),
    Figure("Answers known until", "11 s ago", "bulk mail may leave", "ok"),
    Figure("Reminders waiting", f"{MANY:,}", "not every partition has ticked yet", "warn"),
    Figure("En attente de confirmation", f"{MANY * 1000:,}", "anticonstitutionnellement irresponsabilité", "bad"),
    Figure("المستجيبون للاستبيانات", f"{MANY:,}", "وبالاستراتيجيات المستقبلية فسيستخدمونهما", "info"),
]


async def figures(conn, now):
    return FIGURES


@pytest.fixture
def service_migrations():
    return [watcher.service.migrations]


@pytest.fixture
async def letter(conn):
    """Of a bad day: two dead letters (one with a key that nothing breaks), rows that Kafka refused, much unread."""
    watcher.consumers.unlucky.clear()
    for tree in (str(uuid4()), "oak" * 30):
        grew = TreeGrew(tree_id=tree, height=watcher.UNLUCKY)
        await deliver(watcher.consumers, conn, grew, TreeFelled(tree_id=tree), expect_dead=True)
    await conn.executemany(
        "INSERT INTO positions VALUES ($1, $2, $3, $4)",
        [(group, topic, number, MANY) for group in GROUPS for topic in READ for number in range(PARTITIONS)],
    )
    await conn.execute(
        "INSERT INTO outbox_dead VALUES ($1, $2, 'grower.tree', $3, 'MessageSizeTooLargeError', $4)",
        MANY,
        uuid4(),
        str(uuid4()),
        await conn.fetchval("SELECT born_at FROM born"),
    )
    return await conn.fetchval("SELECT id FROM dead_letters ORDER BY key LIMIT 1")


@pytest.fixture
async def home(make_app, pool, someone, letter, unused_tcp_port):
    assets.make_assets()
    ends = {(topic, number): MANY + MANY for topic in READ for number in range(PARTITIONS)}
    home = f"http://localhost:{unused_tcp_port}"
    app = make_app(
        pool=pool,
        consumers=[watcher.consumers],
        subscriptions={group: SimpleNamespace(ends=lambda: ends) for group in GROUPS},
        figures=figures,
        authenticate=someone("admin"),
        public_url=home,
    )
    async with served(app, unused_tcp_port):
        yield home


@pytest.mark.parametrize("times", [1, 2], ids=["text as usual", "text twice as large"])
async def test_nothing_sticks_out_however_much_waits(home, letter, times):
    """In either direction: the console speaks English so far, its style sheet does not know that."""
    async with chromium() as browser:
        for path in ("", f"/letters/{letter}", f"/letters/{letter}/drop"):
            page, _ = await open_page(browser, f"{home}{HERE}{path}", **PHONE)
            await enlarge_text(page, times)
            for direction in ("ltr", "rtl"):
                await page.evaluate("direction => { document.documentElement.dir = direction }", direction)
                assert await sticking_out(page) == [], f"{path} {direction}"
            await page.context.close()
