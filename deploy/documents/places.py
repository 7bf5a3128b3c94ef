"""Where things are."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
HELM = ROOT / "deploy" / "helm"
DOCS = ROOT / "docs"
GOLDEN_EVENTS = ROOT / "tests" / "golden" / "events"
SERVICES = ("members", "hub", "surveys", "notifications")


def version_of(service: str) -> str:
    project = tomllib.loads((ROOT / "services" / service / "pyproject.toml").read_text())
    return str(project["project"]["version"])
