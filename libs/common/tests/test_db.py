"""Migrations and the pool."""

import asyncio

import pytest
from common import db


async def test_migrations_run_once_even_when_three_start_at_once(database, tmp_path):
    folder = tmp_path / "toy" / "migrations"
    folder.mkdir(parents=True)
    (folder / "0001_notes.sql").write_text("CREATE TABLE notes (id int);")
    done = await asyncio.gather(*(db.migrate(database, folder) for _ in range(3)))
    assert sorted(done) == [[], [], ["toy/0001_notes.sql"]]


async def test_an_edited_migration_is_refused(database, tmp_path):
    folder = tmp_path / "toy" / "migrations"
    folder.mkdir(parents=True)
    file = folder / "0001_notes.sql"
    file.write_text("CREATE TABLE notes (id int);")
    await db.migrate(database, folder)
    file.write_text("CREATE TABLE notes (id bigint);")
    with pytest.raises(db.EditedMigration, match=r"toy/0001_notes\.sql"):
        await db.migrate(database, folder)


async def test_json_comes_back_as_python_objects(conn):
    assert await conn.fetchval("SELECT $1::jsonb", {"a": [1, "two"]}) == {"a": [1, "two"]}


async def test_every_column_says_what_it_is_for_who_sees_it_and_how_long(conn):
    silent = await conn.fetch(
        """
        SELECT c.relname || '.' || a.attname AS name FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND a.attnum > 0 AND NOT a.attisdropped AND c.relname <> 'schema_migrations'
           AND col_description(c.oid, a.attnum) IS NULL
        """
    )
    assert [row["name"] for row in silent] == []


ARRAYS = {"list": ["ab", "c"], "tuple": ("ab", "c"), "set": {"ab", "c"}, "frozenset": frozenset({"ab", "c"})}


@pytest.mark.parametrize("given", ARRAYS.values(), ids=ARRAYS)
async def test_an_array_is_a_list_a_tuple_or_a_set_and_texts_in_it_stay_whole(conn, given):
    assert sorted(await conn.fetchval("SELECT $1::text[]", given)) == ["ab", "c"]
    assert await conn.fetchval("SELECT $1::int[]", [[1, 2], [3, 4]]) == [[1, 2], [3, 4]]


async def test_nothing_else_is_an_array(conn):
    """Here asyncpg itself would take it: so this also says whether its slow question is still left out."""
    with pytest.raises(db.asyncpg.DataError, match="sized iterable container"):
        await conn.fetchval("SELECT $1::text[]", {"ab": 1, "c": 2}.keys())
