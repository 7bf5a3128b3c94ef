"""The hub, put together."""

from pathlib import Path

from common import web
from common.events.hub import MeetingState, RsvpState
from common.service import Runtime, Service
from fastapi import FastAPI

from hub import api, pages
from hub.commands import meetings, rsvps
from hub.consumers import consumers
from hub.settings import HubSettings
from hub.timers import timers

HERE = Path(__file__).parent


def web_app(runtime: Runtime) -> FastAPI:
    runtime.resources[rsvps.COALESCED] = rsvps.coalesce(runtime.pool)
    return web.create_app(
        runtime, pages=pages.ROUTERS, api=api.ROUTERS, templates=HERE / "templates", locale=HERE / "locale"
    )


async def follow_the_time_zones(runtime: Runtime) -> None:
    """A new version may bring other time-zone data: what it moves is announced before anybody comes too late."""
    await meetings.recompute(runtime.pool)


service = Service(
    name="hub",
    settings=HubSettings,
    migrations=HERE / "migrations",
    consumers=[consumers],
    timers=timers,
    web=web_app,
    on_start=follow_the_time_zones,
    states={MeetingState: meetings.current_state, RsvpState: rsvps.current_state},
)
