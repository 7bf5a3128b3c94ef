"""The gate itself: what passes, what does not, and what it says."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import jsonschema_rs
import pytest
from common import contracts
from common.events import Moment, Part
from pydantic import Field, create_model

from tests.contracts import documentation, examples, gate, golden

NAME = "toys.toy.made.v1"


def toy(**fields: Any) -> type[Part]:
    """A class with these fields, of which ``size`` is believable by default."""
    shape = {"size": (int, ...), **fields}
    return create_model("ToyMade", __base__=Part, **{name: kind for name, kind in shape.items() if kind is not None})


FIRST = toy(name=(str, ...), made_at=(Moment, ...), kind=(Literal["a", "b"], ...))
EXAMPLE = FIRST.model_validate({"size": 3, "name": "top", "made_at": "2026-12-10T15:00:00Z", "kind": "a"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of goldens in which the first toy is promised."""
    golden.add_revisions({NAME: FIRST}, {NAME: EXAMPLE}, tmp_path)
    return tmp_path


def test_every_promise_is_written_down_and_kept():
    assert gate.complaints(contracts.contracts()) == []


def test_the_page_about_events_is_what_the_library_says():
    written = documentation.PAGE.read_text("utf-8")
    assert written == documentation.page(), "docs/events.md is behind the library: run `make contracts` and commit it"


def test_every_event_has_an_example_of_its_own_class():
    assert examples.EXAMPLES.keys() == contracts.contracts().keys()
    assert {name: type(example) for name, example in examples.EXAMPLES.items()} == contracts.contracts()


@pytest.mark.parametrize("revision", [r for rs in gate.read_goldens().values() for r in rs], ids=str)
def test_golden_examples_fit_their_own_schema_and_survive_a_round_trip(revision: gate.Golden):
    jsonschema_rs.validate(revision.schema, revision.example, validate_formats=True)
    read = contracts.contracts()[revision.name].model_validate(revision.example)
    assert read.model_dump(mode="json").items() >= revision.example.items()


@pytest.mark.parametrize("name", contracts.contracts())
def test_what_pydantic_reads_is_what_the_reader_schema_says(name: str):
    """The gate derives readers from writers; that is only right while classes have one schema for both."""
    model = contracts.contracts()[name]
    written = contracts.writer_schema(model)
    read = {"$schema": contracts.DIALECT, **contracts.without_words(model.model_json_schema(mode="validation"))}
    assert contracts.reader_schema(written) == read


def test_two_promises_that_are_the_same_pass(folder: Path):
    assert gate.complaints({NAME: FIRST}, folder) == []


@pytest.mark.parametrize(
    "changed",
    [
        toy(name=(str, ...), made_at=(Moment, ...), kind=(Literal["a", "b"], ...), colour=(str | None, None)),
        toy(name=(str, ...), made_at=(Moment, ...), kind=(Literal["a", "b"], ...), colour=(str, "red")),
    ],
    ids=["optional field added", "field with default added"],
)
def test_a_compatible_change_becomes_a_revision(changed: type[Part], folder: Path):
    assert "Run `make contracts`" in gate.complaints({NAME: changed}, folder)[0]
    newer = changed.model_validate(EXAMPLE.model_dump() | {"colour": "blue"})
    assert golden.obstacles({NAME: changed}, folder) == []
    added = golden.add_revisions({NAME: changed}, {NAME: newer}, folder)
    assert [path.name for path in added] == [f"{NAME}.r2.schema.json", f"{NAME}.r2.example.json"]
    assert gate.complaints({NAME: changed}, folder) == []


@pytest.mark.parametrize(
    "changed",
    [
        toy(name=(str, ...), made_at=(Moment, ...), kind=(Literal["a", "b"], ...), colour=(str, ...)),
        toy(made_at=(Moment, ...), kind=(Literal["a", "b"], ...)),
        toy(name=(int, ...), made_at=(Moment, ...), kind=(Literal["a", "b"], ...)),
        toy(name=(str | None, ...), made_at=(Moment, ...), kind=(Literal["a", "b"], ...)),
        toy(name=(str, Field(max_length=3)), made_at=(Moment, ...), kind=(Literal["a", "b"], ...)),
        toy(name=(str, ...), made_at=(str, ...), kind=(Literal["a", "b"], ...)),
        toy(name=(str, ...), made_at=(Moment, ...), kind=(Literal["a", "b", "c"], ...)),
        toy(name=(str, ...), made_at=(Moment, ...), kind=(Literal["a"], ...)),
        toy(name=(str, "top"), made_at=(Moment, ...), kind=(Literal["a", "b"], ...)),
        toy(name=(list[str], ...), made_at=(Moment, ...), kind=(Literal["a", "b"], ...)),
        toy(title=(str, ...), made_at=(Moment, ...), kind=(Literal["a", "b"], ...)),
    ],
    ids=[
        "required field added",
        "required field removed",
        "type changed",
        "null allowed",
        "text shortened",
        "moment becomes text",
        "word added to a closed list",
        "word taken from a closed list",
        "required field becomes optional",
        "one becomes many",
        "field renamed",
    ],
)
def test_an_incompatible_change_is_refused_with_the_way_out(changed: type[Part], folder: Path):
    complaint = "\n".join(gate.breaks(NAME, changed, gate.read_goldens(folder)[NAME]))
    assert "publish the change as a new `.v<n>` beside it" in complaint
    assert golden.obstacles({NAME: changed}, folder) != []


def test_a_change_is_compared_with_every_revision_not_only_the_last(folder: Path):
    shape = {"name": (str, ...), "made_at": (Moment, ...), "kind": (Literal["a", "b"], ...)}
    second = toy(**shape, colour=(str, "red"))
    golden.add_revisions({NAME: second}, {NAME: second.model_validate(EXAMPLE.model_dump())}, folder)
    third = toy(**shape, colour=(str, ...))
    assert any(f"can not read all of {NAME}:" in complaint for complaint in gate.complaints({NAME: third}, folder))


def test_words_may_be_improved_without_a_revision(folder: Path):
    shape = {"made_at": (Moment, ...), "kind": (Literal["a", "b"], ...)}
    reworded = toy(name=(str, Field(description="What children call it.")), **shape)
    assert gate.complaints({NAME: reworded}, folder) == []


def edit(folder: Path) -> None:
    path = folder / f"{NAME}.schema.json"
    path.write_text(path.read_text().replace("string", "number"))


def remove(folder: Path) -> None:
    (folder / f"{NAME}.example.json").unlink()


def smuggle(folder: Path) -> None:
    shutil.copy(folder / f"{NAME}.example.json", folder / f"{NAME}.r2.example.json")


@pytest.mark.parametrize(
    ("meddle", "says"), [(edit, "was edited"), (remove, "is gone"), (smuggle, f"is not in {gate.SUMS}")]
)
def test_golden_files_are_added_by_one_command_and_never_touched(
    meddle: Callable[[Path], None], says: str, folder: Path
):
    meddle(folder)
    [complaint] = gate.complaints({NAME: FIRST}, folder)
    assert says in complaint
    assert golden.obstacles({NAME: FIRST}, folder) == [complaint]


def test_a_published_event_keeps_its_class(folder: Path):
    assert "keep the class" in gate.complaints({}, folder)[0]


def test_a_new_event_without_an_example_is_told_where_to_write_one(folder: Path):
    assert "examples.py" in golden.lacking_examples({NAME: FIRST, "toys.toy.lost.v1": FIRST}, {NAME: EXAMPLE})[0]
