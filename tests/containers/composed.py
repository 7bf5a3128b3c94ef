"""Containers as deploy/compose.yaml tells them, made one by one: what is tested is what is shipped."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from tests.containers.engine import ROOT

DEPLOY = ROOT / "deploy"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")
SECONDS = {"s": 1_000_000_000}


def image_of(name: str) -> str:
    return _by_default(SERVICES[name]["image"])


@dataclass(frozen=True)
class Changes:
    """What of a container is not as the file tells it."""

    called: str = ""
    image: str = ""
    secrets: Mapping[str, Path] = field(default_factory=dict)
    """Files by their place under /run/secrets."""
    environment: Mapping[str, str] = field(default_factory=dict)


def container(name: str, network: Network, secrets: Path, changes: Changes) -> DockerContainer:
    """Not started. A second one of a kind has a name of its own: the front door leads to the first."""
    told = SERVICES[name]
    made = DockerContainer(changes.image or image_of(name)).with_network(network)
    made.with_network_aliases(changes.called or name)
    for variable, value in {**told.get("environment", {}), **changes.environment}.items():
        made.with_env(variable, _by_default(str(value)))
    if "command" in told:
        made.with_command(told["command"])
    for source, target in _mounts(told, secrets, changes.secrets).items():
        made.with_volume_mapping(str(source), target, "ro")
    made.tmpfs.update(
        {place: options for place, _, options in (mount.partition(":") for mount in told.get("tmpfs", []))}
    )
    return made.with_kwargs(**_limits(told))


def _by_default(text: str) -> str:
    return DEFAULT.sub(lambda found: found[1], text)


def _mounts(told: dict[str, Any], secrets: Path, others: Mapping[str, Path]) -> dict[Path, str]:
    """Secrets and files of the repository. What the engines store stays in their containers and goes with them."""
    mounts = {}
    for secret in told.get("secrets", []):
        source, target = (secret, secret) if isinstance(secret, str) else (secret["source"], secret["target"])
        mounts[others.get(target, secrets / source)] = f"/run/secrets/{target}"
    for volume in told.get("volumes", []):
        source, target, *_ = volume.split(":")
        if source.startswith("."):
            mounts[(DEPLOY / source).resolve()] = target
    return mounts


def _limits(told: dict[str, Any]) -> dict[str, Any]:
    same = {name: told[name] for name in ("user", "read_only", "cap_drop", "cap_add", "security_opt") if name in told}
    if told.get("restart") == "unless-stopped":
        same["restart_policy"] = {"Name": "unless-stopped"}
    if check := told.get("healthcheck"):
        times = {name: int(check[name][:-1]) * SECONDS[check[name][-1]] for name in ("interval", "timeout")}
        same["healthcheck"] = {"test": check["test"], "retries": check["retries"], **times}
    return same
