"""What operations look at and are woken by: every name in it is one that the services really count."""

import json
import re

import pytest
import yaml
from common import metrics
from notifications import metrics as metrics_of_notifications
from prometheus_client.metrics import MetricWrapperBase

from deploy.documents import dashboards
from tests.deploy.places import ROOT, SERVICES

ALERTS = yaml.safe_load((ROOT / "deploy" / "dashboards" / "alerts.yaml").read_text())["groups"][0]["rules"]
ASKED = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{")
ENDINGS = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


OWN = {"notifications": metrics_of_notifications}


def counted(*services: str) -> set[str]:
    """By every service, and by these beside."""
    modules = [metrics, *(OWN[service] for service in services if service in OWN)]
    families = [made for module in modules for made in vars(module).values() if isinstance(made, MetricWrapperBase)]
    return {family._name + ending for family in families for ending in ENDINGS[family._type]}


@pytest.mark.parametrize("service", SERVICES)
def test_a_board_asks_for_metrics_that_there_are(service):
    board = json.loads((dashboards.FOLDER / f"{service}.json").read_text())
    asked = {name for panel in board["panels"] for name in ASKED.findall(panel["targets"][0]["expr"])}
    assert asked
    assert asked <= counted(service)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_asks_for_a_metric_that_there_is_and_says_what_is_wrong(alert):
    assert set(ASKED.findall(alert["expr"])) <= counted(*SERVICES)
    assert ASKED.search(alert["expr"])
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert alert["annotations"]["summary"]


def test_whatever_is_counted_of_outbox_and_inbox_stands_on_a_board():
    asked = {name for panel in dashboards.PANELS for name in ASKED.findall(panel.expr)}
    gauges_and_counters = {name for name in counted() if name.startswith(("outbox_", "inbox_", "role_"))}
    assert gauges_and_counters - asked == {"inbox_skipped_total"}, "copies are nothing to look at"


@pytest.mark.parametrize("service", OWN)
def test_whatever_a_service_counts_beside_stands_on_its_board(service):
    asked = {name for panel in dashboards.panels_of(service) for name in ASKED.findall(panel.expr)}
    assert counted(service) - counted() <= asked


def test_operations_are_told_of_the_boards_and_alerts():
    told = (ROOT / "docs" / "operations.md").read_text()
    assert "deploy/dashboards" in told
