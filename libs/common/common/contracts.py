"""What services promise each other, as JSON Schema: the writer is closed, the reader is open.

A writer may send exactly what its class says; a reader ignores what a newer writer adds. Comparing open with open
would call every added field a break, closed with closed every removed one (Confluent's
PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL). Words (titles, descriptions) are no part of a promise and may be improved.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from common.events import REGISTRY, Event, Part, members

Schema = dict[str, Any]

SEALED_CONTENTS: Mapping[str, type[Part]] = {
    members.ContactState.type: members.Contact,
    members.LetterRequested.type: members.Letter,
}
"""The plain text inside a sealed event is a contract of its own: members writes it, notifications reads it."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def contracts() -> dict[str, type[Part]]:
    """Every promise by its name: the event types, and ``<type>.sealed`` for the plain text of sealed ones.

    Only the library's own: tests register events of their own beside them.
    """
    sealed = {f"{event_type}.sealed": content for event_type, content in SEALED_CONTENTS.items()}
    return {**events(), **sealed}


def events() -> dict[str, type[Event]]:
    return {name: event for name, event in REGISTRY.items() if event.__module__.startswith("common.events.")}


def writer_schema(model: type[Part]) -> Schema:
    """What this class may put on the wire: nothing but its fields."""
    return {"$schema": DIALECT, **_closed(without_words(model.model_json_schema(mode="serialization")))}


def reader_schema(writer: Schema) -> Schema:
    """What a reader of that writer's version takes: the same fields, and any other beside them."""

    def open_up(part: Schema) -> Schema:
        return {
            keyword: value for keyword, value in part.items() if (keyword, value) != ("additionalProperties", False)
        }

    return _map_schemas(writer, open_up)


def without_words(schema: Schema) -> Schema:
    """Titles and descriptions explain; they promise nothing."""
    return _map_schemas(schema, lambda part: {k: v for k, v in part.items() if k not in ("title", "description")})


def text_of(document: object) -> str:
    """The one way to write a document down: sorted keys, two spaces, so that equal means equal byte by byte."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _closed(schema: Schema) -> Schema:
    def close(part: Schema) -> Schema:
        return {**part, "additionalProperties": False} if "properties" in part else part

    return _map_schemas(schema, close)


def _map_schemas(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """Change a schema and every schema inside it, never a name in ``properties`` that only looks like a keyword."""
    inside = dict(schema)
    for keyword in ("properties", "$defs", "patternProperties"):
        if keyword in inside:
            inside[keyword] = {name: _map_schemas(part, change) for name, part in inside[keyword].items()}
    for keyword in ("items", "additionalProperties", "propertyNames", "contains"):
        if isinstance(inside.get(keyword), dict):
            inside[keyword] = _map_schemas(inside[keyword], change)
    for keyword in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if keyword in inside:
            inside[keyword] = [_map_schemas(part, change) for part in inside[keyword]]
    return change(inside)
