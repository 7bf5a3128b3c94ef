"""Everything `make run` and `make test` need on a fresh clone of a fresh machine; nothing where nothing changed.

Run by the system's own Python 3.11 or later, with the standard library alone:
`python3 -m deploy.local.bootstrap run|test`. Each part carries a stamp, the hash of what it was made from.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.steps import megabytes, received_bytes, step

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local"
VENV = LOCAL / "venv"
LOCK = ROOT / "requirements" / "development.txt"
PACKAGES = ("libs/common", "services/members", "services/hub", "services/surveys", "services/notifications")
KAFKA = ROOT / "deploy" / "local" / "kafka"
JARS = LOCAL / "kafka" / "libs"
VENDOR = ROOT / "libs" / "common" / "common" / "web" / "static" / "vendor"
LOG = LOCAL / "logs" / "setup.log"


class CanNotSetUp(Exception):
    """What stands in the way, with the line to type."""


@dataclass(frozen=True)
class Program:
    """A program of the machine, and the Debian packages that bring it."""

    name: str
    found: Callable[[], bool]
    packages: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """Something made once from committed files, and again when they change."""

    name: str
    made_from: tuple[Path, ...]
    result: Path
    make: Callable[[], None]
    needs: tuple[Program, ...]

    @property
    def stamp(self) -> Path:
        return LOCAL / "stamps" / self.name.replace(" ", "-")

    def recipe(self) -> str:
        """Folder and Python are part of it: a virtual environment knows where both are and breaks when they move."""
        digest = hashlib.sha256(f"{ROOT} {os.path.realpath(sys.executable)} {sys.version}".encode())
        for path in self.made_from:
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def is_fresh(self) -> bool:
        return self.result.exists() and self.stamp.exists() and self.stamp.read_text() == self.recipe()

    def bring_up_to_date(self) -> None:
        with step(self.name):
            self.make()
        self.stamp.parent.mkdir(parents=True, exist_ok=True)
        self.stamp.write_text(self.recipe())


def main(purpose: str) -> int:
    started, received = time.monotonic(), received_bytes()
    try:
        stale = [part for part in parts() if not part.is_fresh()]
        missing = _missing(stale, purpose)
        if missing:
            install_programs(missing)
        for part in stale:
            part.bring_up_to_date()
    except CanNotSetUp as obstacle:
        print(obstacle, file=sys.stderr)
        return 1
    if stale or missing:
        print(f"Set up in {time.monotonic() - started:.1f} s, {megabytes(received_bytes() - received)} fetched.\n")
    return 0


def parts() -> list[Part]:
    projects = tuple(ROOT / package / "pyproject.toml" for package in PACKAGES)
    pom = (KAFKA / "pom.xml", KAFKA / "jars.sha256")
    assets = (
        ROOT / "package-lock.json",
        ROOT / "deploy" / "local" / "assets.py",
        ROOT / "libs" / "common" / "common" / "web" / "icons.txt",
    )
    made = [
        Part("Python packages", (LOCK, *projects), VENV / "bin" / "python", make_venv, (VENV_MAKER,)),
        Part("page assets", assets, VENDOR, make_assets, (NPM,)),
    ]
    if not os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        made.append(Part("Kafka jars", pom, JARS, fetch_jars, (JAVA, MAVEN)))
    return made


def _missing(stale: Sequence[Part], purpose: str) -> list[Program]:
    always = [CHROMIUM] if purpose == "test" else []
    if not os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        always.append(JAVA)
    wanted = dict.fromkeys([*always, *(program for part in stale for program in part.needs)])
    return [program for program in wanted if not program.found()]


def install_programs(missing: Sequence[Program]) -> None:
    packages = [package for program in missing for package in program.packages]
    names = ", ".join(program.name for program in missing)
    line = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise CanNotSetUp(f"This machine lacks {names}. Nothing was started. Type this, then try again:\n  sudo {line}")
    with step(f"{names}, by apt as we are root"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        _run(["apt-get", "update"], env=quiet)
        _run(line.split(), env=quiet)
    if still := [program.name for program in missing if not program.found()]:
        raise CanNotSetUp(f"{', '.join(still)}: installed, yet not found or too old. `{line}` was run; see {LOG}.")


def make_venv() -> None:
    """Only what the lock names, each file checked against its hash; then our own packages as links to this checkout."""
    python, uv = str(VENV / "bin" / "python"), shutil.which("uv")
    ours = [part for package in PACKAGES for part in ("-e", str(ROOT / package))]
    if os.path.realpath(python) != os.path.realpath(sys.executable):
        shutil.rmtree(VENV, ignore_errors=True)  # made by another Python, which `venv` would leave in its place
    if uv:
        _run([uv, "venv", "--allow-existing", "--python", sys.executable, str(VENV)])
        install = [uv, "pip", "install", "--compile-bytecode", "--python", python]
    else:
        _run([sys.executable, "-m", "venv", str(VENV)])
        install = [python, "-m", "pip", "install", "--disable-pip-version-check"]
    _run([*install, "--require-hashes", "-r", str(LOCK)])
    # The build tool is in the lock too: isolation would fetch one that no hash pins.
    _run([*install, "--no-deps", "--no-build-isolation", *ours])


def make_assets() -> None:
    _run([sys.executable, "-m", "deploy.local.assets"])


def fetch_jars() -> None:
    """Maven checks them against the repository's checksums, and we against our own list."""
    shutil.rmtree(JARS, ignore_errors=True)
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={JARS}"]
    _run(["mvn", "--batch-mode", "--quiet", "--strict-checksums", "--file", str(KAFKA / "pom.xml"), *goal])
    lines = (KAFKA / "jars.sha256").read_text().splitlines()
    listed = {name: checksum for checksum, name in (line.split() for line in lines)}
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in JARS.glob("*.jar")}
    if found != listed:
        shutil.rmtree(JARS)
        other = ", ".join(sorted(name for name, _ in found.items() ^ listed.items()))
        raise CanNotSetUp(f"These jars are not the ones listed in deploy/local/kafka/jars.sha256: {other}")


def _run(command: Sequence[str], env: dict[str, str] | None = None) -> None:
    LOG.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        list(command), cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said = done.stdout.decode(errors="replace")
    with LOG.open("a") as log:
        log.write(f"$ {' '.join(command)}\n{said}\n")
    if done.returncode:
        last = "\n".join(said.splitlines()[-15:])
        raise CanNotSetUp(f"`{' '.join(command)}` failed:\n{last}")


def _java_is_recent() -> bool:
    if not shutil.which("java"):
        return False
    said = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr
    version = re.search(r'version "(\d+)', said)
    return version is not None and int(version[1]) >= 17


def _makes_venvs() -> bool:
    return shutil.which("uv") is not None or importlib.util.find_spec("ensurepip") is not None


JAVA = Program("Java 17 or later", _java_is_recent, ("default-jre-headless",))
MAVEN = Program("Maven", lambda: shutil.which("mvn") is not None, ("maven",))
NPM = Program("Node.js with npm", lambda: shutil.which("npm") is not None, ("nodejs", "npm"))
CHROMIUM = Program("Chromium", lambda: shutil.which("chromium") is not None, ("chromium",))
VENV_MAKER = Program("Python's venv", _makes_venvs, ("python3-venv",))


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - whichever Python the machine has comes here first
        sys.exit("Python 3.11 or later is needed. Name one: make PYTHON=python3.12 run")
    sys.exit(main(sys.argv[1]))
