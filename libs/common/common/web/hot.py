"""Routes that are called thousands of times a second, answered without FastAPI's machinery and in the same words.

Dependencies, exit stacks and response models cost FastAPI about 100 us per request, and a tower of guards 50: more than
all the rest of a join. ``@web.hot`` below ``@router.post(...)`` marks an ordinary endpoint, whose signature says what
it takes: the request, parts of the path, one pydantic body, and dependencies that take no more than that. Who calls it
is led past FastAPI, through all guards in one pass. The ordinary route stays: it stands in the API's document, and what
is not plainly right (another content type, a body that does not fit or is too large, a query) goes there and is
answered as everywhere else.
"""

import inspect
import typing
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.params import Depends
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.routing import compile_path
from starlette.types import Message, Receive, Scope, Send

from common.web.guards import COOKIELESS, Body, completed, limit_of, security_headers, without_cookies
from common.web.problems import apologise
from common.web.requests import REQUEST_ID, header, identified

Endpoint = TypeVar("Endpoint", bound=Callable[..., Awaitable[Response]])


def hot(endpoint: Endpoint) -> Endpoint:
    """Decorates an endpoint that is answered before FastAPI; stands directly above ``async def``."""
    endpoint.__hot__ = True  # type: ignore[attr-defined]
    return endpoint


@dataclass
class Taken:
    """What was taken out of one request."""

    request: Request
    path: dict[str, Any]
    body: Any = None


Ask = Callable[[Taken], Awaitable[Any]]


class HotRoute:
    """One marked endpoint, its signature understood once, when the service starts."""

    def __init__(self, route: APIRoute, *, prefix: str, before: Iterable[Depends]) -> None:
        self.route = route
        self.methods = frozenset(route.methods or ())
        self.pattern, self.path, names = compile_path(prefix + route.path)
        self.limit = limit_of(route.endpoint)
        self.has_cookies = not self.path.startswith(COOKIELESS)
        hints = _hints(route.endpoint)
        if not issubclass(hints.get("return", object), Response):
            raise NotHot(route.endpoint, "has to return a Response")
        self.parts = {name: TypeAdapter(hints[name]) for name in names}
        self._body = next((TypeAdapter(hint) for hint in hints.values() if _is_model(hint)), None)
        dependencies = [one.dependency for one in (*before, *route.dependencies) if one.dependency]
        self._before = [_asking(dependency, frozenset(names)) for dependency in dependencies]
        self._endpoint = _asking(route.endpoint, frozenset(names))

    def take(self, request: Request, matched: dict[str, str], body: bytes) -> Taken | None:
        """None where anything is not plainly right."""
        try:
            path = {name: self.parts[name].validate_python(text) for name, text in matched.items()}
            if self._body is None:
                return Taken(request, path)
            if not header(request.scope, b"content-type").startswith(b"application/json"):
                return None
            return Taken(request, path, self._body.validate_json(body))
        except ValidationError:
            return None

    async def answer(self, taken: Taken) -> Response:
        for ask in self._before:
            await ask(taken)
        response: Response = await self._endpoint(taken)
        return response


def hot_routes(router: APIRouter, *, prefix: str, before: Sequence[Depends]) -> list[HotRoute]:
    return [
        HotRoute(route, prefix=prefix, before=before)
        for route in router.routes
        if isinstance(route, APIRoute) and hasattr(route.endpoint, "__hot__")
    ]


class NotHot(TypeError):
    """The endpoint asks for something that only FastAPI can give."""

    def __init__(self, function: Callable[..., Any], reason: str) -> None:
        super().__init__(f"{function.__module__}.{function.__qualname__} {reason}")


class HotRoutes:
    """Stands before the whole application, and does in one pass what its guards do one after the other."""

    def __init__(self, site: FastAPI, routes: Sequence[HotRoute]) -> None:
        self.app = site.build_middleware_stack()
        self.handlers = site.exception_handlers
        self.headers = security_headers(https=site.state.site.is_https)
        self.exact = {(method, one.path): one for one in routes if not one.parts for method in one.methods}
        self.patterns = [one for one in routes if one.parts]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._find(scope) if scope["type"] == "http" and not scope["query_string"] else None
        if found is None:
            return await self.app(scope, receive, send)
        route, matched = found
        messages, body = await _receive(receive, route.limit)
        again = _once_more(messages, receive)
        taken = None if body is None else route.take(_request(scope, route, again, body), matched, body)
        if taken is None:
            return await self.app(scope, again, send)
        request_id = identified(taken.request.scope)
        tokens = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            response = await self._answer(route, taken)
        finally:
            structlog.contextvars.reset_contextvars(**tokens)
        response.raw_headers = completed(response.raw_headers, self.headers)
        response.raw_headers.append((REQUEST_ID, request_id.encode()))
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> tuple[HotRoute, dict[str, str]] | None:
        method, path = scope["method"], scope["path"]
        if one := self.exact.get((method, path)):
            return one, {}
        for one in self.patterns:
            if method in one.methods and (match := one.pattern.match(path)):
                return one, match.groupdict()
        return None

    async def _answer(self, route: HotRoute, taken: Taken) -> Response:
        try:
            return await route.answer(taken)
        except Exception as error:
            return await self._refuse(taken.request, error)

    async def _refuse(self, request: Request, error: Exception) -> Response:
        """By the handlers of every route."""
        try:
            for kind in type(error).__mro__:
                if handler := self.handlers.get(kind):
                    response: Response = await handler(request, error)  # type: ignore[misc]
                    return response
        except Exception as another:
            return await apologise(request, another)
        return await apologise(request, error)


async def _receive(receive: Receive, limit: int) -> tuple[list[Message], bytes | None]:
    """What arrived, and the whole body; None where it is too large or its sender has gone."""
    messages: list[Message] = []
    size = 0
    while not messages or messages[-1].get("more_body"):
        messages.append(message := await receive())
        size += len(message.get("body", b""))
        if message["type"] != "http.request" or size > limit:
            return messages, None
    return messages, b"".join(message.get("body", b"") for message in messages)


def _request(scope: Scope, route: HotRoute, receive: Receive, body: bytes) -> Request:
    """As it looks behind the guards."""
    seen = scope if route.has_cookies else without_cookies(scope)
    seen["endpoint"], seen["route"] = route.route.endpoint, route.route
    seen["received"] = Body(len(body), complete=True, kept=bytearray(body))
    request = Request(seen, receive)
    request._body = body  # as Request.body() leaves it
    return request


def _once_more(messages: list[Message], receive: Receive) -> Receive:
    """For whoever reads the request from the start."""
    waiting = messages[::-1]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again


def _asking(function: Callable[..., Any], parts: frozenset[str]) -> Ask:
    """How to call it with what was taken from a request."""
    if not inspect.iscoroutinefunction(function):
        raise NotHot(function, "has to be a plain async function")
    simple: list[tuple[str, Callable[[Taken], Any]]] = []
    asked: list[tuple[str, Ask]] = []
    hints = _hints(function)
    for name, parameter in inspect.signature(function).parameters.items():
        if dependency := _dependency(hints.get(name), parameter.default):
            asked.append((name, _asking(dependency, parts)))
        else:
            simple.append((name, _source(function, name, hints.get(name), parts)))

    if not asked and [source for _, source in simple] == [_request_of]:
        return lambda taken: function(taken.request)

    async def ask(taken: Taken) -> Any:
        given = {name: source(taken) for name, source in simple}
        for name, ask_dependency in asked:
            given[name] = await ask_dependency(taken)
        return await function(**given)

    return ask


def _source(function: Callable[..., Any], name: str, hint: Any, parts: frozenset[str]) -> Callable[[Taken], Any]:
    if hint is Request:
        return _request_of
    if name in parts:
        return lambda taken: taken.path[name]
    if _is_model(hint):
        return lambda taken: taken.body
    raise NotHot(function, f"can not take {name}")


def _request_of(taken: Taken) -> Request:
    return taken.request


def _dependency(hint: Any, default: Any) -> Callable[..., Any] | None:
    for mark in (default, *getattr(hint, "__metadata__", ())):
        if isinstance(mark, Depends):
            return mark.dependency
    return None


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, BaseModel)


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    return typing.get_type_hints(function, include_extras=True)
