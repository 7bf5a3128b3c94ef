"""Every sentence of ours that a visitor or member may read, wherever it is written."""

import ast
from collections.abc import Iterator
from pathlib import Path

import members
from jinja2.ext import babel_extract

HOME = Path(members.__file__).parent
OPTIONS = {"trim_blocks": "true", "extensions": "jinja2.ext.do", "silent": "false"}
NO = {"NotAllowed", "NotFound", "Gone", "Invalid", "Forbidden", "AlreadyConfirmed"}
NOT_SHOWN = {"cli", "opening", "timers", "consumers", "settings", "keyring", "staff"}
"""Modules whose words are for staff and operators, who read English."""


def sentences() -> set[str]:
    return {*_of_templates(), *_of_python()} - {""}


def _of_templates() -> Iterator[str]:
    for path in HOME.glob("templates/*.html"):
        if path.name.startswith("staff-"):
            continue
        with path.open("rb") as file:
            for _, _, message, _ in babel_extract(file, ("_", "gettext", "ngettext"), (), OPTIONS):
                yield from (part for part in ([message] if isinstance(message, str) else message) if part)


def _of_python() -> Iterator[str]:
    for path in HOME.rglob("*.py"):
        if path.stem not in NOT_SHOWN:
            yield from _of_module(ast.parse(path.read_text()))


def _of_module(tree: ast.Module) -> Iterator[str]:
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            name = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            if _is_constant(name):
                yield from filter(_reads_like_words, _texts(statement.value))
    for call in [node for node in ast.walk(tree) if isinstance(node, ast.Call)]:
        named = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if named in NO and call.args:
            yield from _texts(call.args[0])


def _is_constant(name: ast.expr) -> bool:
    names = name.elts if isinstance(name, ast.Tuple) else [name]
    return all(isinstance(one, ast.Name) and one.id.isupper() for one in names)


def _texts(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.Dict | ast.Tuple):
        for one in value.values if isinstance(value, ast.Dict) else value.elts:
            yield from _texts(one)


def _reads_like_words(text: str) -> bool:
    return text[:1].isupper() and "/" not in text and not text.isupper()
