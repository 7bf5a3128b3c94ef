"""The charts as Helm itself renders them, without a cluster."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import yaml

from tests.deploy.places import HELM, SERVICES

Manifest = dict[str, Any]

BARE = {"publicUrl": "https://network.example.org", "kafka": {"bootstrapServers": "kafka:9092"}}
"""The least an installation has to say."""

EVERYTHING = {
    **BARE,
    "image": {"registry": "registry.example.org", "tag": "1.2.3"},
    "imagePullSecrets": [{"name": "pull"}],
    "podAnnotations": {"example.org/team": "platform"},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "database": {"cloudnativepg": {"enabled": True}},
    "kafka": {
        "bootstrapServers": "kafka:9093",
        "topicPrefix": "test.",
        "strimzi": {"enabled": True},
        "security": {"protocol": "SASL_SSL"},
    },
    "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "network-tls"},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "components": {
        "web": {"cpuScaling": {"minReplicas": 2, "maxReplicas": 6, "percent": 70}},
        "worker": {"lagScaling": {"minReplicas": 1, "maxReplicas": 64, "lagThreshold": 500}},
    },
}
"""Every option on at once."""


def render(chart: str, values: Manifest | None = None) -> list[Manifest]:
    texts = _loaded(chart).render(values or {}, name="net", namespace="network")
    documents = [
        document
        for name, text in sorted(texts.items())
        if not name.endswith("NOTES.txt")
        for document in yaml.safe_load_all(text)
    ]
    return [document for document in documents if document]


def as_text(manifests: list[Manifest]) -> str:
    return yaml.safe_dump_all(manifests, sort_keys=True, width=120)


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def by_name(manifests: list[Manifest]) -> dict[tuple[str, str], Manifest]:
    return {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in manifests}


def pod_specs(manifests: list[Manifest]) -> list[Manifest]:
    return [
        manifest["spec"]["template"]["spec"] for manifest in manifests if "template" in (manifest.get("spec") or {})
    ]


def lock(chart: str) -> str:
    """As Helm leaves it when the dependencies are those that were locked."""
    return (_with_dependencies(chart) / "Chart.lock").read_text()


def lint(chart: str, values: Manifest | None = None) -> list[str]:
    errors: list[str] = helm_python.lint(str(_with_dependencies(chart)), values, strict=True)["errors"]
    return errors


@cache
def _loaded(chart: str) -> helm_python.Chart:
    return helm_python.Chart.load(str(_with_dependencies(chart)))


@cache
def _with_dependencies(chart: str) -> Path:
    if chart == "platform":
        for service in SERVICES:
            _with_dependencies(service)
    helm_python.dependency_update(str(_copy() / chart))
    return _copy() / chart


@cache
def _copy() -> Path:
    """Helm packs a chart's neighbours into it: that happens in a copy, never in the working tree."""
    folder = Path(tempfile.mkdtemp(prefix="charts-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(HELM, folder, dirs_exist_ok=True)
    return folder
