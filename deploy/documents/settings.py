"""The configuration reference in docs/operations.md, from the settings classes and what they say of themselves."""

import importlib
import re
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

from common.settings import ServiceSettings
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from deploy.documents.places import DOCS, SERVICES

PAGE = DOCS / "operations.md"
PLACE = re.compile(r"(<!-- settings -->\n).*?(<!-- end of settings -->)", re.DOTALL)


def files() -> dict[Path, str]:
    """The page as it is, with its reference anew."""
    written, places = PLACE.subn(lambda place: place[1] + reference() + place[2], PAGE.read_text())
    assert places == 1, f"{PAGE} has no place for the settings"  # noqa: S101
    return {PAGE: written}


def reference() -> str:
    common = set(ServiceSettings.model_fields)
    parts = ["\n### Every service\n", table(ServiceSettings.model_fields)]
    for service in SERVICES:
        own = {name: field for name, field in settings_of(service).model_fields.items() if name not in common}
        if own:
            parts += [f"### {service}\n", table(own)]
    return "\n".join(parts)


def settings_of(service: str) -> type[ServiceSettings]:
    module = importlib.import_module(f"{service}.settings")
    (found,) = (
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, ServiceSettings) and kind is not ServiceSettings
    )
    return found


def table(fields: dict[str, FieldInfo]) -> str:
    rows = [
        f"| `{name.upper()}` | {_kind(field.annotation)} | {_default(field)} | {_words(field)} |"
        for name, field in fields.items()
    ]
    return "\n".join(["| variable | type | default | meaning |", "| --- | --- | --- | --- |", *rows]) + "\n"


def _kind(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(annotation))
    if isinstance(annotation, UnionType):
        return " or ".join(_kind(choice) for choice in get_args(annotation) if choice is not NoneType)
    if get_origin(annotation) is tuple:
        return f"JSON list of {len(get_args(annotation))}"
    names: dict[Any, str] = {str: "text", int: "number", float: "number", bool: "true or false", Path: "file"}
    return "secret" if annotation is SecretStr else names.get(annotation, getattr(annotation, "__name__", "text"))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default in (None, "") or isinstance(field.default, SecretStr):
        return ""
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    return f"`{default}`"


def _words(field: FieldInfo) -> str:
    return " ".join((field.description or "").split()).replace("|", "\\|")
