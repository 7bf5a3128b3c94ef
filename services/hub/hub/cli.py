"""``python -m hub``: what every service can be told, and what only the hub can."""

import asyncio

import typer
from common import db

from hub.commands import meetings as commands
from hub.settings import HubSettings

meetings = typer.Typer(help="Virtual meetings.", no_args_is_help=True)


@meetings.callback()
def about() -> None:
    """Virtual meetings."""


@meetings.command()
def recompute() -> None:
    """Derive UTC anew from the time-zone data of this machine; what moves is announced. Also done at each start."""
    for meeting_id in asyncio.run(_recompute(HubSettings())):
        typer.echo(f"moved {meeting_id}")


async def _recompute(settings: HubSettings) -> list[str]:
    pool = await db.open_pool(settings.database_url, application_name="hub recompute")
    try:
        return [str(meeting_id) for meeting_id in await commands.recompute(pool)]
    finally:
        await pool.close()
