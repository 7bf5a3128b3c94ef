"""Staff build a survey and publish versions of it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID, uuid4

from common import clock
from common.db import Connection
from common.errors import Invalid, Sentence

from surveys import store
from surveys.domain.building import first_draft
from surveys.domain.checking import problems
from surveys.domain.definitions import Definition
from surveys.store import Survey

Deed = Callable[[Definition], Definition]


async def begin(conn: Connection, definition: Definition, *, by: UUID) -> Survey:
    survey = Survey(uuid4(), definition, revision=1, changed_at=clock.now())
    await store.add_survey(conn, survey, created_by=by)
    return survey


async def begin_with_a_title(conn: Connection, title: str, languages: Sequence[str], *, by: UUID) -> Survey:
    return await begin(conn, first_draft(title, languages), by=by)


async def change(conn: Connection, survey_id: UUID, deed: Deed) -> Survey:
    """Apply one deed to the draft as it stands: two people who build at the same time keep each other's work.
    Raises Invalid where a limit of the document stands against it."""
    survey = await store.lock_survey(conn, survey_id)
    try:
        changed = deed(survey.definition)
    except ValueError as limit:
        sentence = Sentence("That does not fit: %(limit)s.", limit=limit)  # staff
        raise Invalid(sentence) from None
    return await _save(conn, survey, changed)


async def publish(conn: Connection, survey_id: UUID, *, by: UUID) -> int:
    """The draft as it stands becomes the next version. Raises Invalid while problems are left. Returns the version."""
    survey = await store.lock_survey(conn, survey_id)
    if found := problems(survey.definition):
        raise Invalid(" ".join(problem.sentence for problem in found[:10]))  # staff
    last = await store.latest_version(conn, survey_id)
    if last and await store.get_definition(conn, survey_id, last) == survey.definition:
        return last
    await store.add_version(conn, survey_id, last + 1, survey.definition, published_by=by, now=clock.now())
    return last + 1


async def _save(conn: Connection, survey: Survey, definition: Definition) -> Survey:
    if definition == survey.definition:
        return survey
    changed = replace(survey, definition=definition, revision=survey.revision + 1, changed_at=clock.now())
    await store.save_survey(conn, changed)
    return changed
