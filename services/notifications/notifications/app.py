"""The wiring of notifications."""

from pathlib import Path
from typing import cast

from common import web
from common.service import Runtime, Service
from fastapi import FastAPI

from notifications import api, consumers, keyring
from notifications.mailbox.catcher import catch_mails
from notifications.pages import deliveries, mailbox, messages, standing, unsubscribe
from notifications.sending.bounces import listen_for_reports
from notifications.sending.sender import send_mails
from notifications.settings import Settings
from notifications.timers import timers

HERE = Path(__file__).parent


async def read_the_keys(runtime: Runtime) -> None:
    keyring.configure(cast(Settings, runtime.settings))


def make_web(runtime: Runtime) -> FastAPI:
    """The mailbox exists in development only."""
    pages, apis = [unsubscribe.router, messages.router, deliveries.router], [api.router]
    if not runtime.settings.production:
        pages.append(mailbox.router)
        apis.append(api.mailbox)
    return web.create_app(
        runtime,
        pages=pages,
        api=apis,
        templates=HERE / "templates",
        locale=HERE / "locale",
        figures=standing.figures,
    )


service = Service(
    name="notifications",
    settings=Settings,
    migrations=HERE / "migrations",
    consumers=[consumers.letters, consumers.everything, consumers.bulk],
    timers=timers,
    web=make_web,
    background={"sender": send_mails, "mailbox": catch_mails, "bounces": listen_for_reports},
    on_start=read_the_keys,
)
