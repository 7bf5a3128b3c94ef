"""``python -m tests.contracts.golden``: commit today's promises and write docs/events.md..

Never edits a golden file, and adds nothing while something is wrong with those that are there.
"""

import sys
from pathlib import Path

from common import contracts
from common.events import Part

from tests.contracts import documentation, examples, gate


def main() -> int:
    models = contracts.contracts()
    if wrong := obstacles(models, gate.GOLDEN) or lacking_examples(models, examples.EXAMPLES):
        sys.stderr.write("\n".join(wrong) + "\n")
        return 1
    for path in add_revisions(models, examples.EXAMPLES, gate.GOLDEN):
        sys.stdout.write(f"added {path.name}\n")
    documentation.PAGE.write_text(documentation.page(), "utf-8")
    return 0


def obstacles(models: dict[str, type[Part]], folder: Path) -> list[str]:
    """Edited files and incompatible changes; a mere drift is what we are here to commit."""
    if edited := gate.edits(folder):
        return edited
    goldens = gate.read_goldens(folder)
    return [
        *gate.orphans(models, goldens),
        *(complaint for name, model in models.items() for complaint in gate.breaks(name, model, goldens.get(name, []))),
    ]


def lacking_examples(models: dict[str, type[Part]], by_name: dict[str, Part]) -> list[str]:
    return [
        f"{name} has no example. Write a believable one into tests/contracts/examples.py, then run this again."
        for name in sorted(models.keys() - by_name.keys())
    ]


def add_revisions(models: dict[str, type[Part]], by_name: dict[str, Part], folder: Path) -> list[Path]:
    """Write down what is new; returns the files added."""
    goldens = gate.read_goldens(folder)
    added: list[Path] = []
    for name, model in sorted(models.items()):
        if not gate.drift(name, model, goldens.get(name, [])):
            continue
        revision = len(goldens.get(name, [])) + 1
        stem = name if revision == 1 else f"{name}.r{revision}"
        example = by_name[name].model_dump(mode="json")
        for kind, document in (("schema", contracts.writer_schema(model)), ("example", example)):
            path = folder / f"{stem}.{kind}.json"
            path.write_text(contracts.text_of(document), "utf-8")
            added.append(path)
    _promise(added, folder)
    return added


def _promise(added: list[Path], folder: Path) -> None:
    sums = gate.read_sums(folder) | {path.name: gate.sha256(path) for path in added}
    lines = [f"{digest}  {name}\n" for name, digest in sorted(sums.items())]
    (folder / gate.SUMS).write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
