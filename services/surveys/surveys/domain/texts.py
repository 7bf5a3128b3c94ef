"""Every text of a definition by a path, so that one walk serves checking, translating and the progress figures."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from surveys.domain.definitions import Choice, Definition, Page, Question, Texts


@dataclass(frozen=True)
class Slot:
    """One text in all its languages."""

    path: str
    """``title``, ``question.visited.text``, ``choice.visited.yes`` ...; also the name of the form field."""
    label: str
    texts: Texts
    always: bool
    """Must be there; the others only in every language or in none."""

    def missing_in(self, languages: tuple[str, ...]) -> tuple[str, ...]:
        if not self.always and not any(self.texts.values()):
            return ()
        return tuple(language for language in languages if not self.texts.get(language, "").strip())


def slots(definition: Definition) -> Iterator[Slot]:
    yield Slot("title", "Title of the survey", definition.titles, always=True)
    yield Slot("reason", "Why am I asked", definition.reasons, always=True)
    for number, page in enumerate(definition.pages, start=1):
        yield Slot(f"page.{page.name}", f"Title of page {number}", page.titles, always=False)
        for question in page.questions:
            yield from _slots_of(question)


def _slots_of(question: Question) -> Iterator[Slot]:
    name = question.name
    yield Slot(f"question.{name}.text", f"Question {name}", question.texts, always=True)
    yield Slot(f"question.{name}.hint", f"Hint of {name}", question.hints, always=False)
    for choice in question.choices:
        yield Slot(f"choice.{name}.{choice.value}", f"Choice {choice.value} of {name}", choice.texts, always=True)
    if question.kind == "rating":
        yield Slot(f"question.{name}.low", f"Low end of {name}", question.low_texts, always=False)
        yield Slot(f"question.{name}.high", f"High end of {name}", question.high_texts, always=False)


@dataclass(frozen=True)
class Progress:
    language: str
    done: int
    needed: int


def progress(definition: Definition) -> list[Progress]:
    """Per language: how many of the texts that must be there are there."""
    needed = [slot for slot in slots(definition) if slot.always or any(slot.texts.values())]
    return [
        Progress(language, sum(not slot.missing_in((language,)) for slot in needed), len(needed))
        for language in definition.languages
    ]


def translated(definition: Definition, words: dict[tuple[str, str], str]) -> Definition:
    """A document with these words, by (path, language); paths that it does not have are left out."""

    def said(path: str, texts: Texts) -> Texts:
        changed = {language: text for (at, language), text in words.items() if at == path}
        return {language: text for language, text in {**texts, **changed}.items() if text}

    def with_words(question: Question) -> Question:
        at = f"question.{question.name}"
        return replace(
            question,
            texts=said(f"{at}.text", question.texts),
            hints=said(f"{at}.hint", question.hints),
            low_texts=said(f"{at}.low", question.low_texts),
            high_texts=said(f"{at}.high", question.high_texts),
            choices=tuple(
                Choice(choice.value, said(f"choice.{question.name}.{choice.value}", choice.texts))
                for choice in question.choices
            ),
        )

    return replace(
        definition,
        titles=said("title", definition.titles),
        reasons=said("reason", definition.reasons),
        pages=tuple(
            Page(
                name=page.name,
                titles=said(f"page.{page.name}", page.titles),
                questions=tuple(with_words(question) for question in page.questions),
            )
            for page in definition.pages
        ),
    )
