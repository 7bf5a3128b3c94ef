"""Choices as a text field shows them: one per line, ``code = words``; without a code one is made from the words."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from surveys.domain.definitions import VALUE, Choice

LINE = re.compile(r"\s*([a-z0-9][a-z0-9_-]{0,39})\s*=\s*(.*)")


def as_lines(choices: Sequence[Choice], language: str) -> str:
    return "\n".join(f"{choice.value} = {choice.texts.get(language, '')}" for choice in choices)


def read_lines(lines: str, before: Sequence[Choice], language: str) -> tuple[Choice, ...]:
    """A code that is there already keeps its translations. Raises ValueError with a sentence."""
    known = {choice.value: choice for choice in before}
    choices: list[Choice] = []
    for line in filter(None, map(str.strip, lines.split("\n"))):
        code, words = _read(line, taken=[choice.value for choice in choices])
        kept = known.get(code, Choice(code, {}))
        texts = {**kept.texts, language: words} if words else {k: v for k, v in kept.texts.items() if k != language}
        choices.append(replace(kept, texts=texts))
    return tuple(choices)


def _read(line: str, taken: Sequence[str]) -> tuple[str, str]:
    if match := LINE.fullmatch(line):
        return match[1], match[2].strip()
    return _code_of(line, taken), line


def _code_of(words: str, taken: Sequence[str]) -> str:
    plain = unicodedata.normalize("NFKD", words.casefold()).encode("ascii", "ignore").decode()
    code = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:36] or "choice"
    number = 1
    while code in taken or not VALUE.fullmatch(code):
        number += 1
        code = f"{code.rstrip('0123456789')}{number}"
    return code
