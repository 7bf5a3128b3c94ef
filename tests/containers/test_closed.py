"""What an inspection of the running containers shows, and what it does not show."""

import json
import re
import tomllib

import pytest
import yaml

from tests.containers import composed, engine
from tests.containers.people import expect
from tests.containers.system import SERVICES, System

MEGABYTE = 1_000_000
SOMEWHERE_ELSE = re.compile(r"""(?:src|href)=["'](?:https?:)?//[^"']*""")
MOST = {"members": 220, "hub": 220, "surveys": 450, "notifications": 220}

each_service = pytest.mark.parametrize("service", SERVICES)


@each_service
def test_the_root_file_system_is_read_only_and_nobody_is_root(system: System, service: str):
    told = system.inspect(service)
    assert told["HostConfig"]["ReadonlyRootfs"] is True
    assert told["HostConfig"]["CapDrop"] == ["ALL"]
    assert told["HostConfig"]["SecurityOpt"] == ["no-new-privileges:true"]
    assert int(told["Config"]["User"].partition(":")[0]) >= 10001
    run = system.running[service].exec
    assert run(["id", "-u"]).output.decode().strip() == "10001"
    assert run(["touch", "/app/anything"]).exit_code != 0
    assert run(["touch", "/tmp/anything"]).exit_code == 0


@each_service
def test_an_image_is_small_checked_and_says_what_it_is(system: System, service: str):
    image = json.loads(engine.docker("image", "inspect", composed.image_of(service)))[0]
    project = tomllib.loads((engine.ROOT / "services" / service / "pyproject.toml").read_text())["project"]
    labels = image["Config"]["Labels"]
    assert image["Size"] <= MOST[service] * MEGABYTE
    assert "/readyz" in str(image["Config"]["Healthcheck"]["Test"])
    assert labels["org.opencontainers.image.title"] == service
    assert labels["org.opencontainers.image.version"] == project["version"]


@each_service
def test_nothing_of_a_build_is_left_in_an_image(system: System, service: str):
    run = system.running[service].exec
    assert run(["ls", "/src"]).exit_code != 0
    assert run(["ls", "/run/secrets/extra-ca"]).exit_code != 0
    history = engine.docker("history", "--no-trunc", composed.image_of(service))
    assert "BEGIN CERTIFICATE" not in history


@each_service
def test_it_shows_its_events_and_its_api_without_a_file_from_elsewhere(system: System, service: str):
    """As its own schema library has them, which is that of this commit."""
    written = yaml.safe_load((engine.ROOT / "docs" / "asyncapi" / f"{service}.yaml").read_text())
    with system.visitor() as browser:
        for page in ("events", "docs"):
            assert SOMEWHERE_ELSE.findall(expect(browser.get(f"/api/{service}/{page}"), 200).text) == []
        shown = expect(browser.get(f"/api/{service}/asyncapi.json"), 200)
    assert shown["asyncapi"] == "3.0.0"
    assert shown["channels"] == written["channels"]
    assert shown["components"]["schemas"] == written["components"]["schemas"]


def test_no_secret_shows_in_inspection_or_logs(system: System):
    """Looked at again when the last container is gone: what tests do to them is in their logs then."""
    assert system.secrets_shown() == []


def test_only_the_front_door_can_be_reached_from_outside(system: System):
    published = {
        name
        for name in (*SERVICES, "postgres", "kafka")
        if any(system.inspect(name)["HostConfig"]["PortBindings"] or {})
    }
    assert published == set()
