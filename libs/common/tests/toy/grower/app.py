"""The grower's wiring, and its one command."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from common import db, outbox
from common.db import Connection
from common.events import StateEvent
from common.service import Runtime, Service
from common.settings import ServiceSettings
from common.timers import Timers

from toy.events import TreeGrew, TreeState

timers = Timers()


async def grow(conn: Connection, tree_id: str) -> int:
    """Lock, decide, tell: the height is also the version."""
    height: int = await conn.fetchval(
        """
        INSERT INTO trees (tree_id, height) VALUES ($1, 1)
        ON CONFLICT (tree_id) DO UPDATE SET height = trees.height + 1 RETURNING height
        """,
        tree_id,
    )
    await outbox.append(
        conn, TreeGrew(tree_id=tree_id, height=height), TreeState(tree_id=tree_id, version=height, height=height)
    )
    return height


@timers.on("ripen")
async def ripen(tree_id: str, version: int, conn: Connection) -> None:
    """A tree that grows by itself, at its time."""
    await grow(conn, tree_id)


async def present_tree(conn: Connection, tree_id: str) -> StateEvent | None:
    height = await conn.fetchval("SELECT height FROM trees WHERE tree_id = $1 FOR UPDATE", tree_id)
    return TreeState(tree_id=tree_id, version=height, height=height) if height is not None else None


def web(runtime: Runtime) -> Any:
    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        tree_id = parse_qs(scope["query_string"].decode())["tree"][0]
        async with db.transaction(runtime.pool) as conn:
            height = await grow(conn, tree_id)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(height).encode()})

    return app


service = Service(
    name="grower",
    settings=ServiceSettings,
    migrations=Path(__file__).parent / "migrations",
    consumers=[],
    timers=timers,
    web=web,
    states={TreeState: present_tree},
)
