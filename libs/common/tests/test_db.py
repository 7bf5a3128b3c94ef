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
