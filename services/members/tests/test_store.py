"""The SQL against the real schema, and what the schema says about itself."""

import ast
import asyncio
from pathlib import Path

import members.store
import pytest
from common.db import Connection, Pool, migrate, transaction
from common.testing import make_template
from members.commands import applications
from members.keyring import token_hash
from members.opening import VAULT_MIGRATIONS
from members.store import applications as stored_applications
from members.store import members as people
from members.store import vault

from .factories import AMINA, NOW, applied, joined, profile

STORE = Path(members.store.__file__).parent
VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "LOCK")


def statements(module: Path) -> list[str]:
    texts = [node.value for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Constant)]
    return [text for text in texts if isinstance(text, str) and text.lstrip().startswith(VERBS)]


@pytest.mark.parametrize("module", sorted(STORE.glob("*.py")), ids=lambda path: path.stem)
async def test_every_statement_fits_the_schema(module: Path, conn: Connection, vault: Pool):
    async with vault.acquire() as keys:
        for statement in statements(module):
            if statement.lstrip().startswith("LOCK"):
                continue  # utility statements can not be prepared
            await (keys if module.stem == "vault" else conn).prepare(statement)


UNCOMMENTED = """
    SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND c.relname <> 'schema_migrations' AND a.attnum > 0 AND NOT a.attisdropped
      AND coalesce(col_description(c.oid, a.attnum), '') !~ $1
"""


async def test_every_column_says_what_it_is_for_who_sees_it_and_how_long_it_stays(conn, vault):
    ours = [table for (table,) in await conn.fetch("SELECT relname FROM pg_class WHERE relkind = 'r'")]
    assert "members" in ours
    in_three_sentences = r"^.+\. .*(Visible|Public).*\. .+\.$"
    missing = {name for (name,) in await conn.fetch(UNCOMMENTED, in_three_sentences)}
    own = {"applications", "pending_letters", "members", "member_name_words", "consents", "roles", "growth"}
    own |= {"sign_ins", "sessions", "signing_keys", "erasures", "erasure_answers"}
    assert {name for name in missing if name.partition(".")[0] in own} == set()
    assert await vault.fetch(UNCOMMENTED, in_three_sentences) == []


async def test_the_vault_migrates_safely_when_three_start_at_once(vault: Pool):
    url = await make_template_url()
    assert sorted(map(len, await asyncio.gather(*(migrate(url, VAULT_MIGRATIONS) for _ in range(3))))) == [0, 0, 0]


async def make_template_url() -> str:
    import os

    from common.testing import named_database

    server = os.environ["TEST_POSTGRES_URL"]
    return named_database(server, await make_template(server, [VAULT_MIGRATIONS]))


async def test_the_same_service_key_is_found_by_whoever_starts_second(keyring):
    again = await asyncio.gather(*(vault.service_key(keyring.vault, "blind indexes", now=NOW) for _ in range(5)))
    assert set(again) == {keyring.index_key}


async def test_what_was_encrypted_for_one_column_is_not_read_in_another(keyring):
    from uuid import uuid4

    from cryptography.exceptions import InvalidTag

    key = await vault.new_key(uuid4(), now=NOW)
    stored = key.encrypt("members", "name", "Amina")
    assert key.decrypt("members", "name", stored) == "Amina"
    for place in (("members", "address"), ("applications", "name")):
        with pytest.raises(InvalidTag):
            key.decrypt(*place, stored)


async def test_renaming_forgets_the_old_words(conn):
    amina = await joined(conn)
    renamed = amina.described_as(profile(name="Amina Khoury"))
    async with conn.transaction():
        await people.save_member(conn, renamed)
    words = {row["word"] for row in await conn.fetch("SELECT word FROM member_name_words")}
    from members.keyring import keyring

    assert words == set(keyring().word_indexes("Khoury amina"))


async def test_an_address_has_one_member_even_if_two_links_are_opened_at_the_same_moment(pool: Pool, conn):
    tokens = []
    for n in range(8):
        application_id = await applied(conn)
        tokens.append(f"token {n}")
        await stored_applications.save_token(
            conn, application_id, token_hash(tokens[-1]), expires_at=NOW.replace(year=2027)
        )

    async def open_link(token: str):
        async with transaction(pool) as one:
            return await applications.confirm(one, token, now=NOW)

    opened = await asyncio.gather(*(open_link(token) for token in tokens))
    assert len({member.id for member in opened}) == 1
    assert await conn.fetchval("SELECT count(*) FROM members") == 1
    assert await conn.fetchval("SELECT sum(people) FROM growth WHERE change = 'joined'") == 1


async def test_of_two_clicks_on_one_link_one_confirms(pool: Pool, conn):
    application_id = await applied(conn)
    await stored_applications.save_token(conn, application_id, token_hash("t"), expires_at=NOW.replace(year=2027))

    async def open_link():
        async with transaction(pool) as one:
            return await applications.confirm(one, "t", now=NOW)

    outcomes = await asyncio.gather(*(open_link() for _ in range(10)), return_exceptions=True)
    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
    assert {type(outcome).__name__ for outcome in outcomes} == {"Member", "AlreadyConfirmed"}


async def test_a_member_is_read_as_she_was_written(conn):
    amina = await joined(conn)
    assert (await people.get_member(conn, amina.id)) == amina
    assert amina.profile == AMINA
