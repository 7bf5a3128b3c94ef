"""What all requests of one service share: its templates in each language, its static files, who looks after sign-in."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jinja2
from fastapi import Request

from common.web import charts, times
from common.web.callers import FrontDoors, networks
from common.web.i18n import LANGUAGES, Catalogs
from common.web.static_files import StaticFolder
from common.web.viewers import Authenticate

if TYPE_CHECKING:
    from common.service import Runtime

COMMON_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Site:
    name: str
    runtime: "Runtime"
    catalogs: Catalogs
    static: StaticFolder
    authenticate: Authenticate
    templates: Path
    environments: dict[str, jinja2.Environment] = field(init=False)
    front_doors: FrontDoors = field(init=False)
    public_url: str = field(init=False)
    origin: str = field(init=False)
    """Of our own pages (RFC 6454)."""

    def __post_init__(self) -> None:
        settings = self.runtime.settings
        object.__setattr__(self, "front_doors", FrontDoors(networks(settings.trusted_proxies)))
        object.__setattr__(self, "public_url", settings.public_url.rstrip("/"))
        object.__setattr__(self, "origin", "{0.scheme}://{0.netloc}".format(urlsplit(self.public_url)))
        watch_files = settings.environment == "development"
        environments = {
            language: environment(self.templates, self.catalogs, language, watch_files=watch_files)
            for language in LANGUAGES
        }
        for one in environments.values():
            one.globals["asset"] = self.static.address
        object.__setattr__(self, "environments", environments)

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https:")


def site_of(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


def caller(request: Request) -> str:
    """The address of whoever sent this, as our front doors tell it."""
    return site_of(request).front_doors.caller(request)


def environment(templates: Path, catalogs: Catalogs, language: str, *, watch_files: bool = False) -> jinja2.Environment:
    """The templates of a service over the shared ones, speaking one language.

    An undefined name is an error, not an empty place in a page that somebody finds a year later.
    """
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader([templates, COMMON_TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=watch_files,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    env.install_gettext_translations(catalogs[language], newstyle=True)  # type: ignore[attr-defined]
    env.globals.update(charts=charts, say=lambda sentence: catalogs.say(language, sentence))
    env.filters.update(_filters(language))
    return env


def _filters(language: str) -> dict[str, Any]:
    """``moment|moment(zone)`` and so on; the language is that of the page."""
    return {
        "moment": lambda moment, zone="UTC": times.format_moment(moment, zone, language),
        "day": lambda moment, zone="UTC": times.format_day(moment, zone, language),
        "weekday": lambda moment, zone="UTC": times.format_weekday(moment, zone, language),
        "timeofday": lambda moment, zone="UTC": times.format_timeofday(moment, zone, language),
        "number": lambda number: times.format_number(number, language),
        "zone_name": lambda zone: times.zone_name(zone, language),
    }
