"""Every sentence that a visitor or member may read: those the shared extraction finds, and our tables of words."""

import ast
from collections.abc import Iterator
from pathlib import Path

import members
from common.web import messages

HOME = Path(members.__file__).parent
TABLES = {
    "domain/expertise.py": ("FIELDS",),
    "pages/profile.py": ("SAVED", "LINES"),
    "pages/erasure.py": ("SERVICE_NAMES", "PLACES", "REASONS", "FIRST_PAGE"),
    "pages/joining.py": ("SIGN_IN", "APPLY_AGAIN"),
    "pages/sign_in.py": ("ASK_AGAIN",),
}
"""Words that reach a template by name and are translated there."""


def sentences() -> set[str]:
    found = {msgid if isinstance(msgid, str) else msgid[0] for msgid in messages.wanted(HOME)}
    return found | {text for path, names in TABLES.items() for text in _of_tables(HOME / path, names)}


def _of_tables(path: Path, names: tuple[str, ...]) -> Iterator[str]:
    for statement in ast.parse(path.read_text()).body:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        named = {one.id for one in ast.walk(target) if isinstance(one, ast.Name)} if target is not None else set()
        if named & set(names):
            yield from _texts(statement.value)  # type: ignore[attr-defined]


def _texts(value: ast.expr) -> Iterator[str]:
    match value:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Dict(values=values) | ast.Tuple(elts=values):
            for one in values:
                yield from _texts(one)
