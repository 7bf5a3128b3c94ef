"""The contract gate: what was once published stays readable, by old readers and new, in any order of upgrade.

``tests/golden/events`` holds what each version of each event looked like: its JSON Schema and an example, with a list
of their SHA-256. They are added (``make contracts``), never edited. A version may gain revisions (``.r2``, ``.r3``) as
long as it stays compatible with every earlier one (Confluent's FULL_TRANSITIVE); anything else is a new ``.v<n>``.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
from common import contracts
from common.events import Part
from jsonschema_rs.canonical import Containment
from pydantic import ValidationError

GOLDEN = Path(__file__).parents[1] / "golden" / "events"
SUMS = "SHA256SUMS"
FILE_NAME = re.compile(r"(?P<name>.+?)(?:\.r(?P<revision>\d+))?\.(?P<kind>schema|example)\.json")


@dataclass(frozen=True)
class Golden:
    """One revision of one promise, as it was committed."""

    name: str
    revision: int
    schema: contracts.Schema
    example: Any

    def __str__(self) -> str:
        return self.name if self.revision == 1 else f"{self.name} (revision {self.revision})"


def complaints(models: dict[str, type[Part]], folder: Path = GOLDEN) -> list[str]:
    """Everything that is wrong, as sentences that say what to do. Empty is good."""
    if edited := edits(folder):
        return edited
    goldens = read_goldens(folder)
    return [
        *orphans(models, goldens),
        *(complaint for name, model in models.items() for complaint in breaks(name, model, goldens.get(name, []))),
        *(complaint for name, model in models.items() for complaint in drift(name, model, goldens.get(name, []))),
    ]


def edits(folder: Path) -> list[str]:
    """Committed files that are no longer what they were, or came without ``make contracts``."""
    promised = read_sums(folder)
    there = {path.name: sha256(path) for path in folder.glob("*.json")}
    return [
        *(
            f"{name} was edited. Golden files are what others already rely on: put it back (git checkout {name}), "
            "then run `make contracts` to add a revision."
            for name in sorted(promised.keys() & there.keys())
            if promised[name] != there[name]
        ),
        *(
            f"{name} is gone. Golden files are never removed: put it back (git checkout {name})."
            for name in sorted(promised.keys() - there.keys())
        ),
        *(
            f"{name} is not in {SUMS}. Remove it and run `make contracts`, which writes both."
            for name in sorted(there.keys() - promised.keys())
        ),
    ]


def orphans(models: dict[str, type[Part]], goldens: dict[str, list[Golden]]) -> list[str]:
    return [
        f"{name} was published but has no class any more. Topics and outboxes still hold it: keep the class."
        for name in sorted(goldens.keys() - models.keys())
    ]


def drift(name: str, model: type[Part], goldens: list[Golden]) -> list[str]:
    """A class that differs from the newest thing promised."""
    if not goldens:
        return [f"{name} is new and nobody promised it yet. Run `make contracts` and commit the golden files."]
    if contracts.writer_schema(model) != goldens[-1].schema:
        return [f"{model.__name__} no longer matches {goldens[-1]}. Run `make contracts` and commit the new revision."]
    return []


def breaks(name: str, model: type[Part], goldens: list[Golden]) -> list[str]:
    """FULL_TRANSITIVE: today's readers take all that was ever written, yesterday's readers take what we write now."""
    current = contracts.writer_schema(model)
    advice = f"Leave {name} as it is and publish the change as a new `.v<n>` beside it."
    found = []
    for golden in goldens:
        if not _covers(contracts.reader_schema(current), golden.schema):
            found.append(f"{model.__name__} can not read all of {golden}: {_lost(current, golden.schema)}. {advice}")
        if not _covers(contracts.reader_schema(golden.schema), current):
            found.append(f"Readers of {golden} can not read today's: {_lost(golden.schema, current)}. {advice}")
        try:
            model.model_validate(golden.example)
        except ValidationError as refused:
            found.append(f"{model.__name__} refuses the example of {golden}: {refused}. {advice}")
    return found


def _covers(reader: contracts.Schema, writer: contracts.Schema) -> bool:
    """Only a proven YES counts; UNKNOWN is a no (see jsonschema_rs)."""
    return _canonical(reader).covers(_canonical(writer)) == Containment.YES


def _lost(reader: contracts.Schema, writer: contracts.Schema) -> str:
    """The values that would be lost, as a schema; for the person who reads the complaint."""
    try:
        difference = _canonical(writer).subtract(_canonical(contracts.reader_schema(reader))).to_json_schema()
    except Exception:
        return "it could not be proven that every value is taken"
    return f"lost would be {json.dumps(difference)[:400]}"


def _canonical(schema: contracts.Schema) -> jsonschema_rs.CanonicalSchema:
    # Without formats a date-time and any text would be the same thing.
    return jsonschema_rs.canonicalize(schema, validate_formats=True)


def read_goldens(folder: Path = GOLDEN) -> dict[str, list[Golden]]:
    """By name, the oldest revision first."""
    schemas = {}
    for path in folder.glob("*.schema.json"):
        if match := FILE_NAME.fullmatch(path.name):
            schemas[match["name"], int(match["revision"] or 1)] = path
    goldens: dict[str, list[Golden]] = {}
    for (name, revision), path in sorted(schemas.items()):
        example = path.with_name(path.name.replace(".schema.json", ".example.json"))
        golden = Golden(name, revision, json.loads(path.read_text("utf-8")), json.loads(example.read_text("utf-8")))
        goldens.setdefault(name, []).append(golden)
    return goldens


def read_sums(folder: Path) -> dict[str, str]:
    """File name -> SHA-256, as written by sha256sum(1)."""
    path = folder / SUMS
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
