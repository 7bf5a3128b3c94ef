"""The front door sends each path to its service, keeps cookies from answering pages and secrets from its log."""

import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.local import ports, processes, stack
from deploy.local.stack import SERVICES, Stack

TOKEN = "Zx9sEcReTtOkEn_0123456"


class Echo(BaseHTTPRequestHandler):
    """Answers with the service it stands for and the cookie it got."""

    def do_GET(self) -> None:
        server: EchoServer = self.server  # type: ignore[assignment]
        body = json.dumps({"service": server.service, "cookie": self.headers.get("Cookie")}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class EchoServer(ThreadingHTTPServer):
    def __init__(self, service: str, port: int) -> None:
        super().__init__((ports.LOOPBACK, port), Echo)
        self.service = service


@pytest.fixture(scope="module")
def front_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Caddy as it runs for people, before three services that say who they are; hub is away."""
    here = Stack(tmp_path_factory.mktemp("front door"), stack.free_ports())
    servers = [EchoServer(name, here.ports[name]) for name in SERVICES if name != "hub"]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    here._start_front_door()
    yield here
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
    assert status == 502
    assert answer.headers["Retry-After"] == "5"
    assert all(sentence in body for sentence in ("Nothing is lost", "Rien n’est perdu", 'dir="rtl"'))


def test_a_service_that_is_away_has_a_problem_for_programs(front_door: Stack):
    status, body, answer = ask(front_door, "/api/hub/meetings")
    assert status == 502
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert json.loads(body)["status"] == 502


def test_the_log_has_no_secret_no_name_and_no_cookie(front_door: Stack):
    for path in (f"/s/{TOKEN}", f"/s/{TOKEN}/page/2", f"/confirm/{TOKEN}", f"/session/{TOKEN}", f"/u/{TOKEN}?x=1"):
        ask(front_door, path, cookie="access=c00kie")
    ask(front_door, "/staff/members?q=Amina", cookie="access=c00kie")
    log = processes.last_words(front_door.logs / "front-door.log", lines=1000)
    assert '"uri":"/staff/members*"' in log
    assert not [secret for secret in (TOKEN, "Amina", "c00kie") if secret in log]


def test_its_configuration_is_formatted_and_valid():
    caddy = Path(sys.executable).parent / "caddy"
    subprocess.run([caddy, "fmt", "--diff", str(stack.CADDY / "Caddyfile")], check=True, capture_output=True)
