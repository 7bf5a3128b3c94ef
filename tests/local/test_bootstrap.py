"""Set-up makes each part once, again when its sources change, and never half."""

import os
import sys
from pathlib import Path

import pytest

from deploy.local import bootstrap
from deploy.local.bootstrap import CanNotSetUp, Part, Program

NEVER = Program("a flux capacitor", lambda: False, ("flux-capacitor",))


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "LOCAL", tmp_path)
    monkeypatch.setattr(bootstrap, "LOG", tmp_path / "setup.log")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "lock.txt"
    file.write_text("one")
    return file


def part(source: Path, made: list[str], *, fails: bool = False) -> Part:
    result = source.parent / "result"

    def make() -> None:
        made.append(source.read_text())
        if fails:
            raise CanNotSetUp("no network")
        result.write_text("made")

    return Part("a part", (source,), result, make, ())


def test_a_part_is_made_once(source: Path):
    made: list[str] = []
    one = part(source, made)
    assert not one.is_fresh()
    one.bring_up_to_date()
    assert one.is_fresh()
    assert made == ["one"]


def test_a_part_is_made_again_when_what_it_is_made_from_changes(source: Path):
    one = part(source, [])
    one.bring_up_to_date()
    source.write_text("two")
    assert not one.is_fresh()


def test_a_part_whose_result_was_removed_is_made_again(source: Path):
    one = part(source, [])
    one.bring_up_to_date()
    one.result.unlink()
    assert not one.is_fresh()


def test_a_moved_checkout_sets_up_anew(source: Path, monkeypatch: pytest.MonkeyPatch):
    one = part(source, [])
    one.bring_up_to_date()
    monkeypatch.setattr(bootstrap, "ROOT", Path("/elsewhere"))
    assert not one.is_fresh()


def test_another_python_sets_up_anew(source: Path, monkeypatch: pytest.MonkeyPatch):
    one = part(source, [])
    one.bring_up_to_date()
    monkeypatch.setattr(sys, "executable", "/elsewhere/python3")
    assert not one.is_fresh()


@pytest.mark.parametrize(("made_by", "stays"), [(sys.executable, True), ("/elsewhere/python3", False)])
def test_an_environment_of_another_python_is_not_built_upon(
    made_by: str, stays: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / "venv")
    monkeypatch.setattr(bootstrap, "_run", lambda command: None)
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").symlink_to(made_by)
    bootstrap.make_venv()
    assert (tmp_path / "venv").exists() == stays


def test_a_part_that_failed_is_tried_again_the_next_time(source: Path):
    one = part(source, [], fails=True)
    with pytest.raises(CanNotSetUp):
        one.bring_up_to_date()
    assert not one.is_fresh()


def test_an_ordinary_user_gets_the_line_to_type(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(CanNotSetUp, match=r"sudo apt-get install -y --no-install-recommends flux-capacitor"):
        bootstrap.install_programs([NEVER])


def test_nothing_is_made_while_a_program_is_missing(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    made: list[str] = []
    needs_more = Part("a part", (source,), source.parent / "result", lambda: made.append("x"), (NEVER,))
    monkeypatch.setattr(bootstrap, "parts", lambda: [needs_more])
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert bootstrap.main("run") == 1
    assert made == []
    assert "a flux capacitor" in capsys.readouterr().err


def test_a_second_set_up_does_and_says_nothing(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    made: list[str] = []
    monkeypatch.setattr(bootstrap, "parts", lambda: [part(source, made)])
    assert bootstrap.main("run") == 0
    assert "fetched" in capsys.readouterr().out
    assert bootstrap.main("run") == 0
    assert capsys.readouterr().out == ""
    assert made == ["one"]


def test_the_words_of_a_command_that_failed_are_shown_and_kept():
    with pytest.raises(CanNotSetUp, match="it broke"):
        bootstrap._run(["sh", "-c", "echo it broke; exit 3"])
    assert "it broke" in bootstrap.LOG.read_text()


def test_every_package_is_pinned_by_a_hash_and_names_no_index():
    for lock in (bootstrap.ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        pins = [line for line in text.splitlines() if "==" in line and not line.lstrip().startswith("#")]
        assert len(pins) > 20
        assert all(line.rstrip().endswith("\\") for line in pins), f"{lock.name} has a pin without a hash"
        assert "://" not in text


def test_every_jar_of_the_broker_has_a_checksum():
    listed = (bootstrap.KAFKA / "jars.sha256").read_text().splitlines()
    assert all(len(line.split()[0]) == 64 for line in listed)
    assert any("log4j-slf4j-impl" in line for line in listed)
