"""Rules: read, refused with a sentence, and true exactly when they should be."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from surveys.expressions import (
    AllOf,
    AnyOf,
    Comparison,
    Rule,
    RuleUnreadable,
    comparisons,
    holds,
    read_rule,
    same_value,
)

NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.sampled_from(["yes", "no", "3", "3.0", " Yes ", "نعم", "it is"])
ANSWERS = st.dictionaries(NAMES, st.one_of(VALUES, st.integers(0, 5), st.lists(VALUES, max_size=3).map(tuple)))


def rules() -> st.SearchStrategy[Rule]:
    leaves = st.builds(Comparison, NAMES, VALUES, st.booleans())
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(AllOf, st.lists(inner, min_size=2, max_size=3).map(tuple)),
            st.builds(AnyOf, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        ),
        max_leaves=5,
    )


def written(rule: Rule) -> str:
    match rule:
        case Comparison(question, value, equal):
            return f"{{{question}}} {'=' if equal else '!='} '{value}'"
        case AllOf(parts):
            return " and ".join(f"({written(part)})" for part in parts)
        case AnyOf(parts):
            return " or ".join(f"({written(part)})" for part in parts)


def truth(rule: Rule, answers: dict[str, object]) -> bool:
    """The meaning, said a second time and differently."""
    if isinstance(rule, Comparison):
        given_answer = answers.get(rule.question, ())
        chosen = given_answer if isinstance(given_answer, tuple) else (given_answer,)
        return any(plain(str(one)) == plain(rule.value) for one in chosen) is rule.equal
    results = [truth(part, answers) for part in rule.parts]
    return all(results) if isinstance(rule, AllOf) else any(results)


def plain(text: str) -> object:
    text = text.strip().lower()
    return 3.0 if text in ("3", "3.0") else float(text) if text.isdigit() else text


@given(rules(), ANSWERS)
def test_a_rule_means_the_same_written_and_read_back(rule: Rule, answers: dict[str, object]):
    text = written(rule)
    if len(text) <= 500 and text.count("(") <= 10:
        assert holds(read_rule(text), answers) == truth(rule, answers)


def test_and_binds_closer_than_or_and_parentheses_bind_closest():
    answers = {"a": "1"}
    assert holds(read_rule("{a} = 1 or {b} = 1 and {c} = 1"), answers)
    assert not holds(read_rule("({a} = 1 or {b} = 1) and {c} = 1"), answers)


def test_words_of_the_grammar_may_be_written_in_any_case_and_values_without_quotes():
    assert holds(read_rule("{A}=Yes AND {b} <> no || {c} == 2"), {"a": "yes", "b": "yes"})


def test_an_unanswered_question_equals_nothing():
    assert not holds(read_rule("{a} = ''"), {})
    assert holds(read_rule("{a} != 'yes'"), {})


def test_with_several_answers_equal_asks_whether_the_value_is_among_them():
    assert holds(read_rule("{a} = fees"), {"a": ("time", "fees")})
    assert not holds(read_rule("{a} != fees"), {"a": ("time", "fees")})


@pytest.mark.parametrize(("left", "right"), [("10", "10.0"), (" Yes", "yes"), ("-1", "-1.0"), ("ÉTÉ", "été")])
def test_values_are_compared_trimmed_without_case_and_as_numbers(left: str, right: str):
    assert same_value(left, right)


@pytest.mark.parametrize("other", ["nan", "1_0", "infinity", "", "1e1"])
def test_only_digits_are_numbers(other: str):
    assert not same_value(other, "10")


@pytest.mark.parametrize(
    "text",
    ["", "{a}", "{a} =", "= 1", "{a} = 1 {b} = 2", "({a} = 1", "{a} = 1)", "{a} > 1", "a = 1", "{a b} = 1", "{a} = 'x"],
)
def test_what_can_not_be_read_is_refused_with_a_sentence(text: str):
    with pytest.raises(RuleUnreadable, match=r"Write it like \{question\} = 'value'"):
        read_rule(text)


@given(st.text(max_size=600))
def test_no_text_breaks_the_reader(text: str):
    with suppress(RuleUnreadable):
        assert list(comparisons(read_rule(text)))


def test_a_rule_can_not_exhaust_the_stack():
    with pytest.raises(RuleUnreadable):
        read_rule("(" * 5000 + "{a} = 1" + ")" * 5000)
