"""The pages and forms of the system, as people come across them: every page that links lead to."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx
from fastapi import APIRouter
from fastapi.routing import APIRoute

from deploy.local.stack import SERVICES

PAGES_OF_A_KIND = 3
"""So many pages of one address pattern are looked at: a list of hundreds shows one form."""

TYPED = ("text", "email", "search", "url", "tel", "number", "textarea")


@dataclass
class Control:
    """A field, or a button that has a name."""

    name: str
    kind: str
    value: str


@dataclass
class Form:
    """What a browser would send with one of its buttons."""

    action: str
    page: str
    controls: list[Control] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(control.name for control in self.controls))

    @property
    def shape(self) -> tuple[str, ...]:
        """Forms of one route that differ in their fields or in their button are different forms."""
        buttons = [f"{control.name}={control.value}" for control in self.controls if control.kind == "button"]
        return (
            _pattern(self.action),
            *sorted({re.sub(r"\d+|[0-9a-f-]{36}", "#", name) for name in self.names}),
            *buttons,
        )

    def filled(self) -> list[tuple[str, str]]:
        return [(control.name, control.value) for control in self.controls]

    def encoded(self) -> bytes:
        return urlencode(self.filled()).encode()

    def typed(self) -> set[str]:
        """The fields that people write in."""
        return {control.name for control in self.controls if control.kind in TYPED}


def routes_of(method: str) -> dict[str, re.Pattern[str]]:
    """Every address of pages (GET) or that takes a form (POST), by its path as the code declares it."""
    return {
        route.path: route.path_regex
        for service in SERVICES
        for router in _routers(import_module(f"{service}.pages"))
        for route in router.routes
        if isinstance(route, APIRoute) and method in (route.methods or ())
    }


def _routers(pages: Any) -> list[APIRouter]:
    lists = [value for value in vars(pages).values() if isinstance(value, list)]
    return [router for one in lists for router in one if isinstance(router, APIRouter)]


async def forms_found(client: httpx.AsyncClient, start: Iterable[str]) -> list[Form]:
    """On all pages that are found."""
    return forms_of(await pages_found(client, start))


def forms_of(pages: Iterable["Page"]) -> list[Form]:
    """The first of each shape."""
    found: dict[tuple[str, ...], Form] = {}
    for page in pages:
        for form in page.forms:
            found.setdefault(form.shape, form)
    return list(found.values())


async def pages_found(client: httpx.AsyncClient, start: Iterable[str]) -> list["Page"]:
    """By following links, from these pages on."""
    waiting, seen, kinds = list(start), set(start), Counter[str]()
    found: list[Page] = []
    while waiting:
        address = waiting.pop(0)
        kinds[_pattern(address)] += 1
        if kinds[_pattern(address)] > PAGES_OF_A_KIND:
            continue
        answer = await client.get(address, follow_redirects=True)
        assert answer.status_code < 500, f"{address}: {answer.status_code}"
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        found.append(page := read_page(answer.text, str(answer.url.raw_path, "ascii")))
        links = [link for link in page.links if link not in seen]
        seen.update(links)
        waiting += links
    return found


def _pattern(address: str) -> str:
    """Ids and numbers do not make another kind of page, nor does the language; the names of other parameters do."""
    path, _, query = address.partition("?")
    names = sorted({name for name, _ in parse_qsl(query, keep_blank_values=True)} - {"lang", "theme"})
    return re.sub(r"/([0-9a-f-]{36}|\d+|[\w-]{20,})(?=/|$)", "/#", path) + "?" + "&".join(names)


def read_page(text: str, address: str) -> "Page":
    page = Page(address)
    page.feed(text)
    return page


class Page(HTMLParser):
    """Links within the system and forms that change something."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._open: list[Form] = []
        """The form being read, once per button it has shown so far; the first one is without a button."""
        self._select: str | None = None
        self._area: Control | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        match tag:
            case "a" if "href" in given and "download" not in given:
                self._take_link(given["href"])
            case "form" if given.get("method", "get").lower() == "post":
                action = urlsplit(urljoin(self.address, given.get("action") or self.address))
                self._open = [Form(action.path, self.address)]
            case "input" if given.get("type") not in ("checkbox", "radio", "submit") or "checked" in given:
                self._add(given, given.get("type", "text"), given.get("value", ""))
            case "input":
                self._add(given, "choice", given.get("value", "on"))
            case "textarea":
                self._area = self._add(given, "textarea", "")
            case "select":
                self._select = given.get("name")
            case "option" if self._select and (given.get("value") or "selected" in given):
                self._choose(self._select, given.get("value", ""), selected="selected" in given)
            case "button" if given.get("name") and self._open:
                self._add_button(given)

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._area.value += data

    def handle_endtag(self, tag: str) -> None:
        match tag:
            case "textarea":
                self._area = None
            case "select":
                self._select = None
            case "form":
                self.forms += self._open[1:] or self._open
                self._open = []

    def _take_link(self, href: str) -> None:
        there = urlsplit(urljoin(self.address, href))
        if not there.netloc and there.scheme in ("", "http") and "/static/" not in there.path:
            self.links.append(there.path + (f"?{there.query}" if there.query else ""))

    def _add(self, given: dict[str, str], kind: str, value: str) -> Control | None:
        if not self._open or not given.get("name"):
            return None
        control = Control(given["name"], kind, value)
        for form in self._open:
            form.controls.append(control)
        return control

    def _add_button(self, given: dict[str, str]) -> None:
        base = self._open[0]
        one = Form(base.action, base.page, [*base.controls, Control(given["name"], "button", given.get("value", ""))])
        self._open.append(one)

    def _choose(self, name: str, value: str, *, selected: bool) -> None:
        """The selected option, or the first that has a value."""
        for form in self._open:
            mine = [control for control in form.controls if (control.name, control.kind) == (name, "select")]
            if not mine:
                form.controls.append(Control(name, "select", value))
            elif selected:
                mine[0].value = value
