"""What the auditor makes of what it sees, and that it sees with eyes of its own."""

import ast
import sys
from pathlib import Path

from tests.chaos.auditor import Fact, Promise, Report, Sighting
from tests.chaos.auditor.verdicts import View, judge

HERE = Path(__file__).parent
ENGINES = {"asyncpg", "aiokafka", "aiosmtpd"}


def oak(*heights: int) -> list[Fact]:
    return [Fact("growth", "oak", height) for height in heights]


def seen(*facts: Fact, at: str = "heard", promise: Promise = Promise.ONCE_IN_ORDER) -> View:
    return View(at, "growth", promise, [Sighting(fact) for fact in facts])


def judged(
    acknowledged: list[Fact],
    *views: View,
    waiting: list[Fact] | None = None,
    forgotten: dict[tuple[str, str], int] | None = None,
) -> Report:
    return judge(acknowledged, views, waiting={"queue": waiting or []}, forgotten=forgotten or {})


def lines(report: Report) -> list[str]:
    return str(report).splitlines()


def test_what_was_promised_and_is_there_once_in_order_is_clean():
    report = judged(oak(1, 2), seen(*oak(1, 2)))
    assert report.is_clean
    assert lines(report) == ["clean"]


def test_what_was_promised_and_is_nowhere_is_lost():
    assert lines(judged(oak(1, 2), seen(*oak(1)))) == ["lost: 1", "  growth oak/2 at heard"]


def test_what_one_place_shows_and_another_does_not_is_lost_though_nobody_heard_a_yes():
    assert lines(judged([], seen(*oak(1, 2)), seen(*oak(1), at="topic"))) == ["lost: 1", "  growth oak/2 at topic"]


def test_a_promise_of_another_kind_is_not_looked_for_here():
    assert judged([Fact("ripening", "oak")], seen()).is_clean


def test_the_same_fact_twice_is_doubled():
    assert lines(judged(oak(1), seen(*oak(1, 1)))) == ["doubled: 1", "  growth oak/1 at heard"]


def test_a_copy_under_the_same_id_is_the_same_effect_and_a_copy_under_another_is_not():
    [fact] = oak(1)
    same = View("topic", "growth", Promise.ONCE_IN_ORDER, [Sighting(fact, "a"), Sighting(fact, "a")])
    other = View("topic", "growth", Promise.ONCE_IN_ORDER, [Sighting(fact, "a"), Sighting(fact, "b")])
    assert judged([fact], same).is_clean
    assert judged([fact], other).faults == ("doubled",)


def test_what_comes_after_a_later_one_of_its_key_is_reordered():
    elm = Fact("growth", "elm", 1)
    assert lines(judged([], seen(*oak(1, 3), elm, *oak(2)))) == ["reordered: 1", "  growth oak/2 at heard"]


def test_where_order_is_not_promised_nothing_is_reordered():
    assert judged([], seen(*oak(2, 1), promise=Promise.ONCE)).is_clean


def test_copies_count_where_the_first_of_them_came():
    copies = [Sighting(fact, str(fact.sequence)) for fact in oak(1, 2, 1, 2, 3)]
    assert judged([], View("topic", "growth", Promise.ONCE_IN_ORDER, copies)).is_clean


def test_a_copy_of_the_newest_may_miss_what_came_before():
    assert judged(oak(1, 2, 3), seen(*oak(3), promise=Promise.NEWEST)).is_clean


def test_a_copy_that_shows_an_older_state_is_reordered_and_one_that_shows_none_has_lost_it():
    assert judged(oak(1, 2), seen(*oak(1), promise=Promise.NEWEST)).faults == ("reordered",)
    assert judged(oak(1, 2), seen(promise=Promise.NEWEST)).faults == ("lost",)


def test_who_was_forgotten_is_missed_nowhere_and_must_not_come_back():
    gone = {("growth", "oak"): 2}
    assert judged(oak(1), seen(promise=Promise.NEWEST), forgotten=gone).is_clean
    assert judged(oak(1), seen(*oak(1), promise=Promise.NEWEST), forgotten=gone).faults == ("reordered",)


def test_a_key_that_came_anew_after_it_was_forgotten_counts_again():
    gone = {("growth", "oak"): 2}
    assert judged(oak(3), seen(promise=Promise.NEWEST), forgotten=gone).faults == ("lost",)
    assert judged(oak(3), seen(*oak(3), promise=Promise.NEWEST), forgotten=gone).is_clean


def test_what_still_waits_is_stuck_and_nothing_of_its_key_is_lost():
    report = judged([*oak(1), Fact("growth", "elm", 1)], seen(), waiting=[Fact("unread", "oak", 7)])
    assert lines(report) == ["lost: 1", "  growth elm/1 at heard", "stuck: 1", "  unread oak/7 at queue"]


def test_what_the_system_says_it_does_not_know_is_held_and_not_lost():
    held = seen(*oak(1), at="held", promise=Promise.EXCUSED)
    report = judged(oak(1), seen(), held)
    assert report.is_clean
    assert lines(report) == ["held: 1", "  growth oak/1 at held"]


def test_what_is_held_and_came_all_the_same_is_clean_but_not_twice():
    held = seen(*oak(1), at="held", promise=Promise.EXCUSED)
    assert judged(oak(1), seen(*oak(1)), held).is_clean
    assert judged(oak(1), seen(*oak(1, 1)), held).faults == ("doubled",)


def test_the_auditor_uses_nothing_of_ours():
    files = sorted((HERE / "auditor").glob("*.py"))
    assert files
    imported = {name for file in files for name in imports(file)}
    standard = {name for name in imported if name.partition(".")[0] in sys.stdlib_module_names}
    assert {name for name in imported - standard if not name.startswith("tests.chaos.auditor")} <= ENGINES


def imports(file: Path) -> set[str]:
    """The packages, but in full where they are of this repository."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        named += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found |= {name if name.startswith("tests") else name.partition(".")[0] for name in named}
    return found


def test_each_bug_is_hunted():
    parts = [file for file in sorted((HERE / "bugs").glob("*.py")) if file.stem in PARTS]
    bugs = {f"{file.stem}.{name}" for file in parts for name in public_functions(file)}
    hunted = "".join(file.read_text() for file in HERE.glob("test_auditor*.py"))
    assert len(bugs) >= 12
    assert [bug for bug in sorted(bugs) if f'"{bug}": "' not in hunted] == []


PARTS = ("relay", "inbox", "web", "timers", "mails")


def public_functions(file: Path) -> set[str]:
    body = ast.parse(file.read_text()).body
    return {node.name for node in body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")}
