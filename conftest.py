"""One PostgreSQL and one Kafka for the whole run: its workers share the controller's.

TEST_POSTGRES_URL and TEST_KAFKA replace either by one that already runs.
"""

import os
import signal

import pytest

from deploy.local import engines

pytest_plugins = ["common.testing"]


def pytest_configure(config: pytest.Config) -> None:
    """Before any worker is made: they inherit the environment. A run that is told to end stops what it started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    given = os.environ.get("TEST_POSTGRES_URL") and os.environ.get("TEST_KAFKA")
    if given or config.option.collectonly or hasattr(config, "workerinput"):
        return
    ours = engines.for_tests()
    os.environ.update(TEST_POSTGRES_URL=ours.postgres_url, TEST_KAFKA=ours.kafka)
    config.add_cleanup(lambda: engines.throw_away(ours))
