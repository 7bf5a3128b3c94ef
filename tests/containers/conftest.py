"""One system in containers for all tests here, started in the wrong order on purpose."""

import signal
from collections.abc import Iterator

import pytest

from tests.containers import engine

REASON = engine.why_not()

if REASON is None:
    from testcontainers.core.labels import LABEL_SESSION_ID, SESSION_ID

    from tests.containers.system import SERVICES, System


def pytest_configure() -> None:
    """Whoever ends the run with SIGTERM leaves no containers either: it is ended as by Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Said from here it is one line for all tests, and each of them counts."""
    if REASON:
        pytest.skip(REASON)


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[System]":
    """Services first, then what they need: start order does not matter."""
    here = System(tmp_path_factory.mktemp("system"))
    here.prepare()
    try:
        for name in (*SERVICES, "front-door", "kafka", "postgres"):
            here.start(name)
        here.wait_until_healthy("postgres", "kafka")
        jobs = [f"{service}-{job}" for service in SERVICES for job in ("migrate", "topics")]
        here.run_jobs(*jobs, "members-migrate-keys", tries=3)
        here.wait_until_healthy(*SERVICES)
        yield here
    finally:
        here.stop_everything()
    assert engine.docker("ps", "-aq", "--filter", f"label={LABEL_SESSION_ID}={SESSION_ID}") == "", "containers are left"
    assert here.secrets_shown() == [], "secrets show in an inspection or a log"
