"""French and Arabic are complete: every sentence a visitor or member may read, with its placeholders."""

import re
from pathlib import Path

import members
import polib
import pytest

from .sentences import sentences

LOCALE = Path(members.__file__).parent / "locale"
PLACEHOLDER = re.compile(r"%\(\w+\)s")


def catalog(language: str) -> dict[str, polib.POEntry]:
    entries = polib.pofile(str(LOCALE / language / "LC_MESSAGES" / "messages.po"))
    return {entry.msgid: entry for entry in entries if not entry.obsolete}


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_every_sentence_is_translated(language: str):
    there = {msgid for msgid, entry in catalog(language).items() if entry.msgstr and not entry.fuzzy}
    assert sentences() - there == set()


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_no_translation_is_left_over(language: str):
    assert set(catalog(language)) - sentences() == set()


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_placeholders_are_the_same_in_every_language(language: str):
    for msgid, entry in catalog(language).items():
        assert sorted(PLACEHOLDER.findall(msgid)) == sorted(PLACEHOLDER.findall(entry.msgstr)), msgid
