"""The toy services stand in a package beside the tests; their events are known only while a test of ours runs."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from common.bus import TOPICS
from common.events import REGISTRY
from common.testing import Kafka
from toy import events as toy_events
from watching import Watch


@pytest.fixture(autouse=True)
def toy_events_are_known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for event in toy_events.ALL:
        monkeypatch.setitem(REGISTRY, event.type, event)
    for event in toy_events.ALL:
        assert TOPICS[event.topic].owner == "grower"  # asked for once, a topic is in the table
    yield
    for event in toy_events.ALL:
        TOPICS.pop(event.topic, None)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def topics(kafka: Kafka) -> None:
    """All that a Watch listens to."""
    await kafka.make("grower.tree", "grower.tree.state", "members.erasure.state")
