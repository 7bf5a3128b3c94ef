"""What each process is told, and what one folder allows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import databases, keys, run, stack
from deploy.local.stack import SERVICES, Stack


@pytest.fixture
def here(tmp_path: Path) -> Stack:
    databases = {name: f"postgresql://localhost/{name}" for name in (*SERVICES, "members_vault")}
    made = Stack(tmp_path, stack.free_ports(), kafka="localhost:1", databases=databases)
    keys.make(tmp_path / "keys")
    return made


def test_a_service_is_told_its_own_database_and_no_other(here: Stack):
    for service in SERVICES:
        told = here.environment(service)
        urls = {name for name, url in here.databases.items() if databases.runtime_url(url) in told.values()}
        assert told["DATABASE_URL"] == databases.runtime_url(here.databases[service])
        assert urls == ({"members", "members_vault"} if service == "members" else {service})


def test_a_service_holds_only_the_keys_it_needs(here: Stack):
    held = {service: {name for name in here.environment(service) if name.endswith("_KEY_FILE")} for service in SERVICES}
    assert held == {
        "members": {"MEMBERS_SIGNING_KEY_FILE", "NOTIFICATIONS_PUBLIC_KEY_FILE"},
        "hub": set(),
        "surveys": {"NOTIFICATIONS_PUBLIC_KEY_FILE"},
        "notifications": {"NOTIFICATIONS_PRIVATE_KEY_FILE"},
    }


def test_keys_are_made_once_and_readable_by_their_owner_alone(tmp_path: Path):
    folder = tmp_path / "keys"
    keys.make(folder)
    made = {file.name: file.read_text() for file in folder.iterdir()}
    keys.make(folder)
    assert {file.name: file.read_text() for file in folder.iterdir()} == made
    assert [file.name for file in folder.iterdir() if file.suffix == ".key" and file.stat().st_mode & 0o077] == []


def test_one_folder_runs_once_at_a_time(tmp_path: Path):
    refused = pytest.raises(run.AlreadyRunning, match=f"process {os.getpid()}")
    with run.the_only_run(tmp_path), refused, run.the_only_run(tmp_path):
        pass
    with run.the_only_run(tmp_path):
        pass


def test_a_killed_run_leaves_no_lock(tmp_path: Path):
    program = f"""
import os, signal
from pathlib import Path
from deploy.local import run
with run.the_only_run(Path({str(tmp_path)!r})):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2])
    with run.the_only_run(tmp_path):
        pass


def test_forgetting_leaves_what_was_fetched(tmp_path: Path):
    for name in ("postgres/data/PG_VERSION", "kafka/data/x", "kafka/libs/kafka.jar", "keys/k", "venv/bin/python"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    stack.forget(tmp_path)
    left = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()}
    assert left == {"kafka/libs/kafka.jar", "venv/bin/python"}
