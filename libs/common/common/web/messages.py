"""Which sentences a service says to visitors and members, and which of them its catalogs lack.

``python -m common.web.messages services/hub/hub`` lists what is missing, ``--write`` adds it to the .po files, empty.
In templates a sentence is ``_("...")``. In Python it is the text of a NotAllowed (or a class made from it), of a
Sentence, of ``required=`` and of ``.refuse(field, ...)``; a line that ends in ``# staff`` is read by staff alone, and
so is a file with ``staff`` in its path: the console speaks English.
"""

import ast
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import typer
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from common import errors
from common.web.i18n import COMMON_LOCALE, LANGUAGES

TRANSLATED_LANGUAGES = tuple(language for language in LANGUAGES if language != "en")
TEMPLATE_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}
SAYS_NO = {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.NotAllowed)
}
SENTENCE_AT = {"Sentence": 0, "N_": 0, "_": 0, "refuse": 1, "answer_no": 2, "say": 1}
"""Which argument of a call is a sentence, by the name of what is called."""

Msgid = str | tuple[str, ...]
_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[sd]")


@dataclass(frozen=True)
class Place:
    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def wanted(package: Path) -> dict[Msgid, Place]:
    """Every sentence of a package for visitors and members, with one place that says it."""
    return {**_in_python(package), **_in_templates(package / "templates")}


def unsayable(package: Path) -> list[Place]:
    """Where a sentence is put together with an f-string: no catalog can hold it. A Sentence takes its place."""
    return [place for _, place, sentence in _sentences_in_python(package) if isinstance(sentence, ast.JoinedStr)]


def faults(package: Path, locale: Path | None = None) -> list[str]:
    """What is wrong with the catalogs of a package (the shared ones stand behind it), as lines for whoever mends it."""
    found, said = [], wanted(package)
    for language in TRANSLATED_LANGUAGES:
        own, shared = read(locale or package / "locale", language), read(COMMON_LOCALE, language)
        faulty = (_fault(own if _knows(own, msgid) else shared, language, msgid, said[msgid]) for msgid in said)
        found += [fault for fault in faulty if fault]
    return found


def read(locale: Path, language: str) -> Catalog:
    path = _file(locale, language)
    if not path.is_file():
        return Catalog(locale=language)
    return read_po(io.BytesIO(path.read_bytes()), locale=language)


def _knows(catalog: Catalog, msgid: Msgid) -> bool:
    return catalog.get(_id(msgid)) is not None


def _id(msgid: Msgid) -> str:
    """A plural is found by its singular."""
    return msgid if isinstance(msgid, str) else msgid[0]


def _fault(catalog: Catalog, language: str, msgid: Msgid, place: Place) -> str | None:
    message = catalog.get(_id(msgid))
    if message is None:
        return f"{language}: missing, said at {place}: {msgid!r}"
    if message.fuzzy:
        return f"{language}: fuzzy: {msgid!r}"
    translations = [message.string] if isinstance(message.string, str) else list(message.string or ())
    if not all(translations) or (isinstance(msgid, tuple) and len(translations) != catalog.num_plurals):
        return f"{language}: empty, said at {place}: {msgid!r}"
    if problem := _placeholder_problem(msgid, translations):
        return f"{language}: {problem}: {msgid!r}"
    return None


def _placeholder_problem(msgid: Msgid, translations: Iterable[str]) -> str | None:
    """A form for one or two of something may leave the number out; no form may ask for what is not given."""
    source = msgid if isinstance(msgid, str) else msgid[-1]
    given = _placeholders(source)
    for translation in translations:
        used = _placeholders(translation)
        if used - given or (isinstance(msgid, str) and used != given):
            return f"placeholders {sorted(used)} instead of {sorted(given)}"
    return None


def _placeholders(text: str) -> set[str]:
    return {str(match.group(0)) for match in _PLACEHOLDER.finditer(text)}


def _in_templates(folder: Path) -> dict[Msgid, Place]:
    found: dict[Msgid, Place] = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        if path.suffix in (".html", ".txt", ".mjml", ".xml"):
            with path.open("rb") as file:
                for line, message, _, _ in extract(
                    "jinja2.ext:babel_extract", file, keywords=TEMPLATE_KEYWORDS, options=_JINJA
                ):
                    found.setdefault(message, Place(path, line))
    return found


_JINJA = {"extensions": "jinja2.ext.i18n,jinja2.ext.do", "newstyle_gettext": "true", "silent": "false"}


def _in_python(package: Path) -> dict[Msgid, Place]:
    constants = _constants(package)
    found: dict[Msgid, Place] = {}
    for _, place, sentence in _sentences_in_python(package):
        for text in _texts(sentence, constants):
            found.setdefault(text, place)
    return found


def _sentences_in_python(package: Path) -> Iterator[tuple[str, Place, ast.expr]]:
    files = [path for path in sorted(package.rglob("*.py")) if not _is_for_staff(path.relative_to(package))]
    trees = {path: ast.parse(path.read_text()) for path in files}
    refusals = _refusals(trees.values())
    for path, tree in trees.items():
        lines = path.read_text().splitlines()
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if not lines[(call.end_lineno or call.lineno) - 1].rstrip().endswith("# staff"):
                for sentence in _sentences_of(call, refusals):
                    yield path.name, Place(path, call.lineno), sentence


def _is_for_staff(path: Path) -> bool:
    return any(word in str(path) for word in ("staff", "console", "cli.py"))


def _refusals(trees: Iterable[ast.Module]) -> set[str]:
    """The names of all classes that say no: those of common.errors and what is made from them."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    names, before = set(SAYS_NO), 0
    while len(names) != before:
        before = len(names)
        names |= {one.name for one in classes if any(_name_of(base) in names for base in one.bases)}
    return names


def _sentences_of(call: ast.Call, refusals: set[str]) -> Iterator[ast.expr]:
    name = _name_of(call.func)
    position = 0 if name in refusals else SENTENCE_AT.get(name)
    if position is not None and len(call.args) > position:
        yield call.args[position]
    yield from (keyword.value for keyword in call.keywords if keyword.arg == "required")


def _name_of(expression: ast.expr) -> str:
    match expression:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _constants(package: Path) -> dict[str, str]:
    """``TOO_LONG = "..."`` at the top of any file of the package."""
    return {
        target.id: node.value.value
        for path in package.rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id.isupper()
    }


def _texts(sentence: ast.expr, constants: dict[str, str]) -> Iterator[str]:
    match sentence:
        case ast.Constant(value=str(text)) if text:
            yield text
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in constants:
            yield constants[name]
        case ast.IfExp(body=one, orelse=other):
            yield from _texts(one, constants)
            yield from _texts(other, constants)
        case ast.BoolOp(values=values):
            for value in values:
                yield from _texts(value, constants)
        case _:
            return


def _file(locale: Path, language: str) -> Path:
    return locale / language / "LC_MESSAGES" / "messages.po"


def write_missing(package: Path) -> int:
    """Add what is missing to the catalogs, empty and with its place; drop what nobody says any more."""
    added = 0
    for language in TRANSLATED_LANGUAGES:
        old, shared = read(package / "locale", language), read(COMMON_LOCALE, language)
        fresh = Catalog(locale=language, fuzzy=False)
        for msgid, place in sorted(wanted(package).items(), key=lambda item: str(item[1])):
            known: Message | None = old.get(_id(msgid))
            if known is None and package != COMMON_LOCALE.parent and _knows(shared, msgid):
                continue
            added += known is None
            fresh.add(msgid, known.string if known else None, locations=[(str(place.path.relative_to(package)), 1)])
        write(package / "locale", language, fresh)
    return added


def write(locale: Path, language: str, catalog: Catalog) -> None:
    """Without line numbers, dates and names: only a changed sentence changes the file."""
    written = io.BytesIO()
    write_po(written, catalog, width=118, include_lineno=False, omit_header=True)
    path = _file(locale, language)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_HEADER.format(language=language, plurals=catalog.plural_forms) + written.getvalue().decode())


_HEADER = """\
msgid ""
msgstr ""
"Language: {language}\\n"
"Plural-Forms: {plurals}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


def main(packages: list[Path], write: bool = False) -> None:
    """List (or write) what the catalogs of these package folders lack."""
    for package in packages:
        if write:
            typer.echo(f"{package}: {write_missing(package)} added")
        for line in [*(f"f-string: {place}" for place in unsayable(package)), *faults(package)]:
            typer.echo(line)


if __name__ == "__main__":
    typer.run(main)
