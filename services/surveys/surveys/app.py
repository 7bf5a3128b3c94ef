"""Surveys, put together."""

from pathlib import Path

from common import sealing, web
from common.db import Connection
from common.events.surveys import CampaignKeyState, CampaignState
from common.service import Runtime, Service
from fastapi import FastAPI

from surveys import api, pages
from surveys.commands import campaigns
from surveys.consumers import consumers
from surveys.pages.answering import SENDINGS, coalesce
from surveys.settings import SurveysSettings, settings
from surveys.tally import tally
from surveys.timers import timers

HERE = Path(__file__).parent


def web_app(runtime: Runtime) -> FastAPI:
    runtime.resources[SENDINGS] = coalesce(runtime.pool)
    return web.create_app(
        runtime, pages=pages.ROUTERS, api=api.ROUTERS, templates=HERE / "templates", locale=HERE / "locale"
    )


async def current_key(conn: Connection, key: str) -> CampaignKeyState | None:
    """For ``republish``: sealed anew, because the first sealed text was forgotten once Kafka had it."""
    return await campaigns.current_key(
        conn, key, sealed_for=sealing.load_public(settings().notifications_public_key_file)
    )


service = Service(
    name="surveys",
    settings=SurveysSettings,
    migrations=HERE / "migrations",
    consumers=[consumers],
    timers=timers,
    web=web_app,
    background={"tally": tally},
    states={CampaignState: campaigns.current_state, CampaignKeyState: current_key},
)
