"""``Idempotency-Key``: the same call sent again gets the same answer, and has had its effect once.

draft-ietf-httpapi-idempotency-key-header: a missing key is 400, another body under the same key 422. A call that
comes while its twin is still at work waits for it and gets its answer.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from common import clock
from common.db import Connection
from common.errors import Invalid, NotAllowed
from common.web.viewers import viewer

MAX_KEY = 255


class KeyMissing(NotAllowed):
    """An unsafe call without the header that would make repeating it safe."""

    status = 400


@dataclass
class PastAnswer:
    """The answer the first call got, or None: then do the deed and put the answer here."""

    answer: Response | None = None


@asynccontextmanager
async def idempotent(conn: Connection, request: Request) -> AsyncIterator[PastAnswer]:
    """The insert makes a concurrent twin wait until the first has committed."""
    scope, key = _scope(request), _key(request)
    digest = hashlib.sha256(await request.body()).digest()
    first = await conn.fetchval(
        """
        INSERT INTO idempotency_keys (scope, key, body_sha256, created_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING RETURNING true
        """,
        scope,
        key,
        digest,
        clock.now(),
    )
    if not first:
        yield PastAnswer(await _answer_of(conn, scope, key, digest))
        return
    past = PastAnswer()
    yield past
    await _keep(conn, scope, key, past.answer)


def answer(content: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A model as the JSON answer that can be kept and given again."""
    return JSONResponse(content.model_dump(mode="json"), status, headers)


async def _answer_of(conn: Connection, scope: str, key: str, digest: bytes) -> Response:
    row = await conn.fetchrow("SELECT * FROM idempotency_keys WHERE scope = $1 AND key = $2", scope, key)
    if row is None or row["body_sha256"] != digest:
        raise Invalid("This Idempotency-Key was used for another request. Use a fresh one for each request.")
    return Response(bytes(row["body"]), row["status"], {**row["headers"], "Idempotency-Replayed": "true"})


async def _keep(conn: Connection, scope: str, key: str, given: Response | None) -> None:
    if given is None:
        raise RuntimeError("A call under an Idempotency-Key has to leave its answer in past.answer")
    await conn.execute(
        "UPDATE idempotency_keys SET status = $3, headers = $4, body = $5 WHERE scope = $1 AND key = $2",
        scope,
        key,
        given.status_code,
        {name: value for name, value in given.headers.items() if name != "content-length"},
        bytes(given.body),
    )


def _scope(request: Request) -> str:
    who = viewer(request)
    return f"{request.method} {request.url.path} {who.member_id if who else '-'}"


def _key(request: Request) -> str:
    key = request.headers.get("idempotency-key", "").strip()
    if not key or len(key) > MAX_KEY or not key.isprintable():
        raise KeyMissing("Send an Idempotency-Key header (1 to 255 characters), so that this call may be repeated.")
    return key
