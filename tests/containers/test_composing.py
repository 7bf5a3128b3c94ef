"""`make up` and `make down`, as somebody types them who has the images."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from deploy.local import ports
from tests.containers import composed, engine
from tests.containers.people import expect, join


@dataclass
class Installation:
    """One of its own, beside whatever else runs on this machine."""

    secrets: Path
    project: str = field(default_factory=lambda: f"installed-{uuid4().hex[:8]}")
    port: int = field(default_factory=ports.any_free)
    browsers: list[httpx.Client] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)
    """By the variables that replace them."""

    def make(self, target: str) -> None:
        done = subprocess.run(["make", target], cwd=engine.ROOT, env=self._told(), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]

    def compose(self, *words: str) -> str:
        file = str(engine.ROOT / "deploy" / "compose.yaml")
        return engine.docker("compose", "-f", file, *words, environment=self._told())

    def visitor(self, door: str = "front-door") -> httpx.Client:
        browser = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", headers={"Sec-Fetch-Site": "same-origin"}, timeout=60
        )
        self.browsers.append(browser)
        return browser

    def forget(self) -> None:
        for browser in self.browsers:
            browser.close()
        self.compose("down", "--volumes")

    def _told(self) -> dict[str, str]:
        return {
            **os.environ,
            **self.images,
            "COMPOSE_PROJECT_NAME": self.project,
            "FRONT_DOOR_PORT": f"127.0.0.1:{self.port}",
            "SECRETS_FOLDER": str(self.secrets),
        }


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path / "secrets")
    try:
        yield made
    finally:
        made.forget()
    assert left_of(made, "volume") == []


def test_one_command_starts_everything_and_another_ends_it_and_keeps_the_data(installation: Installation):
    installation.make("up")
    member = join(installation)

    installation.make("down")
    assert left_of(installation, "container") == left_of(installation, "network") == []
    assert len(left_of(installation, "volume")) == 2, "PostgreSQL's and Kafka's"

    installation.make("up")
    assert expect(member.browser.get("/api/members/me"), 200)["member_id"] == member.member_id
    assert join(installation).member_id != member.member_id


def test_one_service_is_released_and_taken_back_alone(installation: Installation):
    installation.make("up")
    before = containers_of(installation)
    with another_tag("hub") as released:
        installation.images["HUB_IMAGE"] = released
        installation.compose("up", "--detach", "hub", "hub-topics")
        after = containers_of(installation)
        assert {name for name in after if after[name] != before[name]} == {"hub", "hub-migrate", "hub-topics"}
        installation.images.clear()
        installation.compose("up", "--detach", "--wait", "hub")
        assert join(installation).member_id
        images = installation.compose("ps", "--format", "{{.Service}} {{.Image}}").splitlines()
        assert f"hub {composed.image_of('hub')}" in images


@contextmanager
def another_tag(service: str) -> Iterator[str]:
    name = f"migration-network/{service}:{uuid4().hex}"
    engine.docker("tag", composed.image_of(service), name)
    try:
        yield name
    finally:
        engine.docker("rmi", "--force", name)


def containers_of(installation: Installation) -> dict[str, str]:
    told = installation.compose("ps", "--all", "--format", "{{.Service}} {{.ID}}").splitlines()
    return dict(line.split() for line in told)


def left_of(installation: Installation, kind: str) -> list[str]:
    everything = ["--all"] if kind == "container" else []
    ours = f"label=com.docker.compose.project={installation.project}"
    return engine.docker(kind, "ls", *everything, "--quiet", "--filter", ours).split()
