"""What is written from the code and committed: `python -m deploy.documents` writes it, a test compares it."""

from pathlib import Path

from deploy.documents import asyncapi, charts, dashboards, settings


def documents() -> dict[Path, str]:
    """Every written file by its path."""
    return {**charts.files(), **asyncapi.files(), **settings.files(), **dashboards.files()}
