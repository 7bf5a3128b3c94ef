"""The moved clock, and a log that says things once."""

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import structlog
from common import clock, log


@pytest.fixture
def offset(tmp_path, monkeypatch):
    file = tmp_path / "offset"
    monkeypatch.setenv(clock.OFFSET_VARIABLE, str(file))
    return file


def near(moment):
    return abs(clock.now() - moment) < timedelta(seconds=5)


def test_the_clock_follows_the_offset_file(offset):
    assert near(datetime.now(UTC)), "no file, no offset"
    offset.write_text("3600.5")
    assert near(datetime.now(UTC) + timedelta(hours=1))
    offset.write_text(str(11 * 86400))
    assert near(datetime.now(UTC) + timedelta(days=11))


def test_a_half_written_offset_changes_nothing(offset):
    offset.write_text("7200")
    assert near(datetime.now(UTC) + timedelta(hours=2))
    offset.write_text("72oo")
    assert near(datetime.now(UTC) + timedelta(hours=2))


def test_a_noisy_logger_says_the_same_once_and_counts_the_rest():
    quiet = log.NotAgainSoSoon("aiokafka", 30.0)

    def line(at, name="aiokafka.client"):
        record = logging.LogRecord(name, logging.ERROR, "client.py", 7, "unable to connect to %s", ("k1",), None)
        record.created = at
        return record

    let_through = [at for at in range(100) if quiet.filter(line(float(at)))]
    assert let_through == [0, 30, 60, 90]
    assert all(quiet.filter(line(float(at), name="hub")) for at in range(10))
    again = line(200.0)
    assert quiet.filter(again)
    assert again.getMessage() == "unable to connect to k1 (9 like this were kept back)"


@pytest.fixture
def a_process_of_the_hub():
    """What a service configures once for its process, taken back: other tests share this one."""
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    level = root.level
    log.configure("hub")
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = before
    root.setLevel(level)


def test_a_log_line_is_one_ecs_object(capsys, a_process_of_the_hub):
    log.get_logger().info("meeting_moved", meeting_id="m-1")
    written = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert written["message"] == "meeting_moved"
    assert written["meeting_id"] == "m-1"
    assert written["service"]["name"] == "hub"
    assert written["log.level"] == "info"
    assert list(written)[:3] == ["@timestamp", "log.level", "message"]


def test_what_json_does_not_know_is_logged_as_its_text(capsys, a_process_of_the_hub):
    meeting_id = uuid4()
    log.get_logger().info("meeting_moved", meeting_id=meeting_id, how_far=timedelta(hours=1), where=Path("/hub"))
    written = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (written["meeting_id"], written["how_far"], written["where"]) == (str(meeting_id), "1:00:00", "/hub")
