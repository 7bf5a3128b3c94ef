"""Surveys as they are built, and their published versions."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from common.db import Connection
from common.errors import NotFound

from surveys.domain.definitions import Definition
from surveys.store.documents import as_document, read_definition


@dataclass(frozen=True)
class Survey:
    id: UUID
    definition: Definition
    revision: int
    changed_at: datetime


async def add_survey(conn: Connection, survey: Survey, *, created_by: UUID) -> None:
    await conn.execute(
        """
        INSERT INTO surveys (id, definition, revision, created_by, created_at, changed_at)
        VALUES ($1, $2, $3, $4, $5, $5)
        """,
        survey.id,
        as_document(survey.definition),
        survey.revision,
        created_by,
        survey.changed_at,
    )


async def get_survey(conn: Connection, survey_id: UUID) -> Survey:
    """Raises NotFound."""
    return _survey(
        await conn.fetchrow("SELECT id, definition, revision, changed_at FROM surveys WHERE id = $1", survey_id)
    )


async def lock_survey(conn: Connection, survey_id: UUID) -> Survey:
    """Raises NotFound."""
    return _survey(
        await conn.fetchrow(
            "SELECT id, definition, revision, changed_at FROM surveys WHERE id = $1 FOR UPDATE", survey_id
        )
    )


async def save_survey(conn: Connection, survey: Survey) -> None:
    await conn.execute(
        "UPDATE surveys SET definition = $2, revision = $3, changed_at = $4 WHERE id = $1",
        survey.id,
        as_document(survey.definition),
        survey.revision,
        survey.changed_at,
    )


async def list_surveys(conn: Connection) -> list[dict[str, Any]]:
    """The newest change first, each with its last published version (None: not published)."""
    rows = await conn.fetch(
        """
        SELECT id, definition -> 'titles' AS titles, definition -> 'languages' AS languages, changed_at,
               (SELECT max(version) FROM survey_versions WHERE survey_id = surveys.id) AS published
        FROM surveys ORDER BY changed_at DESC, id LIMIT 200
        """
    )
    return [dict(row) for row in rows]


async def latest_version(conn: Connection, survey_id: UUID) -> int:
    """0 where nothing was published."""
    version: int = await conn.fetchval(
        "SELECT coalesce(max(version), 0) FROM survey_versions WHERE survey_id = $1", survey_id
    )
    return version


async def add_version(
    conn: Connection, survey_id: UUID, version: int, definition: Definition, *, published_by: UUID, now: datetime
) -> None:
    await conn.execute(
        """
        INSERT INTO survey_versions (survey_id, version, definition, mode, published_by, published_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        survey_id,
        version,
        as_document(definition),
        definition.mode,
        published_by,
        now,
    )


async def get_definition(conn: Connection, survey_id: UUID, version: int) -> Definition:
    """Raises NotFound. Read once per process: a version never changes, and building the model is what costs."""
    known = _versions.get((survey_id, version))
    if known is None:
        document = await conn.fetchval(
            "SELECT definition FROM survey_versions WHERE survey_id = $1 AND version = $2", survey_id, version
        )
        if document is None:
            raise NotFound("This version of the survey does not exist.")  # staff
        known = _versions[survey_id, version] = read_definition(document)
        while len(_versions) > MOST_VERSIONS_IN_MEMORY:
            _versions.popitem(last=False)
    return known


MOST_VERSIONS_IN_MEMORY = 200
_versions: OrderedDict[tuple[UUID, int], Definition] = OrderedDict()


def _survey(row: Any) -> Survey:
    if row is None:
        raise NotFound("This survey does not exist.")  # staff
    return Survey(row["id"], read_definition(row["definition"]), row["revision"], row["changed_at"])
