"""AsyncAPI 3 of what a service sends and receives, from the schema library."""

import inspect
from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from common.bus import TOPICS, Topic
from common.events import REGISTRY, Event

Document = dict[str, Any]

HEADERS: Document = {
    "type": "object",
    "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "content-type"],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "format": "uuid", "description": "The same however often the event is delivered."},
        "ce_type": {"type": "string"},
        "ce_source": {"type": "string"},
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_subject": {"type": "string", "description": "The record's key."},
        "ce_traceparent": {"type": "string", "description": "W3C trace context."},
        "ce_version": {"type": "string", "description": "Of a tombstone: the version that went."},
        "content-type": {"const": "application/json"},
    },
}
"""CloudEvents 1.0, Kafka binary mode."""


def document_of(service: str, *, version: str, examples: Mapping[str, Document] | None = None) -> Document:
    """``examples``: a payload by event type."""
    sent = [topic for topic in TOPICS.values() if topic.owner == service]
    received = [topic for topic in TOPICS.values() if service in topic.readers and topic.owner != service]
    events = [event for topic in sent + received for event in events_of(topic)]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": service,
            "version": version,
            "description": "What this service tells and what it listens to. Records are CloudEvents in binary mode.",
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": {"host": "kafka:9092", "protocol": "kafka", "description": "KAFKA_BOOTSTRAP_SERVERS"}},
        "channels": {topic.name: channel(topic) for topic in sent + received},
        "operations": {
            **{f"send.{topic.name}": operation("send", topic) for topic in sent},
            **{f"receive.{topic.name}": operation("receive", topic) for topic in received},
        },
        "components": {
            "messages": {event.type: message(event, (examples or {}).get(event.type)) for event in events},
            "schemas": {"headers": HEADERS, **schemas(events)},
        },
    }


def events_of(topic: Topic) -> list[type[Event]]:
    return [REGISTRY[name] for name in topic.types]


def channel(topic: Topic) -> Document:
    kept = "The last state of each key" if topic.compacted else "Facts"
    return {
        "address": topic.name,
        "description": f"{kept}, written by {topic.owner} alone.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in topic.types},
        "bindings": {"kafka": {"topic": topic.name, "partitions": topic.partitions, "bindingVersion": "0.5.0"}},
    }


def operation(action: str, topic: Topic) -> Document:
    place = f"#/channels/{topic.name}"
    return {
        "action": action,
        "channel": {"$ref": place},
        "messages": [{"$ref": f"{place}/messages/{name}"} for name in topic.types],
    }


def message(event: type[Event], example: Document | None = None) -> Document:
    return {
        "name": event.type,
        "title": event.__name__,
        "summary": inspect.getdoc(event),
        "headers": {"$ref": "#/components/schemas/headers"},
        "payload": {"$ref": f"#/components/schemas/{event.type}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": event.key_field}, "bindingVersion": "0.5.0"}},
        **({"examples": [{"payload": example}]} if example is not None else {}),
    }


def schemas(events: list[type[Event]]) -> Document:
    """Every event under its type; the parts they are made of under their own names."""
    found: Document = {}
    for event in events:
        template = "#/components/schemas/{model}"
        names, written = models_json_schema([(event, "serialization")], ref_template=template)
        own = names[(event, "serialization")]["$ref"].rsplit("/", 1)[1]
        parts = written["$defs"]
        found |= {event.type: parts.pop(own), **parts}
    return found
