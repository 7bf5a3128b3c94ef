"""The benchmarks still run, each to its end, and what they print and keep fits together. Nothing here is about time."""

import json
import os
import socket
from pathlib import Path

import pytest

from benchmarks import figures
from benchmarks.__main__ import PATHS, measure
from benchmarks.figures import Cpu, Growth, Line, Report, Turn
from benchmarks.sink import sink
from benchmarks.sizes import TINY
from deploy.local import ports
from deploy.local.engines import Engines


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_measured_to_its_end(path: str, tmp_path: Path):
    """Each path insists by itself that all it published, sent or asked for arrived."""
    here = Engines(os.environ["TEST_POSTGRES_URL"], os.environ["TEST_KAFKA"], tmp_path)
    found = Report()
    measure(here, [path], TINY, found)
    assert found.lines
    assert all(each.ours > 0 for each in found.lines)
    assert found.growth
    assert {each.verdict for each in found.growth} <= {"flat", "linear", "worse"}


def test_the_mail_server_tells_of_more_letters_than_fit_into_a_pipe():
    port, letters = ports.any_free(), 5000
    with sink(port) as server, socket.create_connection(("127.0.0.1", port)) as line:
        for number in range(letters):
            line.sendall(b"RCPT TO:<letter-%d@example.org>\r\nDATA\r\nHello\r\n.\r\n" % number)
        line.sendall(b"QUIT\r\n")
        while line.recv(65536):
            pass  # it closes when it has taken them all
        taken = server.taken()
    assert (taken.mails, len(taken.letters)) == (letters, letters)


def test_medians_of_interleaved_turns_make_a_line():
    limit = [Turn(100, 1.0), Turn(100, 2.0), Turn(100, 0.5)]
    ours = [Turn(300, 4.0, Cpu(0.03, 0.06)), Turn(300, 6.0, Cpu(0.3, 0.6)), Turn(300, 2.0, Cpu(0.003, 0.006))]
    made = figures.line("relay", limit, ours, reach=0.7)
    assert (made.limit, made.ours, made.ratio) == (100, 75, 0.75)
    assert made.cpu_us == pytest.approx(300)
    assert not made.falls_short


def test_of_milliseconds_less_is_better():
    slower = Line("results page", 2.0, 4.0, unit="ms", reach=0.9)
    assert slower.ratio == 0.5
    assert slower.falls_short


@pytest.mark.parametrize(("ms_many", "verdict"), [(1.4, "flat"), (140.0, "linear"), (160.0, "worse")])
def test_growth_is_judged_beyond_noise(ms_many: float, verdict: str):
    assert Growth("relay", 10, 1000, 1.0, ms_many).verdict == verdict


def test_table_and_file_say_the_same(tmp_path: Path):
    lines = [Line("relay", 200.0, 100.0, reach=0.7, own_us=3.0, postgres_us=1.5), Line("letter, p95", None, 80.0, "ms")]
    figures.save(lines, tmp_path / "bench.json")
    kept = json.loads((tmp_path / "bench.json").read_text())
    assert kept == [
        {"path": "relay", "limit": 200.0, "ours": 100.0, "ratio": 0.5, "unit": "/s", "cpu_us": 4.5},
        {"path": "letter, p95", "limit": None, "ours": 80.0, "ratio": None, "unit": "ms", "cpu_us": None},
    ]
    table = figures.as_table(Report(lines, peaks={"members relay": 98.0}))
    assert "relay        200 /s      100 /s    0.50   0.70 SHORT" in table
    assert "98 MB" in table
