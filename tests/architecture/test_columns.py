"""Every column says what it is for, who may see it and how long it is kept: 'Purpose. Visibility. Retention'."""

import re

import asyncpg
import pytest

from tests.architecture.conftest import Databases
from tests.architecture.source import SERVICES

COLUMNS = """
SELECT c.relname AS "table", a.attname AS "column", coalesce(col_description(c.oid, a.attnum), '') AS comment
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY 1, a.attnum
"""


@pytest.mark.parametrize("service", SERVICES)
async def test_every_column_has_its_purpose_visibility_and_retention(service: str, migrated: Databases):
    assert await unexplained(await migrated.of_service(service)) == []


async def test_so_has_every_column_of_the_vault(migrated: Databases):
    assert await unexplained(await migrated.of_vault()) == []


async def unexplained(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(COLUMNS)
    await connection.close()
    assert rows
    return [f"{row['table']}.{row['column']}: {row['comment']!r}" for row in rows if not is_whole(row["comment"])]


def is_whole(comment: str) -> bool:
    return len([part for part in re.split(r"[.;] ", comment) if part.strip(" .")]) >= 3
