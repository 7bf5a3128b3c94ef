"""The web role of a service: its pages, its API under ``/api/<service>``, its static files, and the guards of all."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, FastAPI
from starlette.types import Receive, Scope, Send

from common.web import api_docs, operations, problems
from common.web.guards import COOKIELESS, BodyLimit, Cookieless, SecurityHeaders, refuse_cross_origin
from common.web.hot import HotRoute, HotRoutes, hot_routes
from common.web.i18n import Catalogs
from common.web.requests import HeadAsGet, RememberedChoices, RequestId
from common.web.sessions import by_token, renew_when_due
from common.web.site import Site
from common.web.static_files import StaticFolder
from common.web.viewers import Authenticate, identify

if TYPE_CHECKING:
    from common.service import Runtime


def create_app(
    runtime: "Runtime",
    *,
    pages: Sequence[APIRouter],
    api: Sequence[APIRouter],
    templates: Path,
    locale: Path,
    authenticate: Authenticate | None = None,
    figures: operations.Figures | None = None,
) -> FastAPI:
    """``templates`` and ``locale`` are the service's folders; a folder ``static`` beside them is served too.

    ``authenticate`` tells who sent a request; without it the access token does (see sessions). ``figures`` is what the
    service adds to its operations page.
    """
    name = runtime.service.name
    static = StaticFolder(name, templates.parent / "static")
    app = Application(title=name, openapi_url=None, docs_url=None, redoc_url=None)
    app.state.runtime = runtime
    app.state.site = Site(name, runtime, Catalogs(locale), static, authenticate or by_token, templates)

    hot: list[HotRoute] = []
    guards = [Depends(refuse_cross_origin), Depends(identify)]
    for router in api:
        app.include_router(router, prefix=f"/api/{name}", dependencies=guards)
        hot += hot_routes(router, prefix=f"/api/{name}", before=guards)
    app.include_router(api_docs.router(name), dependencies=guards)
    guards.append(Depends(renew_when_due))
    for router in (operations.router(name, figures), *pages):
        app.include_router(router, dependencies=guards, include_in_schema=False)
        hot += hot_routes(router, prefix="", before=guards)
    app.mount(static.mounted_at, static)

    problems.install(app)
    _guard(app)
    app.middleware_stack = HotRoutes(app, hot)
    return app


class Application(FastAPI):
    """Straight to the hot routes: what FastAPI looks up for traces before each request costs more than finding them."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        assert self.middleware_stack is not None  # noqa: S101 - made above
        await self.middleware_stack(scope, receive, send)


def _guard(app: FastAPI) -> None:
    """From the inside out: the last one added sees a request first."""
    app.add_middleware(problems.Apology)
    app.add_middleware(BodyLimit)
    app.add_middleware(RememberedChoices)
    app.add_middleware(SecurityHeaders, https=app.state.site.is_https)
    app.add_middleware(HeadAsGet)
    app.add_middleware(Cookieless, prefixes=COOKIELESS)
    app.add_middleware(RequestId)
