"""Letters and pages for people speak French and Arabic whole: no sentence is missing, none has lost a place."""

import re
from pathlib import Path

import notifications
import polib
import pytest
from babel.messages.extract import extract_from_dir

PACKAGE = Path(notifications.__file__).parent
MESSAGES = "LC_MESSAGES/messages.po"
MARKS = {"_": None, "N_": None}
FOR_STAFF = {"deliveries.html", "mailbox.html", "delivery_charts.html"}


def sentences() -> set[str]:
    found: set[str] = set()
    for pattern, method in (("templates/**.html", "jinja2"), ("templates/**.txt", "jinja2"), ("**.py", "python")):
        for file, _, sentence, _, _ in extract_from_dir(
            str(PACKAGE), [(pattern, method)], keywords={"_": None, "N_": None}
        ):
            if Path(file).name not in FOR_STAFF and isinstance(sentence, str):
                found.add(sentence)
    return found


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_every_sentence_is_translated_with_its_places(language: str):
    catalog = {
        entry.msgid: entry for entry in polib.pofile(str(PACKAGE / f"locale/{language}/LC_MESSAGES/messages.po"))
    }
    assert len(sentences()) > 50
    assert sentences() - set(catalog) == set()
    assert [one for one, entry in catalog.items() if entry.fuzzy or not entry.msgstr] == []
    assert set(catalog) - sentences() == set()
    assert [one for one, entry in catalog.items() if places(one) != places(entry.msgstr)] == []


def places(sentence: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)s", sentence))
