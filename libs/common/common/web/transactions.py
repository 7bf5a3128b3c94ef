"""The database transaction of a request."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from common import db
from common.db import Connection
from common.web.site import site_of


async def transaction(request: Request) -> AsyncIterator[Connection]:
    async with db.transaction(site_of(request).runtime.pool) as conn:
        yield conn


# "function": commit before the answer goes out. FastAPI's default commits after it, and a failed
# commit would then follow a "201 Created".
Tx = Annotated[Connection, Depends(transaction, scope="function")]
