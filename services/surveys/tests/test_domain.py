"""Building, checking, showing, counting: the rules without a database."""

from dataclasses import replace
from datetime import date
from random import Random

import pytest
from common.errors import Invalid, NotFound
from hypothesis import given, settings
from hypothesis import strategies as st
from surveys.domain import building
from surveys.domain.answering import (
    Answers,
    from_json,
    hold_against,
    read_answer,
    shown_pages,
    shown_questions,
    with_page,
)
from surveys.domain.checking import problems
from surveys.domain.counting import Rates, changes_of_a_ballot
from surveys.domain.definitions import Choice, Definition, Question
from surveys.domain.texts import progress, slots, translated
from surveys.expressions import Answer, holds, read_rule
from surveys.store.documents import as_document, read_definition

from .factories import choice, definition, page, question


def test_a_whole_survey_has_no_problem():
    assert problems(definition()) == []


def test_a_document_read_back_is_the_same_survey():
    assert read_definition(as_document(definition())) == definition()


def test_a_document_with_an_unknown_word_is_refused_and_the_place_is_named():
    document = as_document(definition())
    document["pages"][0]["questions"][0]["colour"] = "red"
    with pytest.raises(Invalid, match="pages > 0 > questions > 0 > colour"):
        read_definition(document)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{nothing} = 1", "depends on nothing, which does not exist"),
        ("{applied} = 'maybe'", "“maybe”, which applied does not offer"),
        ("{mood} = 6", "“6”, which mood does not offer"),
        ("{change} = 'x'", "which does not come before it"),
        ("{months} = 'x'", "which does not come before it"),
        ("{applied}", "Write it like"),
    ],
)
def test_every_problem_of_a_rule_is_listed_at_its_question(rule: str, said: str):
    survey = definition()
    months = replace(survey.question("months"), visible_if=rule)
    found = problems(building.change_question(survey, "months", months))
    assert [(problem.question, said in problem.sentence) for problem in found] == [("months", True)]


def test_every_missing_translation_is_a_problem():
    survey = definition(page("one", question("q1", texts={"en": "Well?"}, choices=(choice("a"), choice("b")))))
    assert {problem.sentence for problem in problems(survey)} == {
        "Question q1 has no French text.",
        "Question q1 has no Arabic text.",
    }


def test_a_hint_may_be_missing_everywhere_but_not_in_one_language_only():
    hinted = question("q1", hints={"en": "A rough number is fine."})
    sentences = {problem.sentence for problem in problems(definition(page("one", hinted)))}
    assert sentences == {"Hint of q1 has no French text.", "Hint of q1 has no Arabic text."}


def test_too_few_choices_double_codes_and_empty_pages_are_problems():
    survey = definition(
        page("one", question("q1", choices=(choice("a"),)), question("q1", "rating")),
        page("two"),
    )
    sentences = {problem.sentence for problem in problems(survey)}
    assert sentences == {
        "Question q1 needs at least two choices.",
        "Two questions have the code q1.",
        "Page 2 has no question.",
    }


def test_the_translation_table_writes_where_it_reads():
    survey = definition()
    words = {(slot.path, "fr"): f"fr {slot.path}" for slot in slots(survey)}
    again = translated(survey, words)
    assert {slot.path: slot.texts["fr"] for slot in slots(again)} == {path: text for (path, _), text in words.items()}
    assert [(one.language, one.done == one.needed) for one in progress(again)] == [
        ("en", False),
        ("fr", True),
        ("ar", False),
    ]


def test_questions_move_within_their_page_and_over_its_edge():
    survey = definition(page("one", question("a"), question("b")), page("two", question("c")))
    names = lambda moved: [[each.name for each in one.questions] for one in moved.pages]  # noqa: E731
    assert names(building.move_question(survey, "a", 1)) == [["b", "a"], ["c"]]
    assert names(building.move_question(survey, "b", 1)) == [["a"], ["b", "c"]]
    assert names(building.move_question(survey, "c", -1)) == [["a", "b", "c"], []]
    assert names(building.move_question(survey, "a", -1)) == [["a", "b"], ["c"]]


def test_a_copied_question_has_a_code_of_its_own():
    survey = building.copy_question(definition(page("one", question("q1"), question("q3"))), "q1")
    assert [each.name for each in survey.questions] == ["q1", "q4", "q3"]


def test_a_question_that_somebody_deleted_meanwhile_is_not_found():
    with pytest.raises(NotFound):
        building.move_question(definition(), "gone", 1)


def test_two_questions_never_get_one_code():
    with pytest.raises(Invalid):
        building.change_question(definition(), "months", question("mood"))


def test_a_hidden_answer_is_dropped_and_counted_and_shows_nothing_itself():
    survey = definition(
        page(
            "one",
            question("a"),
            question("b", visible_if="{a} = 'yes'"),
            question("c", visible_if="{b} = 'yes'"),
        )
    )
    ballot = hold_against(survey, {"a": "no", "b": "yes", "c": "other"})
    assert (ballot.answers, ballot.asked, ballot.dropped) == ({"a": "no"}, ("a",), ("b", "c"))


def test_a_required_question_is_required_only_while_it_is_shown():
    survey = definition(page("one", question("a"), question("b", required=True, visible_if="{a} = 'yes'")))
    assert hold_against(survey, {"a": "no"}).mistakes == {}
    assert hold_against(survey, {"a": "yes"}).mistakes == {"b": "Choose an answer."}


def test_what_the_form_did_not_offer_is_a_mistake():
    survey = definition()
    given = {"applied": "hacked", "cost": ("yes", "no", "other"), "mood": "99"}
    assert set(hold_against(survey, given).mistakes) == {"applied", "cost", "mood"}


def test_a_text_that_is_too_long_is_kept_and_named():
    long = "x" * 4001
    ballot = hold_against(definition(), {"applied": "yes", "change": long})
    assert ballot.answers["change"] == long
    assert ballot.mistakes["change"] == "Write at most 4000 characters; there are 4001 now."


def test_half_of_the_required_questions_make_a_partial():
    survey = definition(page("one", *(question(name, required=True) for name in "abcd")))
    assert not hold_against(survey, {"a": "yes"}).is_partial
    assert hold_against(survey, {"a": "yes", "b": "no"}).is_partial


def test_several_choices_are_kept_in_the_order_of_the_survey():
    assert read_answer(question("q", "multi"), ["no", "yes", "no"]) == ("yes", "no")


@st.composite
def surveys_with_answers(draw: st.DrawFn, sets: int = 1) -> tuple[Definition, list[Answers]]:
    """Random surveys whose rules look back, each with random sets of answers, hidden ones among them."""
    questions: list[Question] = []
    for number in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(["single", "multi", "rating", "short_text"]))
        made = question(f"q{number}", kind, required=draw(st.booleans()))
        if questions and draw(st.booleans()):
            parts = draw(st.lists(st.sampled_from(questions), min_size=1, max_size=3))
            glue = draw(st.sampled_from([" and ", " or "]))
            rule = glue.join(
                f"{{{part.name}}} {draw(st.sampled_from(['=', '!=']))} '{value_of(draw, part)}'" for part in parts
            )
            made = replace(made, visible_if=rule)
        questions.append(made)
    cut = draw(st.integers(0, len(questions)))
    survey = definition(page("one", *questions[:cut]), page("two", *questions[cut:]))
    random = draw(st.randoms(use_true_random=False))
    return survey, [answers_to(random, questions) for _ in range(sets)]


def answers_to(random: Random, questions: list[Question]) -> Answers:
    return {each.name: answer_to(random, each) for each in questions if random.random() < 0.6}


def value_of(draw: st.DrawFn, asked: Question) -> str:
    return draw(st.sampled_from(asked.values or ("x", "y")))


def answer_to(random: Random, asked: Question) -> Answer:
    if asked.kind == "multi":
        return tuple(random.sample(asked.values, random.randint(1, len(asked.values))))
    chosen = random.choice(asked.values or ("x", "y"))
    return int(chosen) if asked.kind == "rating" else chosen


def shown_by_fixpoint(survey: Definition, answers: Answers) -> set[str]:
    """The same rule said differently: start with everything visible, hide until nothing changes, then show again."""
    shown = {each.name for each in survey.questions}
    for _ in range(len(shown) + 2):
        seen = {name: answer for name, answer in answers.items() if name in shown}
        shown = {
            each.name for each in survey.questions if not each.visible_if or holds(read_rule(each.visible_if), seen)
        }
    return shown


@settings(max_examples=200, deadline=None)
@given(surveys_with_answers(sets=50))
def test_page_check_and_count_agree_on_what_was_asked_in_10_000_sets_of_answers(
    drawn: tuple[Definition, list[Answers]],
):
    survey, sets = drawn
    for answers in sets:
        check_agreement(survey, answers)


def check_agreement(survey: Definition, answers: Answers) -> None:
    on_pages = [each.name for one in shown_pages(survey, answers) for each in one.questions]
    ballot = hold_against(survey, answers)
    assert on_pages == list(ballot.asked) == [each.name for each in shown_questions(survey, answers)]
    assert set(on_pages) == shown_by_fixpoint(survey, answers)
    assert set(ballot.answers) | set(ballot.dropped) == set(answers)
    assert hold_against(survey, ballot.answers).asked == ballot.asked


@given(surveys_with_answers())
def test_what_a_ballot_adds_it_takes_away_again(drawn: tuple[Definition, list[Answers]]):
    survey, [answers] = drawn
    ballot = hold_against(survey, answers)
    both = [
        change
        for by in (1, -1)
        for change in changes_of_a_ballot(
            survey,
            ballot.answers,
            asked=ballot.asked,
            dropped=ballot.dropped,
            day=date(2026, 11, 26),
            language="ar",
            by=by,
        )
    ]
    left: dict[tuple[str, str, str], int] = {}
    for change in both:
        place = (change.question, change.measure, change.choice)
        left[place] = left.get(place, 0) + change.by
    assert set(left.values()) <= {0}


def test_a_page_sent_replaces_its_own_answers_only():
    survey = definition()
    kept = with_page(
        {"applied": "yes", "mood": 3}, [(survey.question("mood"), None), (survey.question("cost"), ("no",))]
    )
    assert kept == {"applied": "yes", "cost": ("no",)}
    assert from_json({"cost": ["no"]}) == {"cost": ("no",)}


def test_response_rates_have_everyone_asked_as_their_base():
    rates = Rates(invited=420, erased=8, bounced=9, complete=197, partial=16, started=20)
    assert rates.asked == 412
    assert rates.rr1 == pytest.approx(197 / 412)
    assert rates.rr2 == pytest.approx(213 / 412)
    assert rates.delivered == pytest.approx(403 / 412)
    assert Rates(0, 0, 0, 0, 0, 0).rr2 is None


def test_a_choice_code_is_checked_when_it_is_made():
    with pytest.raises(ValueError, match="small letters"):
        Choice("Yes!", {})
