"""Bugs of the answer to a caller: what it promises, and when."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from common import bus, clock, db
from common.events import Event
from toy.grower import app as grower

from tests.chaos.bugs import replace


def publishes_after_the_commit() -> None:
    """No outbox: the transaction commits, then its events are sent to Kafka, and between the two there is a moment."""
    owed: list[Event] = []

    class NoOutbox:
        @staticmethod
        async def append(conn: Any, *events: Event) -> None:
            owed.extend(events)

    class Database:
        @staticmethod
        @asynccontextmanager
        async def transaction(pool: Any) -> AsyncIterator[Any]:
            async with db.transaction(pool) as conn:
                yield conn
            told, owed[:] = owed[:], []
            await _publish(told)

    replace(grower, "outbox", NoOutbox)
    replace(grower, "db", Database)


async def _publish(events: list[Event]) -> None:
    settings = grower.service.settings()
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers) as producer:
        for event in events:
            await producer.send_and_wait(
                bus.topic_name(event.topic),
                event.body(),
                key=event.key.encode(),
                partition=bus.partition_of(event.topic, event.key),
                headers=bus.headers_of(event_id=uuid4(), type=event.type, key=event.key, at=clock.now()),
            )


def answers_before_the_commit() -> None:
    """The answer goes out first and the work is done afterwards, as a coalescer would that has it the wrong way."""

    def hasty(runtime: Any) -> Any:
        careful = sound(runtime)

        async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
            if scope["type"] == "lifespan":
                await careful(scope, receive, send)
                return
            tree_id = parse_qs(scope["query_string"].decode())["tree"][0]
            height = await runtime.pool.fetchval("SELECT height FROM trees WHERE tree_id = $1", tree_id) or 0
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": str(height + 1).encode()})
            async with db.transaction(runtime.pool) as conn:
                await grower.grow(conn, tree_id)

        return app

    sound = replace(grower.service, "web", hasty)
