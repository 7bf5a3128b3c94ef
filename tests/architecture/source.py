"""Our own source code, parsed: what the rules of the house are checked on."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICES = ("members", "hub", "surveys", "notifications")


@dataclass(frozen=True)
class Module:
    """One file of a package; `name` is dotted (`members.store.sessions`)."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def package(self) -> str:
        return self.name.split(".")[0]

    def at(self, node: ast.AST) -> str:
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    def imports(self) -> Iterator[tuple[ast.stmt, str]]:
        """Each imported module, dotted; `from a import b` counts as `a.b`, which may be a module."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)

    def in_part(self, *parts: str) -> bool:
        """Whether it belongs to one of these parts of its package: `store.py` or anything below `store/`."""
        return self.name.split(".")[1:2] != [] and self.name.split(".")[1] in parts


@cache
def modules() -> tuple[Module, ...]:
    """Every module of common and of the services, tests apart."""
    folders = [ROOT / "libs" / "common", *(ROOT / "services" / service for service in SERVICES)]
    files = [(folder, file) for folder in folders for file in sorted((folder / folder.name).rglob("*.py"))]
    return tuple(Module(_dotted(file.relative_to(folder)), file, ast.parse(file.read_text())) for folder, file in files)


def committed_files(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


def dotted(node: ast.expr) -> str:
    """`clock.now` for such an expression, empty for any other kind."""
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return node.id if isinstance(node, ast.Name) else ""


def _dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")
