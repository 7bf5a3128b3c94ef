"""The front door sends each path to its service, keeps cookies from answering pages and secrets from its log."""

import http.client
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from common.service import running

from deploy.local import ports, processes, stack
from deploy.local.stack import SERVICES, Stack

TOKEN = "Zx9sEcReTtOkEn_0123456"


class Echo(BaseHTTPRequestHandler):
    """Answers with the service it stands for and the cookie it got; on /openz whether it is open."""

    def do_GET(self) -> None:
        server: EchoServer = self.server  # type: ignore[assignment]
        if self.path == "/openz" and not server.open:
            return self.send_error(503)
        body = json.dumps({"service": server.service, "cookie": self.headers.get("Cookie")}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class EchoServer(ThreadingHTTPServer):
    def __init__(self, service: str, port: int, address: str = ports.LOOPBACK) -> None:
        super().__init__((address, port), Echo)
        self.service = service
        self.open = True


@pytest.fixture(scope="module")
def front_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Caddy as it runs for people, before three services that say who they are; hub is away."""
    here = Stack(tmp_path_factory.mktemp("front door"), stack.free_ports())
    there = [name for name in SERVICES if name != "hub"]
    servers = [EchoServer(name, here.ports[port]) for name in there for port in (name, f"{name} health")]
    with serving(here, servers):
        yield here


@contextmanager
def serving(here: Stack, servers: list[EchoServer]) -> Iterator[None]:
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        here._start_front_door()
        yield
    finally:
        here.stop()
        for server in servers:
            server.shutdown()
            server.server_close()


def ask(here: Stack, path: str, cookie: str = "access=abc") -> tuple[int, str, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(ports.LOOPBACK, here.ports["front door"], timeout=20)
    connection.request("GET", path, headers={"Cookie": cookie})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body, answer


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/", "members"),
        ("/join", "members"),
        ("/staff", "members"),
        ("/staff/members", "members"),
        ("/api/members/names", "members"),
        ("/static/members/x.css", "members"),
        ("/.well-known/security.txt", "members"),
        ("/surveysanne", "members"),
        (f"/s/{TOKEN}", "surveys"),
        ("/surveys", "surveys"),
        ("/staff/surveys/1", "surveys"),
        ("/api/surveys/x", "surveys"),
        ("/messages", "notifications"),
        (f"/u/{TOKEN}", "notifications"),
        ("/mailbox", "notifications"),
        ("/staff/deliveries", "notifications"),
        ("/api/notifications/x", "notifications"),
    ],
)
def test_each_path_leads_to_its_service(front_door: Stack, path: str, service: str):
    status, body, _ = ask(front_door, path)
    assert (status, json.loads(body)["service"]) == (200, service)


def test_cookies_never_reach_the_answering_pages(front_door: Stack):
    assert json.loads(ask(front_door, f"/s/{TOKEN}")[1])["cookie"] is None
    assert json.loads(ask(front_door, "/surveys")[1])["cookie"] == "access=abc"


def test_a_service_that_is_away_has_a_page_for_people(front_door: Stack):
    status, body, answer = ask(front_door, "/hub")
    assert status == 503
    assert answer.headers["Retry-After"] == "5"
    assert all(sentence in body for sentence in ("Nothing is lost", "Rien n’est perdu", 'dir="rtl"'))


def test_a_service_that_is_away_has_a_problem_for_programs(front_door: Stack):
    status, body, answer = ask(front_door, "/api/hub/meetings")
    assert status == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert json.loads(body)["status"] == 503


async def test_an_instance_that_is_about_to_end_gets_nothing_new(tmp_path: Path, eventually: Any):
    here = Stack(tmp_path, stack.free_ports(), instances=2)
    both = [EchoServer(str(number), here.ports["members"], stack.address(number)) for number in (1, 2)]
    health = [EchoServer("health", here.ports["members health"], stack.address(number)) for number in (1, 2)]

    def chosen(times: int = 20) -> set[str]:
        return {json.loads(ask(here, "/")[1])["service"] for _ in range(times)}

    with serving(here, both + health):
        await eventually(lambda: chosen() == {"1", "2"})
        health[0].open = False
        await eventually(lambda: chosen() == {"2"})
        health[0].open = True
        await eventually(lambda: chosen() == {"1", "2"})


def test_the_log_has_no_secret_no_name_and_no_cookie(front_door: Stack):
    for path in (f"/s/{TOKEN}", f"/s/{TOKEN}/page/2", f"/confirm/{TOKEN}", f"/session/{TOKEN}", f"/u/{TOKEN}?x=1"):
        ask(front_door, path, cookie="access=c00kie")
    ask(front_door, "/staff/members?q=Amina", cookie="access=c00kie")
    log = processes.last_words(front_door.logs / "front-door.log", lines=1000)
    assert '"uri":"/staff/members*"' in log
    assert not [secret for secret in (TOKEN, "Amina", "c00kie") if secret in log]


def test_it_lets_go_of_an_idle_connection_before_a_service_does():
    """Else now and then one would be closed while a request is on its way, which must not be sent again."""
    (kept,) = re.findall(r"keepalive (\d+)s", (stack.CADDY / "Caddyfile").read_text())
    assert int(kept) < running.KEEP_ALIVE


def test_its_configuration_is_formatted_and_valid():
    caddy = Path(sys.executable).parent / "caddy"
    subprocess.run([caddy, "fmt", "--diff", str(stack.CADDY / "Caddyfile")], check=True, capture_output=True)
