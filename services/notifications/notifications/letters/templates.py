"""The templates of the letters, rendered into moulds: once per purpose, language and shape."""

import re
from functools import cache
from pathlib import Path

import css_inline
import jinja2
from common.web.i18n import LANGUAGES, Catalogs, direction
from markupsafe import Markup

from notifications.letters.mould import Mould, as_html, as_text, form, place

TEMPLATES = Path(__file__).parent.parent / "templates"
LOCALE = Path(__file__).parent.parent / "locale"

CATALOGS = Catalogs(LOCALE)
_INLINER = css_inline.CSSInliner(keep_style_tags=False, load_remote_stylesheets=False)


@cache
def mould(purpose: str, language: str, network: str, **shape: bool) -> Mould:
    """``shape`` are the few choices a template makes (has a name, is cancelled ...). Rendered once, then kept."""
    context = {"lang": language, "dir": direction(language), "network": network, **shape}
    page = _environment(language, markup=True).get_template(f"letters/{purpose}.html").render(context)
    words = _environment(language, markup=False).get_template(f"letters/{purpose}.txt").render(context)
    return Mould(text=form(_tidy(words), as_text), html=form(_INLINER.inline(page), as_html))


def language_for(wanted: str) -> str:
    """pt-BR -> pt -> en: the nearest language there are letters in."""
    base = wanted.partition("-")[0].lower()
    return base if base in LANGUAGES else "en"


def say(language: str, sentence: str) -> str:
    return CATALOGS.say(language, sentence)


@cache
def _environment(language: str, *, markup: bool) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=markup,  # noqa: S701 - the other form is plain text
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(CATALOGS[language], newstyle=True)  # type: ignore[attr-defined]
    isolated = _isolated_in_a_page if markup else _isolated_in_text
    environment.globals.update(slot=place, isolated=isolated, lines=lambda name: place(name, lines=True))
    return environment


def _isolated_in_a_page(name: str) -> Markup:
    return Markup("<bdi>{}</bdi>").format(place(name))


def _isolated_in_text(name: str) -> str:
    """FIRST STRONG ISOLATE and its end: a Latin name does not turn an Arabic sentence round."""
    return f"\u2068{place(name)}\u2069"


def _tidy(words: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", words).strip() + "\n"
