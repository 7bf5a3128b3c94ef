"""``Idempotency-Key``: the same call sent again gets the same answer, and has had its effect once.

draft-ietf-httpapi-idempotency-key-header: a missing key is 400, another body under the same key 422. A call that
comes while its twin is still at work waits for it and gets its answer.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from common import clock
from common.db import Connection
from common.errors import Invalid, NotAllowed
from common.web.viewers import viewer

MAX_KEY = 255
ANOTHER_REQUEST = "This Idempotency-Key was used for another request. Use a fresh one for each request."


class KeyMissing(NotAllowed):
    """An unsafe call without the header that would make repeating it safe."""

    status = 400


@dataclass(frozen=True, slots=True)
class Call:
    """One call under its key. Another body under the same key is another request."""

    scope: str
    key: str
    body_sha256: bytes

    @property
    def name(self) -> tuple[str, str]:
        """What is unique."""
        return self.scope, self.key


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as it is kept."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, response: Response) -> "Given":
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        return cls(response.status_code, bytes(response.body), headers)

    def response(self, *, replayed: bool = False) -> Response:
        again = {"Idempotency-Replayed": "true"} if replayed else {}
        return Response(self.body, self.status, {**self.headers, **again})


async def read_call(request: Request) -> Call:
    """Raises KeyMissing."""
    who = viewer(request)
    scope = f"{request.method} {request.scope['path']} {who.member_id if who else '-'}"
    return Call(scope, _key(request), hashlib.sha256(await request.body()).digest())


@dataclass
class PastAnswer:
    """The answer the first call got, or None: then do the deed and put the answer here."""

    answer: Response | None = None


@asynccontextmanager
async def idempotent(conn: Connection, request: Request) -> AsyncIterator[PastAnswer]:
    """The insert makes a concurrent twin wait until the first has committed."""
    call = await read_call(request)
    [known] = await claim_calls(conn, [call])
    if isinstance(known, NotAllowed):
        raise known
    past = PastAnswer(known.response(replayed=True) if known else None)
    yield past
    if known is None:
        if past.answer is None:
            raise RuntimeError("A call under an Idempotency-Key has to leave its answer in past.answer")
        await keep_answers(conn, [(call, Given.of(past.answer))])


def answer(content: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A model as the JSON answer that can be kept and given again."""
    return JSONResponse(content.model_dump(mode="json"), status, headers)


async def claim_calls(
    conn: Connection, calls: Sequence[Call], answer: Given | None = None
) -> list[Given | NotAllowed | None]:
    """For each call: None if its key is ours now, else the answer that the first got, or why there is none.

    Each key once. ``answer`` is what all that are new will get; where it is known only afterwards ``keep_answers`` has
    to follow in the same transaction. Sorted, so that two batches which share keys wait in one direction only.
    """
    if not calls:
        return []
    rows = await conn.fetch(
        """
        INSERT INTO idempotency_keys (scope, key, body_sha256, status, headers, body, created_at)
        SELECT scope, key, body_sha256, $4, $5, $6, $7
          FROM unnest($1::text[], $2::text[], $3::bytea[]) AS new (scope, key, body_sha256) ORDER BY scope, key
        ON CONFLICT DO NOTHING RETURNING scope, key
        """,
        [call.scope for call in calls],
        [call.key for call in calls],
        [call.body_sha256 for call in calls],
        answer.status if answer else None,
        answer.headers if answer else None,
        answer.body if answer else None,
        clock.now(),
    )
    if len(rows) == len(calls):
        return [None] * len(calls)
    ours = {(row["scope"], row["key"]) for row in rows}
    known = await _answers_to(conn, [call for call in calls if call.name not in ours])
    return [None if call.name in ours else known[call.name] for call in calls]


async def keep_answers(conn: Connection, answers: Sequence[tuple[Call, Given]]) -> None:
    await conn.execute(
        """
        UPDATE idempotency_keys AS t SET status = new.status, headers = new.headers, body = new.body
          FROM unnest($1::text[], $2::text[], $3::int[], $4::jsonb[], $5::bytea[])
               AS new (scope, key, status, headers, body)
         WHERE t.scope = new.scope AND t.key = new.key
        """,
        [call.scope for call, _ in answers],
        [call.key for call, _ in answers],
        [given.status for _, given in answers],
        [given.headers for _, given in answers],
        [given.body for _, given in answers],
    )


async def release_calls(conn: Connection, calls: Sequence[Call]) -> None:
    """Nothing came of these calls: they may be repeated."""
    if not calls:
        return
    await conn.execute(
        """
        DELETE FROM idempotency_keys AS t USING unnest($1::text[], $2::text[]) AS gone (scope, key)
         WHERE t.scope = gone.scope AND t.key = gone.key
        """,
        [call.scope for call in calls],
        [call.key for call in calls],
    )


async def _answers_to(conn: Connection, calls: Sequence[Call]) -> dict[tuple[str, str], Given | NotAllowed]:
    rows = await conn.fetch(
        """
        SELECT t.* FROM idempotency_keys AS t
          JOIN unnest($1::text[], $2::text[]) AS asked (scope, key) ON t.scope = asked.scope AND t.key = asked.key
        """,
        [call.scope for call in calls],
        [call.key for call in calls],
    )
    kept = {(row["scope"], row["key"]): row for row in rows}
    known: dict[tuple[str, str], Given | NotAllowed] = {}
    for call in calls:
        row = kept.get(call.name)
        if row is None or row["body_sha256"] != call.body_sha256:
            known[call.name] = Invalid(ANOTHER_REQUEST)
        else:
            known[call.name] = Given(row["status"], bytes(row["body"]), row["headers"])
    return known


def _key(request: Request) -> str:
    key = request.headers.get("idempotency-key", "").strip()
    if not key or len(key) > MAX_KEY or not key.isprintable():
        raise KeyMissing("Send an Idempotency-Key header (1 to 255 characters), so that this call may be repeated.")
    return key
