"""docs/asyncapi/<service>.yaml: what each service shows of its events, with the golden examples."""

import json
from pathlib import Path
from typing import Any

import yaml
from common import asyncapi
from common.events import REGISTRY

from deploy.documents.places import DOCS, GOLDEN_EVENTS, SERVICES, version_of


def files() -> dict[Path, str]:
    return {DOCS / "asyncapi" / f"{service}.yaml": text_of(service) for service in SERVICES}


def text_of(service: str) -> str:
    document = asyncapi.document_of(service, version=version_of(service), examples=examples())
    head = "# Written by `make documents` from the schema library.\n"
    return head + str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110))


def examples() -> dict[str, dict[str, Any]]:
    return {name: json.loads((GOLDEN_EVENTS / f"{name}.example.json").read_text()) for name in REGISTRY}
