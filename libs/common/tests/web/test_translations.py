"""Members and visitors read everything in their language. ``python -m common.web.messages`` lists what is missing."""

from pathlib import Path

import pytest
from common.web import messages

ROOT = Path(__file__).resolve().parents[4]
COMMON = ROOT / "libs/common/common/web"
PACKAGES = [COMMON, *sorted(path.parent for path in ROOT.glob("services/*/*/__init__.py"))]

every_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)


@every_package
def test_every_sentence_is_there_in_every_language(package):
    assert messages.faults(package) == []


@every_package
def test_no_sentence_is_put_together_where_no_catalog_can_follow(package):
    assert messages.unsayable(package) == []


def write(package: Path, name: str, text: str) -> None:
    path = package / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


SAYS = """
from common.errors import NotAllowed, Sentence
TOO_LATE = "It is too late."
class SeatTaken(NotAllowed): ...
def answer(form, late, n):
    form.text("name", required="Write your name")
    form.refuse("name", "Not that name")
    if late:
        raise NotAllowed(TOO_LATE)
    raise SeatTaken(Sentence("%(n)s seats are left", n=n) if n else "No seat is left")
    raise NotAllowed("Only staff see this")  # staff
"""


@pytest.fixture
def package(tmp_path):
    package = tmp_path / "toy"
    write(package, "commands.py", SAYS)
    write(package, "staff/pages.py", 'raise NotAllowed("Read by staff")')
    write(package, "templates/page.html", '{{ _("Hello") }} {{ ngettext("One seat", "%(num)s seats", 3) }}')
    return package


def test_sentences_are_found_in_python_and_in_templates(package):
    assert set(messages.wanted(package)) == {
        "Write your name",
        "Not that name",
        "It is too late.",
        "%(n)s seats are left",
        "No seat is left",
        "Hello",
        ("One seat", "%(num)s seats"),
    }


def test_a_sentence_made_on_the_spot_is_reported(package):
    write(package, "domain.py", 'def f(n):\n    raise NotAllowed(f"{n} seats are left")\n')
    assert [place.line for place in messages.unsayable(package)] == [2]


PO = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'


def in_both_languages(package: Path, entries: str) -> None:
    for language in messages.TRANSLATED_LANGUAGES:
        write(package, f"locale/{language}/LC_MESSAGES/messages.po", PO + entries)


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("", "missing"),
        ('msgid "Hello"\nmsgstr ""', "empty"),
        ('#, fuzzy\nmsgid "Hello"\nmsgstr "Bonjour"', "fuzzy"),
        ('msgid "Hello"\nmsgstr "Bonjour %(name)s"', "placeholders"),
    ],
)
def test_a_translation_that_would_not_do_is_reported(tmp_path, entry, fault):
    package = tmp_path / "toy"
    write(package, "templates/page.html", '{{ _("Hello") }}')
    in_both_languages(package, entry)
    found = messages.faults(package)
    assert len(found) == 2
    assert all(fault in line for line in found)


def test_what_common_says_in_every_language_needs_no_repetition(tmp_path):
    package = tmp_path / "toy"
    write(package, "templates/page.html", '{{ _("Sign in") }}')
    assert messages.faults(package) == []
    messages.write_missing(package)
    assert "Sign in" not in (package / "locale/fr/LC_MESSAGES/messages.po").read_text()


def test_what_is_missing_is_written_down_empty_and_what_is_there_stays(package):
    in_both_languages(package, 'msgid "Hello"\nmsgstr "Bonjour"\n\nmsgid "Long gone"\nmsgstr "x"\n')
    assert messages.write_missing(package) == 12
    text = (package / "locale/ar/LC_MESSAGES/messages.po").read_text()
    assert 'msgid "Hello"\nmsgstr "Bonjour"' in text
    assert "Long gone" not in text
    assert messages.write_missing(package) == 0
