"""The charts' topics, rights and consumer groups, and their schema, which is one for all four."""

import importlib
from pathlib import Path

import yaml
from common.bus import TOPICS

from deploy.documents.places import HELM, SERVICES


def files() -> dict[Path, str]:
    schema = (HELM / "values.schema.json").read_text()
    return {
        **{HELM / service / "values.schema.json": schema for service in SERVICES},
        **{HELM / service / "files" / "topics.yaml": topics_of(service) for service in SERVICES},
    }


def topics_of(service: str) -> str:
    """What a service owns (with partitions and settings), what it reads, and as whom: Strimzi's topics and rights, and
    the groups whose lag KEDA looks at."""
    owns = [
        {"name": topic.name, "partitions": topic.partitions, "config": topic.config()}
        for topic in TOPICS.values()
        if topic.owner == service
    ]
    reads = [topic.name for topic in TOPICS.values() if service in topic.readers]
    groups = [consumers.group for consumers in importlib.import_module(f"{service}.app").service.consumers]
    head = "# Written by `make documents` from the table of topics.\n"
    return head + str(yaml.safe_dump({"owns": owns, "reads": reads, "groups": groups}, sort_keys=False))
