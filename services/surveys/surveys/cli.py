"""``python -m surveys``: what every service can be told, and what only surveys can."""

import asyncio
from uuid import UUID

import typer
from common import db

from surveys.commands import recounting
from surveys.settings import SurveysSettings

tally = typer.Typer(help="Counters of the results.", no_args_is_help=True)


@tally.callback()
def about() -> None:
    """Counters of the results."""


@tally.command()
def check(campaign_id: UUID) -> None:
    """Recount a campaign from its answers and compare; ends with 1 where a counter differs."""
    differences = asyncio.run(_check(SurveysSettings(), campaign_id))
    for place, (counted, recounted) in sorted(differences.items()):
        typer.echo(f"{' '.join(place)}: counted {counted}, recounted {recounted}")
    raise typer.Exit(1 if differences else 0)


async def _check(settings: SurveysSettings, campaign_id: UUID) -> recounting.Differences:
    pool = await db.open_pool(settings.database_url, application_name="surveys tally check")
    try:
        return await recounting.compare(pool, campaign_id)
    finally:
        await pool.close()
