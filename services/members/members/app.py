"""The members service, wired together."""

from pathlib import Path

from common import web
from common.service import Runtime, Service
from fastapi import FastAPI

from members import api, pages
from members.commands.restating import STATES
from members.consumers import consumers
from members.intake.joining import JOINING, open_joining
from members.intake.requests import TURNSTILE
from members.opening import open_the_service
from members.pages.sign_in import authenticate
from members.settings import Settings
from members.timers import timers

HERE = Path(__file__).parent


def make_web(runtime: Runtime) -> FastAPI:
    runtime.resources[TURNSTILE] = web.Turnstile(runtime.pool)
    runtime.resources[JOINING] = open_joining(runtime.pool, api.RECEIVED)
    return web.create_app(
        runtime,
        pages=pages.routers,
        api=[api.router],
        templates=HERE / "templates",
        locale=HERE / "locale",
        authenticate=authenticate,
    )


service = Service(
    name="members",
    settings=Settings,
    migrations=HERE / "migrations",
    consumers=[consumers],
    timers=timers,
    web=make_web,
    on_start=open_the_service,
    states=STATES,
)
