"""Surveys as documents: begin, read, replace, check, publish."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from common import web
from fastapi import APIRouter, Body, Request, Response
from pydantic import BaseModel

from surveys import store
from surveys.commands import building as commands
from surveys.domain.checking import problems
from surveys.store import Survey

router = APIRouter(prefix="/definitions", tags=["definitions"])

MIB = 1024 * 1024
Document = Annotated[dict[str, Any], Body(json_schema_extra=store.schema_of_definitions())]


class SurveyFound(BaseModel):
    survey_id: UUID
    revision: int
    changed_at: datetime
    published: int
    """The newest published version; 0 where there is none."""
    problems: list[str]
    """What stands between the draft and its publication."""
    definition: dict[str, Any]


class SurveyListed(BaseModel):
    survey_id: UUID
    titles: dict[str, str]
    languages: list[str]
    published: int
    changed_at: datetime


class Published(BaseModel):
    survey_id: UUID
    version: int


@router.get("")
async def list_definitions(tx: web.Tx, viewer: web.StaffOnly) -> list[SurveyListed]:
    return [
        SurveyListed(**{**row, "survey_id": row["id"], "published": row["published"] or 0})
        for row in await store.list_surveys(tx)
    ]


@router.post("", status_code=201, response_model=SurveyFound)
@web.body_limit(MIB)
async def begin(request: Request, tx: web.Tx, viewer: web.StaffOnly, document: Document) -> Response:
    """A new survey from a whole document."""
    async with web.idempotent(tx, request) as past:
        if past.answer is None:
            survey = await commands.begin(tx, store.read_definition(document), by=viewer.member_id)
            headers = {"Location": f"/api/surveys/definitions/{survey.id}", "ETag": web.etag(survey.revision)}
            past.answer = web.answer(await _found(tx, survey), 201, headers)
    return past.answer


@router.get("/{survey_id}")
async def read(tx: web.Tx, viewer: web.StaffOnly, survey_id: UUID, response: Response) -> SurveyFound:
    survey = await store.get_survey(tx, survey_id)
    response.headers["ETag"] = web.etag(survey.revision)
    return await _found(tx, survey)


@router.put("/{survey_id}")
@web.body_limit(MIB)
async def replace(
    request: Request, tx: web.Tx, viewer: web.StaffOnly, survey_id: UUID, document: Document, response: Response
) -> SurveyFound:
    """The whole draft anew; If-Match names the revision it was made from."""
    definition = store.read_definition(document)
    survey = await store.lock_survey(tx, survey_id)
    web.check_match(request, survey.revision)
    changed = await commands.change(tx, survey_id, lambda _: definition)
    response.headers["ETag"] = web.etag(changed.revision)
    return await _found(tx, changed)


@router.post("/{survey_id}/versions", status_code=201, response_model=Published)
async def publish(request: Request, tx: web.Tx, viewer: web.StaffOnly, survey_id: UUID) -> Response:
    """The draft becomes the next version; 422 names what is missing."""
    async with web.idempotent(tx, request) as past:
        if past.answer is None:
            version = await commands.publish(tx, survey_id, by=viewer.member_id)
            past.answer = web.answer(Published(survey_id=survey_id, version=version), 201)
    return past.answer


async def _found(tx: web.Tx, survey: Survey) -> SurveyFound:
    return SurveyFound(
        survey_id=survey.id,
        revision=survey.revision,
        changed_at=survey.changed_at,
        published=await store.latest_version(tx, survey.id),
        problems=[problem.sentence for problem in problems(survey.definition)],
        definition=store.as_document(survey.definition),
    )
