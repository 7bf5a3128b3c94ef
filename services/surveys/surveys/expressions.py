"""Visibility rules, such as ``{visited} = 'yes' and ({cost} = fees or {mood} != 5)``.

One evaluator for showing, validating and skipping.

The grammar is a part of SurveyJS's (``survey-core/src/expressions/grammar.pegjs``) with its meaning: comparisons trim,
ignore case and read "10" as 10; an unanswered question equals nothing. On a question with several answers ``=`` asks
whether the value is among them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, assert_never

from lark import Lark, Token, Transformer
from lark.exceptions import LarkError, UnexpectedInput

Answer = str | int | tuple[str, ...]
"""What was chosen or written: a value, a step of a rating, the values of several choices."""

LONGEST_RULE = 500
DEEPEST_NESTING = 10

GRAMMAR = r"""
?rule: any_of
?any_of: all_of ((_OR) all_of)*
?all_of: term ((_AND) term)*
?term: comparison | "(" any_of ")"
comparison: QUESTION OPERATOR (TEXT | WORD)

_OR: /\|\||or\b/i
_AND: /&&|and\b/i
QUESTION: /\{\s*[A-Za-z][A-Za-z0-9_]*\s*\}/
OPERATOR: "==" | "=" | "!=" | "<>"
TEXT: /'[^']*'|"[^"]*"/
WORD: /[^\s'"(){}=!<>&|]+/
%ignore /\s+/
"""


class RuleUnreadable(Exception):
    """The rule can not be read; ``str(error)`` is a sentence for the person who wrote it."""


@dataclass(frozen=True)
class Comparison:
    question: str
    value: str
    equal: bool


@dataclass(frozen=True)
class AllOf:
    parts: tuple["Rule", ...]


@dataclass(frozen=True)
class AnyOf:
    parts: tuple["Rule", ...]


Rule = Comparison | AllOf | AnyOf


@lru_cache(maxsize=4096)
def read_rule(text: str) -> Rule:
    """Raises RuleUnreadable. Bounded in length and depth, so that no rule can exhaust the stack."""
    if len(text) > LONGEST_RULE:
        raise RuleUnreadable(f"The rule is longer than {LONGEST_RULE} characters.")
    if text.count("(") > DEEPEST_NESTING:
        raise RuleUnreadable(f"The rule has more than {DEEPEST_NESTING} parentheses.")
    try:
        rule: Rule = _AsRule().transform(_PARSER.parse(text))
    except UnexpectedInput as error:
        raise RuleUnreadable(_where(error, text)) from None
    except LarkError:
        raise RuleUnreadable(_EXPECTED) from None
    return rule


def holds(rule: Rule, answers: Mapping[str, Answer]) -> bool:
    match rule:
        case Comparison(question, value, equal):
            return _is_among(answers.get(question), value) == equal
        case AllOf(parts):
            return all(holds(part, answers) for part in parts)
        case AnyOf(parts):
            return any(holds(part, answers) for part in parts)
        case _:
            assert_never(rule)


def comparisons(rule: Rule) -> Iterator[Comparison]:
    """Every question and value that the rule names, so that a check can look them up."""
    match rule:
        case Comparison():
            yield rule
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from comparisons(part)
        case _:
            assert_never(rule)


def same_value(left: str, right: str) -> bool:
    """SurveyJS's equality: trimmed, without regard to case, "10" equals "10.0"."""
    left, right = left.strip().casefold(), right.strip().casefold()
    return left == right or (_number(left) is not None and _number(left) == _number(right))


def _is_among(answer: Answer | None, value: str) -> bool:
    match answer:
        case None | "" | ():
            return False
        case tuple():
            return any(same_value(chosen, value) for chosen in answer)
        case _:
            return same_value(str(answer), value)


def _number(text: str) -> float | None:
    """Digits only: ``float`` would also take "nan", "1_000" and "infinity"."""
    digits = text.removeprefix("-").replace(".", "", 1)
    return float(text) if digits.isascii() and digits.isdigit() else None


_EXPECTED = "Write it like {question} = 'value', combined with and, or and parentheses."


def _where(error: UnexpectedInput, text: str) -> str:
    position = getattr(error, "pos_in_stream", None)
    if position is None or position >= len(text.rstrip()):
        return f"The rule ends too early. {_EXPECTED}"
    return f"The rule can not be read from “{text[position : position + 20]}” on. {_EXPECTED}"


class _AsRule(Transformer[Token, Any]):
    def comparison(self, parts: list[Token]) -> Comparison:
        question, operator, value = (str(part) for part in parts)
        if parts[2].type == "TEXT":
            value = value[1:-1]
        return Comparison(question.strip("{} \t\r\n").lower(), value, operator in ("=", "=="))

    def all_of(self, parts: list[Rule]) -> AllOf:
        return AllOf(tuple(parts))

    def any_of(self, parts: list[Rule]) -> AnyOf:
        return AnyOf(tuple(parts))


_PARSER = Lark(GRAMMAR, start="rule", parser="lalr", lexer="contextual")
