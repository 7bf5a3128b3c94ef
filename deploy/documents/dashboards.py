"""deploy/dashboards/<service>.json: what to look at in Grafana, one board per service, from one list of questions."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.documents.places import ROOT, SERVICES

FOLDER = ROOT / "deploy" / "dashboards"
WIDTH, HEIGHT, COLUMNS = 12, 8, 2


@dataclass(frozen=True)
class Panel:
    """One question. ``%s`` stands where the board says of which service."""

    title: str
    expr: str
    legend: str = "{{pod}}"
    unit: str = "short"


PANELS = (
    Panel("Age of the oldest fact not yet told", "max(outbox_lag_seconds{%s})", "age", "s"),
    Panel("Facts told", "sum(rate(outbox_published_total{%s}[5m]))", "per second", "ops"),
    Panel("Records applied", "sum by (group) (rate(inbox_applied_total{%s}[5m]))", "{{group}}", "ops"),
    Panel(
        "Records set aside (dead letters)", "sum by (group) (increase(inbox_dead_letters_total{%s}[1h]))", "{{group}}"
    ),
    Panel("Facts that wait behind a dead letter", "sum by (group) (increase(inbox_parked_total{%s}[1h]))", "{{group}}"),
    Panel("Rows that Kafka refused", "sum(increase(outbox_dead_total{%s}[1h]))", "rows"),
    Panel("Batches tried again", "sum by (group) (rate(inbox_retries_total{%s}[5m]))", "{{group}}", "ops"),
    Panel("Records not yet read", "sum by (group) (inbox_records_behind{%s})", "{{group}}"),
    Panel("Partitions held", "sum by (group, pod) (inbox_partitions_assigned{%s})", "{{group}} {{pod}}"),
    Panel("Partitions whose log lost what we need", "max by (group) (inbox_positions_lost{%s})", "{{group}}"),
    Panel("Outbox rows that no partition took", "max(outbox_default_partition_rows{%s})", "rows"),
    Panel("Roles started again", "sum by (role) (increase(role_restarts_total{%s}[1h]))", "{{role}}"),
    Panel(
        "Requests that shared one transaction (median)",
        "histogram_quantile(0.5, sum by (le, name) (rate(coalescer_batch_size_bucket{%s}[5m])))",
        "{{name}}",
    ),
)

OWN = {
    "notifications": (
        Panel(
            "Age of what we know of answers",
            "time() - min(max by (partition) (answers_known_until_timestamp_seconds{%s}))",
            "age",
            "s",
        ),
    )
}
"""What only one service can be asked."""


def files() -> dict[Path, str]:
    return {FOLDER / f"{service}.json": json.dumps(board(service), indent=2) + "\n" for service in SERVICES}


def board(service: str) -> dict[str, Any]:
    return {
        "uid": f"network-{service}",
        "title": f"Network: {service}",
        "tags": ["migration-network"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [{"name": "DS_PROMETHEUS", "type": "datasource", "query": "prometheus"}]},
        "panels": [panel(number, asked, service) for number, asked in enumerate(panels_of(service))],
    }


def panels_of(service: str) -> tuple[Panel, ...]:
    return PANELS + OWN.get(service, ())


def panel(number: int, asked: Panel, service: str) -> dict[str, Any]:
    """The chart's metrics service is `<release>-<service>-metrics`, and that is the job Prometheus scrapes."""
    source = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": asked.title,
        "datasource": source,
        "gridPos": {
            "x": number % COLUMNS * WIDTH,
            "y": number // COLUMNS * HEIGHT,
            "w": WIDTH,
            "h": HEIGHT,
        },
        "fieldConfig": {"defaults": {"unit": asked.unit, "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": "A",
                "datasource": source,
                "expr": asked.expr % f'job=~"(.+-)?{service}(-metrics)?"',
                "legendFormat": asked.legend,
            }
        ],
    }
