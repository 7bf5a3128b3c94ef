"""docs/events.md, written from the schema library, the table of topics and the golden examples."""

import inspect
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from common import contracts
from common.bus import TOPICS, Topic
from common.events import Event, Part

from tests.contracts import gate

PAGE = Path(__file__).parents[2] / "docs" / "events.md"

INTRODUCTION = """\
# Events

Written by `make contracts` from `common.events`, the table of topics in `common.bus` and the golden files in
`tests/golden/events`; a test compares it. Do not edit it here.

- Envelope: CloudEvents 1.0, Kafka binary mode: the record's value is the JSON below, everything else is a header
  (`ce_id`, `ce_type`, `ce_source`, `ce_time`, `ce_subject`, `content-type`).
- A **fact** happened once. A **state** is the last one of its key: newest version wins, a record without a value says
  that it is gone (its `ce_version` header says which version went).
- Readers ignore fields they do not know. Within a version nothing is removed, renamed, retyped or made optional, and
  only fields with a default are added; anything else is a new `.v<n>` published beside the old one.
- No event says who a person is, nor what she wrote or answered. What does travel sealed is readable by notifications
  alone (X25519, AES-256-GCM).
"""

PERSONAL = """\
Personal: *ids* are pseudonymous; *attributes* are ids with attributes; *sealed* can be read by notifications alone.
Partitions never change (an installation may cap them once, at its start). Compacted topics keep the last state of each
key; a tombstone is repeated after 1 h and 24 h, and a daily `tick` record per partition lets compaction forget.
"""


def page() -> str:
    parts = [
        INTRODUCTION,
        "## Topics",
        topic_table({TOPICS[event.topic] for event in contracts.events().values()}),
        PERSONAL,
    ]
    for owner in sorted({event.owner for event in contracts.events().values()}):
        parts += [f"## Told by {owner}", *(section(event) for event in events_of(owner))]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def events_of(owner: str) -> list[type[Event]]:
    return sorted(
        (event for event in contracts.events().values() if event.owner == owner), key=lambda event: event.type
    )


def topic_table(topics: Iterable[Topic]) -> str:
    rows = [
        (
            f"`{topic.name}`",
            str(topic.partitions),
            "compacted" if topic.compacted else days(topic.retention),
            topic.owner,
            ", ".join(topic.readers) or "nobody yet",
            topic.personal,
        )
        for topic in sorted(topics, key=lambda topic: topic.name)
    ]
    return table(("topic", "partitions", "kept", "writer", "readers", "personal"), rows)


def section(event: type[Event]) -> str:
    sealed = contracts.SEALED_CONTENTS.get(event.type)
    return "\n".join(
        [
            f"### {event.__name__} `{event.type}`\n",
            f"{said_of(event)}\n",
            f"{place_of(event)}\n",
            fields(event),
            example(event.type),
            *(inside(event.type, sealed) if sealed else ()),
        ]
    )


def inside(event_type: str, sealed: type[Part]) -> Iterator[str]:
    yield f"Sealed inside, as {sealed.__name__}:\n"
    yield fields(sealed)
    yield example(f"{event_type}.sealed")


def place_of(event: type[Event]) -> str:
    kind = "State" if event.compacted else "Fact"
    about = f" It is about the person in `{event.about}`, and dropped once she is erased." if event.about else ""
    return f"{kind} on `{event.topic}`, keyed by `{event.key_field}`.{about}"


def fields(model: type[Part]) -> str:
    """Fields of the class and, below it, of every part it is made of."""
    schema = model.model_json_schema(mode="serialization")
    tables = [field_table(schema)]
    for name, part in schema.get("$defs", {}).items():
        tables.append(f"{name}: {one_line(part.get('description', ''))}\n\n{field_table(part)}")
    return "\n".join(tables)


def field_table(schema: contracts.Schema) -> str:
    required = schema.get("required", [])
    rows = [
        (
            f"`{name}`",
            kind_of(field) + ("" if name in required else ", optional"),
            one_line(field.get("description", "")),
        )
        for name, field in schema.get("properties", {}).items()
    ]
    return table(("field", "type", "meaning"), rows)


def kind_of(field: contracts.Schema) -> str:
    """A JSON Schema in a few words."""
    match field:
        case {"$ref": str(target)}:
            return target.rpartition("/")[2]
        case {"anyOf": list(kinds)}:
            return " or ".join(kind_of(kind) for kind in kinds)
        case {"type": "array", "items": dict(item)}:
            return f"list of {kind_of(item)}"
        case {"type": "object", "additionalProperties": dict(value)}:
            return f"{kind_of(value)} by name"
        case {"type": "string", "format": str(shape)}:
            return shape
        case {"type": "string", "pattern": _}:
            return "wall clock"
        case {"type": "string"}:
            return "text"
        case _:
            return str(field.get("type", "anything"))


def example(name: str) -> str:
    newest = gate.read_goldens()[name][-1]
    return f"```json\n{contracts.text_of(newest.example)}```\n"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def said_of(model: type[Any]) -> str:
    return one_line(inspect.getdoc(model) or "")


def one_line(text: str) -> str:
    """Docstrings speak reStructuredText; double back-ticks become single ones."""
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


def days(kept: timedelta | None) -> str:
    return "for ever" if kept is None else f"{kept.days} days"
