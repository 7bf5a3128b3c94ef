"""The watcher's wiring and deeds."""

from pathlib import Path
from typing import Any

from common.db import Connection
from common.inbox import Consumers
from common.service import Runtime, Service
from common.settings import ServiceSettings
from common.timers import Timers

from toy.events import TreeFelled, TreeGrew, TreeState

UNLUCKY = 66_666
"""A tree of this height shows a bug. None grows so high by itself, however long it grows under load."""

consumers = Consumers("watcher")


class Bug(Exception):
    pass


@consumers.on(TreeGrew)
async def note_growth(grew: TreeGrew, conn: Connection) -> None:
    if grew.height == UNLUCKY:
        raise Bug
    await conn.execute("INSERT INTO heard (tree_id, what, height) VALUES ($1, 'grew', $2)", grew.tree_id, grew.height)


@consumers.on(TreeFelled)
async def note_felling(felled: TreeFelled, conn: Connection) -> None:
    await conn.execute("INSERT INTO heard (tree_id, what) VALUES ($1, 'felled')", felled.tree_id)


@consumers.on_batch(TreeState)
async def keep_trees(states: list[TreeState], conn: Connection) -> None:
    newest = {state.tree_id: state for state in states}
    await conn.execute(
        """
        INSERT INTO known_trees (tree_id, version, height)
        SELECT * FROM unnest($1::text[], $2::bigint[], $3::int[])
        ON CONFLICT (tree_id) DO UPDATE SET version = excluded.version, height = excluded.height
         WHERE known_trees.version < excluded.version
        """,
        list(newest),
        [state.version for state in newest.values()],
        [state.height for state in newest.values()],
    )


@consumers.on_gone(TreeState)
async def forget_the_tree(tree_id: str, version: int, conn: Connection) -> None:
    await conn.execute("DELETE FROM known_trees WHERE tree_id = $1 AND version <= $2", tree_id, version)


def web(runtime: Runtime) -> Any:
    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return app


service = Service(
    name="watcher",
    settings=ServiceSettings,
    migrations=Path(__file__).parent / "migrations",
    consumers=[consumers],
    timers=Timers(),
    web=web,
)
