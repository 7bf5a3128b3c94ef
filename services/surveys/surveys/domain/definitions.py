"""The document of a survey: pages, questions, texts per language. Immutable; an edit makes a new document.

Plain dataclasses, so that the rules need no library; ``store.documents`` reads and writes them as JSON. What a part may
be at all is checked when it is made (ValueError); whether a whole survey may be published is asked in ``checking``.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

Kind = Literal["single", "multi", "rating", "short_text", "long_text"]
KINDS: tuple[Kind, ...] = ("single", "multi", "rating", "short_text", "long_text")
KIND_NAMES: dict[Kind, str] = {
    "single": "One choice",
    "multi": "Several choices",
    "rating": "Rating",
    "short_text": "Short text",
    "long_text": "Long text",
}
CHOOSING: tuple[Kind, ...] = ("single", "multi")
WRITING: tuple[Kind, ...] = ("short_text", "long_text")
LONGEST_ANSWER: dict[Kind, int] = {"short_text": 300, "long_text": 4000}

Texts = dict[str, str]
"""The same words by language."""

LONGEST_TEXT = 2000
MOST_PAGES, MOST_QUESTIONS, MOST_CHOICES, MOST_LANGUAGES = 40, 100, 60, 20

CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
VALUE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True)
class Choice:
    value: str
    texts: Texts

    def __post_init__(self) -> None:
        _insist(VALUE.fullmatch(self.value), "the code of a choice is small letters, digits, - and _ (at most 40)")
        _check_texts(self.texts)


@dataclass(frozen=True)
class Question:
    name: str
    kind: Kind
    texts: Texts = field(default_factory=dict)
    hints: Texts = field(default_factory=dict)
    required: bool = False
    visible_if: str = ""
    choices: tuple[Choice, ...] = ()
    at_most: int | None = None
    """How many of several choices may be taken; None is all of them."""
    low: int = 1
    high: int = 5
    """A rating runs from low to high, the end texts stand under its ends."""
    low_texts: Texts = field(default_factory=dict)
    high_texts: Texts = field(default_factory=dict)

    def __post_init__(self) -> None:
        _insist(CODE.fullmatch(self.name), "the code of a question is small letters, digits and _ (at most 40)")
        _insist(self.kind in KINDS, f"{self.kind} is no kind of question")
        _insist(len(self.visible_if) <= LONGEST_TEXT, "the rule is too long")
        _insist(len(self.choices) <= MOST_CHOICES, f"a question has at most {MOST_CHOICES} choices")
        _insist(self.at_most is None or 1 <= self.at_most <= MOST_CHOICES, "at most one choice or more")
        _insist(0 <= self.low <= 1 and 2 <= self.high <= 10, "a rating runs from 0 or 1 to at most 10")
        for texts in (self.texts, self.hints, self.low_texts, self.high_texts):
            _check_texts(texts)

    @cached_property
    def values(self) -> tuple[str, ...]:
        """What can be chosen; empty where people write."""
        if self.kind == "rating":
            return tuple(str(step) for step in range(self.low, self.high + 1))
        return tuple(choice.value for choice in self.choices) if self.kind in CHOOSING else ()


@dataclass(frozen=True)
class Page:
    name: str
    titles: Texts = field(default_factory=dict)
    questions: tuple[Question, ...] = ()

    def __post_init__(self) -> None:
        _insist(CODE.fullmatch(self.name), "the code of a page is small letters, digits and _ (at most 40)")
        _insist(len(self.questions) <= MOST_QUESTIONS, f"a page has at most {MOST_QUESTIONS} questions")
        _check_texts(self.titles)


@dataclass(frozen=True)
class Definition:
    mode: Literal["identified"] = "identified"
    """How answers and people are kept apart: told to the respondent, frozen with the version."""
    languages: tuple[str, ...] = ("en",)
    """Required ones, the first is the one the survey is written in."""
    titles: Texts = field(default_factory=dict)
    reasons: Texts = field(default_factory=dict)
    """Why am I asked: stands on every first page."""
    pages: tuple[Page, ...] = ()

    def __post_init__(self) -> None:
        _insist(self.mode == "identified", f"{self.mode} is no mode of a survey")
        _insist(1 <= len(self.languages) <= MOST_LANGUAGES, "a survey has a language")
        _insist(len(set(self.languages)) == len(self.languages), "a language is named twice")
        _insist(all(LANGUAGE.fullmatch(language) for language in self.languages), "a language is a code such as en")
        _insist(len(self.pages) <= MOST_PAGES, f"a survey has at most {MOST_PAGES} pages")
        _check_texts(self.titles)
        _check_texts(self.reasons)

    @property
    def language(self) -> str:
        return self.languages[0]

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        return tuple(question for page in self.pages for question in page.questions)

    def question(self, name: str) -> Question | None:
        return next((question for question in self.questions if question.name == name), None)

    def page(self, name: str) -> Page | None:
        return next((page for page in self.pages if page.name == name), None)

    def said(self, texts: Texts, language: str) -> str:
        """In this language, else in the survey's own: a published survey has every text, a preview may not."""
        return texts.get(language) or texts.get(self.language, "")


def _check_texts(texts: Texts) -> None:
    _insist(len(texts) <= MOST_LANGUAGES, f"a text has at most {MOST_LANGUAGES} languages")
    _insist(all(LANGUAGE.fullmatch(language) for language in texts), "a language is a code such as en")
    _insist(all(len(text) <= LONGEST_TEXT for text in texts.values()), f"a text has at most {LONGEST_TEXT} characters")
    _insist(all("\0" not in text for text in texts.values()), "a text holds a character that is no text")


def _insist(right: object, sentence: str) -> None:
    if not right:
        raise ValueError(sentence)
