"""What the compose file promises about every container of ours."""

import tomllib

import pytest
import yaml

from tests.deploy.places import ROOT, SERVICES

COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
OURS = {name: told for name, told in COMPOSE["services"].items() if name not in ("postgres", "kafka", "front-door")}


@pytest.mark.parametrize("name", OURS)
def test_a_container_of_ours_writes_nowhere_and_has_no_rights(name):
    told = OURS[name]
    assert told["read_only"] is True
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_secrets_come_by_file(name):
    environment = COMPOSE["services"][name].get("environment", {})
    told = [key for key in environment if key.endswith(("PASSWORD", "SECRET", "DATABASE_URL", "VAULT_URL", "_KEY"))]
    assert told == []


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_image_can_be_replaced_and_says_its_version(name):
    image = COMPOSE["services"][name]["image"]
    assert image.startswith("${")
    _, default = image.removesuffix("}").split(":-")
    assert ":" in default
    assert not default.endswith(":latest")


@pytest.mark.parametrize("service", SERVICES)
def test_the_default_image_is_the_version_that_the_service_says_it_is(service):
    project = tomllib.loads((ROOT / "services" / service / "pyproject.toml").read_text())["project"]
    assert COMPOSE["services"][service]["image"].endswith(f"/{service}:{project['version']}}}")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_waits_for_its_own_migrations_and_for_no_other_service(service):
    assert set(COMPOSE["services"][service]["depends_on"]) <= {f"{service}-migrate", f"{service}-migrate-keys"}


def test_only_the_front_door_can_be_reached_from_outside():
    assert [name for name, told in COMPOSE["services"].items() if "ports" in told] == ["front-door"]
