"""Rules for every template of every service, checked on its source."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pytest
from common.web.i18n import COMMON_LOCALE, Catalogs
from common.web.site import COMMON_TEMPLATES, environment

ROOT = Path(__file__).resolve().parents[4]
FOLDERS = [COMMON_TEMPLATES, *sorted(ROOT.glob("services/*/*/templates"))]


def is_letter(path: Path) -> bool:
    """Mails are shown by mail programs, which know no style sheets of ours."""
    return "letters" in path.parts or "mails" in path.parts


TEMPLATES = [(folder, path) for folder in FOLDERS for path in sorted(folder.rglob("*.html"))]
PAGES = [(folder, path) for folder, path in TEMPLATES if not is_letter(path)]


def named(one: object) -> str:
    return str(one.relative_to(ROOT)) if isinstance(one, Path) else "-"


every_template = pytest.mark.parametrize(("folder", "path"), TEMPLATES, ids=named)
every_page = pytest.mark.parametrize(("folder", "path"), PAGES, ids=named)


def without_comments(path: Path) -> str:
    return re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)


@every_template
def test_a_template_compiles(folder, path):
    environment(folder, Catalogs(COMMON_LOCALE), "en").get_template(str(path.relative_to(folder)))


FORBIDDEN = {
    "an inline style": r"\sstyle\s*=",
    "an inline style sheet": r"<style\b",
    "an inline handler": r"<[^>]*\son[a-z]+\s*=",
    "an inline script": r"<script(?![^>]*\bsrc=)",
    "a script address": r"javascript:",
    "a data image": r"[\"'(]data:",
    "somebody else's server": r"(?:src|<link[^>]*href)\s*=\s*[\"']https?:",
    "unescaped text": r"\|\s*safe\b",
    "escaping switched off": r"autoescape\s+false",
}


@every_page
@pytest.mark.parametrize("what", FORBIDDEN)
def test_a_page_holds_nothing_its_policy_refuses(folder, path, what):
    assert not re.findall(FORBIDDEN[what], without_comments(path)), what


CARRIES_WHAT_WAS_TYPED = {"held.html", "error.html"}
NEEDS_NO_TOKEN = (
    'name="List-Unsubscribe"',  # RFC 8058: mail programs send exactly this, as often as they like
    "{# repeatable",  # the template says why doing it twice is doing it once
)


@every_page
def test_a_form_that_is_posted_carries_its_token(folder, path):
    for form in re.findall(r"<form\b.*?</form>", path.read_text(), re.DOTALL):
        if 'method="post"' in form.partition(">")[0] and path.name not in CARRIES_WHAT_WAS_TYPED:
            assert "once" in form or any(reason in form for reason in NEEDS_NO_TOKEN), form[:200]


@every_page
def test_what_htmx_sends_a_plain_form_sends_too(folder, path):
    for tag in re.findall(r"<\w+[^>]*\shx-(?:post|put|patch|delete)\s*=[^>]*>", without_comments(path)):
        assert tag.startswith("<form"), tag
        assert "action=" in tag, tag
        assert "method=" in tag, tag


def is_for_staff(path: Path) -> bool:
    """In the console, or a part that only such pages take in."""
    if "staff" in path.name or "staff" in path.parts or '"console.html"' in path.read_text():
        return True
    whole = "extends" in path.read_text()
    users = [other for _, other in TEMPLATES if f'{path.name}"' in other.read_text() and other != path]
    return not whole and bool(users) and all(is_for_staff(user) for user in users)


FOR_MEMBERS = [(folder, path) for folder, path in TEMPLATES if not is_for_staff(path) and path.name != "console.html"]


@pytest.mark.parametrize(("folder", "path"), FOR_MEMBERS, ids=named)
def test_whatever_members_read_can_be_translated(folder, path):
    assert list(words_outside_the_catalogs(path)) == []


def words_outside_the_catalogs(path: Path) -> Iterator[str]:
    """Letters in text, or in an attribute that is read out, that no ``_()`` brought."""
    reader = Reader()
    reader.feed(what_stands_in_the_page(path.read_text()))
    yield from reader.words


def what_stands_in_the_page(source: str) -> str:
    """The HTML alone. An expression becomes a space, what stands between trans and endtrans goes."""
    kept, translated = [], False
    for _, kind, text in jinja2.Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.do"]).lex(source):
        if kind == "name" and text in ("trans", "endtrans"):
            translated = text == "trans"
        elif kind == "data" and not translated:
            kept.append(text)
        elif kind == "variable_begin":
            kept.append(" ")
    return "".join(kept)


class Reader(HTMLParser):
    READ_OUT = ("title", "alt", "aria-label", "placeholder")
    NOT_WORDS = ("code", "kbd", "style", "script")

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.NOT_WORDS or ("translate", "no") in attrs:
            self.inside.append(tag)
        self.words += [value for name, value in attrs if name in self.READ_OUT and value and has_words(value)]

    def handle_endtag(self, tag: str) -> None:
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        text = re.sub(r"[\w-]+=\"[^\"]*\"|\b(?:required|checked|selected)\b", "", data)  # a macro that gives attributes
        if not self.inside and has_words(text):
            self.words.append(text.strip())


def has_words(text: str) -> bool:
    """Letters, unless they are a path (``{{ public_url }}/hub``)."""
    return any(letter.isalpha() for letter in text) and not re.fullmatch(r"\s*/\S*\s*", text)


def test_the_rules_find_what_they_look_for(tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text('<p title="Hello" onclick="x">Hi {{ name }} {{ _("known") }}<code>x</code></p>')
    assert list(words_outside_the_catalogs(bad)) == ["Hello", "Hi"]
    assert re.findall(FORBIDDEN["an inline handler"], without_comments(bad))


def test_the_style_sheets_ask_for_nothing_the_policy_refuses():
    for sheet in (COMMON_TEMPLATES.parent / "static").glob("*.css"):
        assert not re.search(r"url\(\s*[\"']?(data:|https?:)|@import", sheet.read_text()), sheet.name


def test_every_icon_a_template_names_is_on_the_list():
    listed = set((COMMON_TEMPLATES.parent / "icons.txt").read_text().split())
    for _, path in TEMPLATES:
        used = re.findall(r"icon\(\s*[\"']([a-z0-9-]+)[\"']|icon_name=[\"']([a-z0-9-]+)[\"']", path.read_text())
        assert {one or other for one, other in used} <= listed, path
