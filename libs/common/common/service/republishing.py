"""``republish --since``: publish again what a consumer, or a whole Kafka, has lost, from the outbox."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

import typer

from common import outbox
from common.db import Connection
from common.events import REGISTRY, StateEvent
from common.outbox.append import TICK
from common.service.commandline import in_a_transaction
from common.service.shape import Service


@dataclass
class Republished:
    facts: int = 0
    states: int = 0
    emptied: int = 0
    """Rows of sealed topics, whose payload was deleted once acknowledged."""
    without_reader: list[str] = field(default_factory=list)
    """State types for which the service does not say how to read the present state."""


def add_commands(app: typer.Typer, service: Service) -> None:
    @app.command()
    def republish(
        since: Annotated[datetime, typer.Option(help="UTC, such as 2026-11-26T08:00:00.")],
        event_type: Annotated[str | None, typer.Option("--type", help="Only this type.")] = None,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    ) -> None:
        """Publish again what was told since then: facts with the same ids, states as they are now."""
        moment = since if since.tzinfo else since.replace(tzinfo=UTC)

        async def act(conn: Connection) -> Republished:
            return await republish_since(service, conn, moment, event_type=event_type, dry_run=dry_run)

        done = in_a_transaction(service, act)
        typer.echo(f"{done.facts} facts, {done.states} states{' would be' if dry_run else ''} published again")
        if done.emptied:
            typer.echo(f"{done.emptied} sealed rows are empty and stay unpublished: their owner issues them anew")
        for missing in done.without_reader:
            typer.echo(f"{missing}: this service does not say how to read the present state", err=True)
        if done.without_reader:
            raise typer.Exit(1)


async def republish_since(
    service: Service, conn: Connection, since: datetime, *, event_type: str | None = None, dry_run: bool = False
) -> Republished:
    done = Republished()
    rows = await conn.fetch(
        """
        SELECT type, count(*) FILTER (WHERE payload IS NOT NULL) AS full,
               count(*) FILTER (WHERE payload IS NULL AND NOT gone) AS emptied
          FROM outbox WHERE created_at >= $1 AND type <> $2 AND ($3::text IS NULL OR type = $3)
         GROUP BY type ORDER BY type
        """,
        since,
        TICK,
        event_type,
    )
    for row in rows:
        event_class = REGISTRY[row["type"]]
        if issubclass(event_class, StateEvent):
            done.states += await _states_again(service, conn, event_class, since, done, dry_run=dry_run)
        else:
            done.facts += row["full"]
            done.emptied += row["emptied"]
            if not dry_run:
                await _facts_again(conn, row["type"], since)
    return done


async def _facts_again(conn: Connection, event_type: str, since: datetime) -> None:
    """The same event ids and times: whoever had them already lets them pass."""
    await conn.execute(
        """
        INSERT INTO outbox (event_id, topic, key, partition, type, version, payload, gone, created_at)
        SELECT event_id, topic, key, partition, type, version, payload, gone, created_at
          FROM (SELECT DISTINCT ON (event_id) * FROM outbox
                 WHERE type = $1 AND created_at >= $2 AND payload IS NOT NULL ORDER BY event_id, id) AS told
         ORDER BY told.id
        """,
        event_type,
        since,
    )


async def _states_again(
    service: Service,
    conn: Connection,
    event_class: type[StateEvent],
    since: datetime,
    done: Republished,
    *,
    dry_run: bool,
) -> int:
    """Never a copy of the row: an older state published after a newer one would be the one compaction keeps."""
    present = service.states.get(event_class)
    if present is None:
        done.without_reader.append(event_class.type)
        return 0
    keys = await conn.fetch(
        "SELECT key, max(version) AS version FROM outbox WHERE type = $1 AND created_at >= $2"
        " GROUP BY key ORDER BY key",
        event_class.type,
        since,
    )
    if dry_run:
        return len(keys)
    for row in keys:
        state = await present(conn, row["key"])
        if state is not None:
            await outbox.append(conn, state)
        else:
            await outbox.append_gone(conn, event_class, row["key"], row["version"])
    return len(keys)
