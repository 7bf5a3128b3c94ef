"""`make doctor`: what this machine has, what is set up, what runs. Standard library alone, so that it always runs."""

import importlib.util
import os
import platform
import shutil
import sys

from deploy.local import bootstrap, clock, ports

GIGABYTE = 1_000_000_000
NEEDED_DISK = 3 * GIGABYTE
WHEELS_FOR = ("Linux", "x86_64")


def main() -> int:
    results = [machine(), disk(), *programs(), *made_parts(), *engines_elsewhere(), *running(), shared_clock()]
    for well, text in results:
        print(f"  {'ok' if well else '!!'}  {text}")
    return 0 if all(well for well, _ in results) else 1


def machine() -> tuple[bool, str]:
    here = (platform.system(), platform.machine())
    text = f"{here[0]} {here[1]}, Python {platform.python_version()}, {os.cpu_count()} cores"
    if here == WHEELS_FOR:
        return sys.version_info >= (3, 11), text
    return bool(os.environ.get("PG_BIN") or os.environ.get("DATABASE_URL")), (
        f"{text}: PostgreSQL and Caddy come as wheels for {' '.join(WHEELS_FOR)} only."
        " Install PostgreSQL 18 and Caddy 2, and set PG_BIN to the folder of postgres and initdb (or DATABASE_URL)"
    )


def disk() -> tuple[bool, str]:
    free = shutil.disk_usage(bootstrap.ROOT).free
    return free > NEEDED_DISK, f"{free / GIGABYTE:.0f} GB free (about {NEEDED_DISK // GIGABYTE} are needed)"


def programs() -> list[tuple[bool, str]]:
    """Every program that some part needs, whether or not it is needed just now."""
    all_of_them = (bootstrap.JAVA, bootstrap.MAVEN, bootstrap.NPM, bootstrap.VENV_MAKER, bootstrap.CHROMIUM)
    return [
        (found := program.found(), program.name if found else f"{program.name}: apt-get install {program.packages[-1]}")
        for program in all_of_them
    ]


def made_parts() -> list[tuple[bool, str]]:
    return [
        (True, f"{part.name}: {'up to date' if part.is_fresh() else 'to be made by the next make run or make test'}")
        for part in bootstrap.parts()
    ]


def engines_elsewhere() -> list[tuple[bool, str]]:
    named = ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "PG_BIN", "TEST_POSTGRES_URL", "TEST_KAFKA")
    return [(True, f"{name} is set: that one is used") for name in named if os.environ.get(name)]


def running() -> list[tuple[bool, str]]:
    if importlib.util.find_spec("psutil") is None:
        return [(True, "nothing runs (nothing is set up yet)")]
    from deploy.local import processes, stack

    living = processes.living(bootstrap.LOCAL / "pids")
    names = ", ".join(f"{name} ({mark.pid})" for name, mark in living.items())
    if living:
        return [(True, f"running: {names}")]
    busy = [f"{port} ({name})" for name, port in stack.WANTED_PORTS.items() if not ports.is_free(port)]
    told = f"; busy ports, others will be taken: {', '.join(busy)}" if busy else ""
    return [(True, f"nothing runs{told}")]


def shared_clock() -> tuple[bool, str]:
    ahead = clock.read(clock.FILE)
    return True, f"the services' clock is {ahead} ahead" if ahead else "the services' clock is the real one"


if __name__ == "__main__":
    sys.exit(main())
