"""Which language a visitor reads."""

import pytest
from common.errors import Sentence
from common.web.i18n import COMMON_LOCALE, LANGUAGES, Catalogs, direction, negotiate
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("ar", "ar"),
        ("ar-LB,ar;q=0.9,fr;q=0.8,en;q=0.7", "ar"),
        ("de,fr;q=0.4,en;q=0.6", "en"),
        ("de-DE", "en"),
        ("FR", "fr"),
        ("fr;q=0, ar;q=0.1", "ar"),
        ("fr;q=much, ar", "ar"),
        ("", "en"),
        ("*", "en"),
    ],
)
def test_the_browsers_first_language_that_we_speak(accepted, language):
    assert negotiate(accepted) == language


@given(st.text())
def test_whatever_a_browser_says_we_speak_one_of_ours(accepted):
    assert negotiate(accepted) in LANGUAGES


def test_arabic_runs_from_right_to_left():
    assert [direction(language) for language in LANGUAGES] == ["ltr", "ltr", "rtl"]


def test_a_services_own_sentences_come_before_the_shared_ones(tmp_path):
    folder = tmp_path / "fr" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "messages.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "Join"\nmsgstr "Rejoindre"\n'
    )
    catalogs = Catalogs(tmp_path)
    assert catalogs.say("fr", "Join") == "Rejoindre"
    assert catalogs.say("fr", "Sign out") == "Se déconnecter"
    assert catalogs.say("en", "Join") == "Join"


def test_a_sentence_with_values_is_filled_in_after_it_was_translated():
    sentence = Sentence("Write a number from %(low)s to %(high)s", low=1, high=9)
    assert Catalogs(COMMON_LOCALE).say("fr", sentence) == "Écrivez un nombre de 1 à 9"


def test_nothing_said_is_nothing_said():
    assert Catalogs(COMMON_LOCALE).say("fr", "") == ""
