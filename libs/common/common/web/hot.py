"""Routes that are called thousands of times a second, answered without FastAPI's machinery and in the same words.

Dependencies, exit stacks and response models cost FastAPI about 100 us per request, more than all the rest of a join.
``@web.hot`` below ``@router.post(...)`` marks an ordinary endpoint, whose signature says what it takes: the request,
parts of the path, one pydantic body, and dependencies that take no more than that. Who calls it is led past FastAPI,
behind the guards of every route. The ordinary route stays: it stands in the API's document, and whatever is not plainly
right (another content type, a body that does not fit) goes there and is refused as everywhere else.
"""

import inspect
import re
import typing
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.params import Depends
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
        self.pattern, self.path, self._convertors = compile_path(prefix + route.path)
        hints = _hints(route.endpoint)
        if not issubclass(hints.get("return", object), Response):
            raise NotHot(route.endpoint, "has to return a Response")
        self._parts = {name: TypeAdapter(hints[name]) for name in self._convertors}
        self._body = next((TypeAdapter(hint) for hint in hints.values() if _is_model(hint)), None)
        dependencies = [one.dependency for one in (*before, *route.dependencies) if one.dependency]
        self._before = [_asking(dependency, frozenset(self._parts)) for dependency in dependencies]
        self._endpoint = _asking(route.endpoint, frozenset(self._parts))

    async def take(self, request: Request, matched: dict[str, str]) -> Taken | None:
        """None where anything is not plainly right. Raises what reading the body raises."""
        body = await request.body()
        try:
            taken = Taken(request, {name: self._parts[name].validate_python(text) for name, text in matched.items()})
            if self._body is not None:
                if not request.headers.get("content-type", "").startswith("application/json"):
                    return None
                taken.body = self._body.validate_json(body)
        except ValidationError:
            return None
        return taken

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
    """The innermost of the guards."""

    def __init__(self, app: ASGIApp, *, site: FastAPI, routes: Sequence[HotRoute]) -> None:
        self.app = app
        self.handlers = site.exception_handlers
        self.exact = {(method, one.path): one for one in routes if not one._parts for method in one.methods}
        self.patterns = [one for one in routes if one._parts]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._find(scope) if scope["type"] == "http" else None
        if found is None:
            return await self.app(scope, receive, send)
        route, matched = found
        request = Request(scope, receive, send)
        scope["endpoint"], scope["route"] = route.route.endpoint, route.route
        try:
            taken = await route.take(request, matched)
            response = await route.answer(taken) if taken else None
        except Exception as error:
            response = await self._refusal(request, error)
        if response is None:
            return await self.app(scope, _received_again(request), send)
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> tuple[HotRoute, dict[str, str]] | None:
        method, path = scope["method"], scope["path"]
        if one := self.exact.get((method, path)):
            return one, {}
        for one in self.patterns:
            if method in one.methods and (match := re.match(one.pattern, path)):
                return one, match.groupdict()
        return None

    async def _refusal(self, request: Request, error: Exception) -> Response:
        """By the handlers of every route; what none of them knows is for the apology."""
        for kind in type(error).__mro__:
            if handler := self.handlers.get(kind):
                response: Response = await handler(request, error)  # type: ignore[misc]
                return response
        raise error


def _received_again(request: Request) -> Receive:
    """The body, for whoever reads the request from the start."""
    whole: list[Message] = [{"type": "http.request", "body": request._body, "more_body": False}]

    async def receive() -> Message:
        return whole.pop() if whole else await request.receive()

    return receive


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

    if not asked and [source for _, source in simple] == [_request]:
        return lambda taken: function(taken.request)

    async def ask(taken: Taken) -> Any:
        given = {name: source(taken) for name, source in simple}
        for name, ask_dependency in asked:
            given[name] = await ask_dependency(taken)
        return await function(**given)

    return ask


def _source(function: Callable[..., Any], name: str, hint: Any, parts: frozenset[str]) -> Callable[[Taken], Any]:
    if hint is Request:
        return _request
    if name in parts:
        return lambda taken: taken.path[name]
    if _is_model(hint):
        return lambda taken: taken.body
    raise NotHot(function, f"can not take {name}")


def _request(taken: Taken) -> Request:
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
