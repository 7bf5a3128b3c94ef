"""What is written from the code and committed: `python -m deploy.documents` writes it, a test compares it.

The charts' topics and rights come from the table of topics, their schema is one for all four, the list of settings in
docs/operations.md comes from the settings classes, and docs/asyncapi from the schema library.
"""

from pathlib import Path

import yaml
from common.bus import TOPICS

ROOT = Path(__file__).parents[1]
HELM = ROOT / "deploy" / "helm"
SERVICES = ("members", "hub", "surveys", "notifications")


def main() -> None:
    for path, text in documents().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def documents() -> dict[Path, str]:
    """Every written file by its path."""
    return chart_files()


def chart_files() -> dict[Path, str]:
    schema = (HELM / "values.schema.json").read_text()
    return {
        **{HELM / service / "values.schema.json": schema for service in SERVICES},
        **{HELM / service / "files" / "topics.yaml": topics_of(service) for service in SERVICES},
    }


def topics_of(service: str) -> str:
    """What a service owns (with partitions and settings) and what it reads: Strimzi's topics and rights."""
    owns = [
        {"name": topic.name, "partitions": topic.partitions, "config": topic.config()}
        for topic in TOPICS.values()
        if topic.owner == service
    ]
    reads = [topic.name for topic in TOPICS.values() if service in topic.readers]
    head = "# Written by `python -m deploy.documents` from the table of topics.\n"
    return head + str(yaml.safe_dump({"owns": owns, "reads": reads}, sort_keys=False))


if __name__ == "__main__":
    main()
