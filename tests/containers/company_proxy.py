"""A company's proxy that looks into TLS: for every host it answers itself, by certificates of an authority of its own.

Behind it stands the simple index (PEP 503) of one wheelhouse, whichever host was asked for.
"""

import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

from common import clock
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM


@contextmanager
def company_proxy(folder: Path, wheelhouse: Path) -> Iterator["CompanyProxy"]:
    with CompanyProxy(folder, wheelhouse) as proxy:
        threading.Thread(target=proxy.serve_forever).start()
        try:
            yield proxy
        finally:
            proxy.shutdown()


class Authority:
    """Of a company: whoever does not know its certificate trusts none of those it signs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"Company {uuid4().hex}"
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._signed(self.name, self.key, x509.BasicConstraints(ca=True, path_length=None))
        self.file = folder / "ca.pem"
        self.file.write_bytes(self.certificate.public_bytes(PEM))

    def traces(self) -> list[bytes]:
        """Any of these shows that the certificate was here: as text, as bytes, or only its name."""
        a_line = self.file.read_bytes().splitlines()[2]
        return [a_line, self.certificate.public_bytes(serialization.Encoding.DER), self.name.encode()]

    @cache  # noqa: B019 - it ends with the test
    def context_for(self, host: str) -> ssl.SSLContext:
        """To answer as that host."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(host, key, x509.SubjectAlternativeName([x509.DNSName(host)]))
        private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file = self.folder / f"{host}.pem"
        file.write_bytes(private + certificate.public_bytes(PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _signed(self, name: str, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType) -> x509.Certificate:
        now = clock.now()
        return (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(_named(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
            .sign(self.key, hashes.SHA256())
        )


class CompanyProxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder: Path, wheelhouse: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.authority = Authority(folder)
        self.wheels = {wheel.name: wheel for wheel in wheelhouse.iterdir()}
        self.fetched: set[str] = set()

    @property
    def build_words(self) -> list[str]:
        """What leads a build here. The argument is BuildKit's own: no Dockerfile names it, no image keeps it."""
        return ["--network", "host", "--build-arg", f"HTTPS_PROXY=http://127.0.0.1:{self.server_port}"]

    def page_of(self, project: str) -> bytes:
        """Every wheel of the project, as links."""
        links = (f'<a href="/{wheel}">{wheel}</a>' for wheel in self.wheels if _project_of(wheel) == project)
        return f"<!DOCTYPE html>{''.join(links)}".encode()

    def fetch(self, wheel: str) -> bytes:
        self.fetched.add(wheel)
        return self.wheels[wheel].read_bytes()


class _Answer(BaseHTTPRequestHandler):
    server: CompanyProxy
    protocol_version = "HTTP/1.1"

    def do_CONNECT(self) -> None:
        """From here on the connection speaks TLS, as if this were the host."""
        context = self.server.authority.context_for(self.path.partition(":")[0])
        self.send_response(200)
        self.end_headers()
        try:
            self.connection = context.wrap_socket(self.connection, server_side=True)
        except ssl.SSLError:
            self.close_connection = True  # we are not trusted
            return
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
        self.close_connection = False

    def do_GET(self) -> None:
        asked = self.path.rstrip("/").rpartition("/")[2]
        known = asked in self.server.wheels
        body = self.server.fetch(asked) if known else self.server.page_of(asked)
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream" if known else "text/html")
        self.send_header("Content-Length", str(len(body)))
        # A cache of the builder must not take this for what the real host says.
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def finish(self) -> None:
        """The server closes only what it accepted, not what do_CONNECT made of it."""
        super().finish()
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """The build itself says what it asked for."""


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _project_of(wheel: str) -> str:
    """Normalized as in PEP 503."""
    return re.sub(r"[-_.]+", "-", wheel.partition("-")[0]).lower()
