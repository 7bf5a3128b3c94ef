"""The documentation of a service's API and of its events: the documents, and pages made from them by the service
itself, without anybody else's script."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse

from common import asyncapi
from common.errors import NotFound
from common.web.pages import render
from common.web.problems import NOT_HERE
from common.web.site import site_of
from common.web.viewers import viewer

METHODS = ("get", "post", "put", "patch", "delete")


def router(service: str) -> APIRouter:
    """In production for staff only: a map of all doors helps most those who try them."""
    docs = APIRouter(prefix=f"/api/{service}", include_in_schema=False)

    @docs.get("/openapi.json")
    async def openapi(request: Request) -> JSONResponse:
        _for_readers_only(request)
        return JSONResponse(_document(request))

    @docs.get("/docs")
    async def documentation(request: Request) -> HTMLResponse:
        _for_readers_only(request)
        document = _document(request)
        return render(request, "api.html", lang="en", document=document, operations=_operations(document))

    @docs.get("/asyncapi.json")
    async def asyncapi_document(request: Request) -> JSONResponse:
        _for_readers_only(request)
        return JSONResponse(_events(service))

    @docs.get("/events")
    async def events(request: Request) -> HTMLResponse:
        _for_readers_only(request)
        return render(request, "events.html", lang="en", document=_events(service))

    return docs


def _for_readers_only(request: Request) -> None:
    who = viewer(request)
    if site_of(request).runtime.settings.environment == "production" and not (who and who.is_staff):
        raise NotFound(NOT_HERE)


def _document(request: Request) -> dict[str, Any]:
    name = site_of(request).name
    return get_openapi(title=f"{name} API", version="1", routes=request.app.routes)


def _events(service: str) -> dict[str, Any]:
    return asyncapi.document_of(service, version="1")


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"method": method.upper(), "path": path, **document["paths"][path][method]}
        for path in sorted(document["paths"])
        for method in METHODS
        if method in document["paths"][path]
    ]
