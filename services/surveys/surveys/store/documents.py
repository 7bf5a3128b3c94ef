"""Definitions as JSON documents. Strict on the way in: an unknown word is refused, never dropped silently."""

from dataclasses import asdict
from typing import Any

from common.errors import Invalid
from pydantic import ConfigDict, TypeAdapter, ValidationError

from surveys.domain.definitions import Choice, Definition, Page, Question

for _part in (Choice, Question, Page, Definition):
    setattr(_part, "__pydantic_config__", ConfigDict(extra="forbid"))  # noqa: B010 - the way pydantic documents

_DEFINITION = TypeAdapter(Definition)


def read_definition(document: Any) -> Definition:
    """Raises Invalid with a sentence that says where the document is wrong."""
    try:
        return _DEFINITION.validate_python(document)
    except ValidationError as error:
        raise Invalid(_sentence(error)) from None


def as_document(definition: Definition) -> dict[str, Any]:
    return asdict(definition)


def schema_of_definitions() -> dict[str, Any]:
    """JSON Schema, for the API's own description."""
    return _DEFINITION.json_schema()


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = " > ".join(str(part) for part in first["loc"]) or "the top"
    return f"The survey can not be read at {where}: {first['msg'].removeprefix('Value error, ')}."
