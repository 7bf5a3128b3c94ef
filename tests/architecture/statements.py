"""The SQL in our code: every text that is a statement, and every text handed to a connection."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.architecture.source import Module, modules

STATEMENT = re.compile(
    r"^\s*(SELECT\b|INSERT\s+INTO\b|UPDATE\s+\w+|DELETE\s+FROM\b|WITH\s+\w+|MERGE\s+INTO\b|TRUNCATE\b|VALUES\s*\()"
)
CLOCKS = re.compile(
    r"\b(now\s*\(|current_timestamp|current_date|current_time\b|localtimestamp|localtime\b"
    r"|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)",
    re.IGNORECASE,
)
ASKS = {"fetch", "fetchrow", "fetchval", "execute", "executemany", "cursor", "prepare", "fetchmany"}
UTILITY = re.compile(r"^\s*(CREATE|ALTER|DROP|SET|LOCK|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|COPY|ANALYZE)\b")


@dataclass(frozen=True)
class Sql:
    """A text of SQL and where it stands."""

    place: str
    module: Module
    sql: str


def sql_texts() -> Iterator[Sql]:
    """Every string in our code that begins as a statement does."""
    for module in modules():
        for node in ast.walk(module.tree):
            text = _literal(node)
            if text is not None and STATEMENT.match(text):
                yield Sql(module.at(node), module, text)


def asked(module: Module) -> Iterator[tuple[ast.Call, str | None]]:
    """Each call that hands SQL to a connection, with its text; None where the text is not known before it runs."""
    constants = _constants(module)
    for call in module.calls():
        if isinstance(call.func, ast.Attribute) and call.func.attr in ASKS and call.args:
            yield call, resolve(call.args[0], constants)


def resolve(node: ast.expr, constants: Mapping[str, str]) -> str | None:
    """The text of an expression made of literals and of this module's constants."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _join([resolve(node.left, constants), resolve(node.right, constants)])
    if isinstance(node, ast.JoinedStr):
        return _join([resolve(part, constants) for part in node.values])
    if isinstance(node, ast.FormattedValue):
        return resolve(node.value, constants)
    return None


def code_of(migration: str) -> str:
    """A migration without its comments and without the comments it gives to columns."""
    without_remarks = re.sub(r"--[^\n]*", "", migration)
    return re.sub(r"COMMENT ON .*?IS\s+'(?:[^']|'')*'", "", without_remarks, flags=re.DOTALL)


def _constants(module: Module) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in module.tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            text = resolve(node.value, found)
            if isinstance(target, ast.Name) and text is not None:
                found[target.id] = text
    return found


def _join(parts: list[str | None]) -> str | None:
    known = [part for part in parts if part is not None]
    return "".join(known) if len(known) == len(parts) else None


def _literal(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.Constant):
        return str(node.values[0].value)
    return None
