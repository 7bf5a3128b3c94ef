"""CloudEvents 1.0 in Kafka: written in binary mode, read in binary and structured mode.

The headers are written by hand because this runs for every event; a test compares them with the cloudevents library.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson
from asyncpg.pgproto.pgproto import UUID as QuickUUID

Headers = Sequence[tuple[str, bytes | None]]

STRUCTURED = b"application/cloudevents"
JSON = b"application/json"

SPECIFICATION = ("ce_specversion", b"1.0")
CONTENT_TYPE = ("content-type", JSON)


class Record(NamedTuple):
    """One record as it came, with what its envelope says. ``problem`` says why the envelope can not be read."""

    topic: str
    """Without the installation's prefix."""
    partition: int
    offset: int
    key: str
    value: bytes | None
    headers: Headers
    event_id: UUID
    type: str
    told_at: str | None = None
    """As the envelope writes it."""
    version: int | None = None
    data: bytes | None = None
    """The JSON body; None is a tombstone."""
    problem: str | None = None

    @property
    def time(self) -> datetime | None:
        """When it happened; None where the envelope does not say so (it need not)."""
        return _moment(self.told_at)

    @property
    def gone(self) -> bool:
        return self.data is None and self.problem is None


def headers_of(
    *, event_id: UUID, type: str, key: str, at: datetime | str, version: int | None = None, gone: bool = False
) -> list[tuple[str, bytes]]:
    """The headers of one event, ``at`` a moment or its text; a tombstone says in ``ce_version`` what is gone."""
    typed, source = _headers_of_type(type)
    headers = [
        SPECIFICATION,
        ("ce_id", str(event_id).encode()),
        typed,
        source,
        ("ce_time", (at if isinstance(at, str) else at.isoformat().replace("+00:00", "Z")).encode()),
        ("ce_subject", key.encode()),
        CONTENT_TYPE,
    ]
    if gone:
        headers.append(("ce_version", str(version or 0).encode()))
    return headers


@cache
def _headers_of_type(type: str) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
    return ("ce_type", type.encode()), ("ce_source", b"/" + type.partition(".")[0].encode())


def read_record(
    topic: str, partition: int, offset: int, key: bytes | None, value: bytes | None, headers: Headers
) -> Record:
    """Never raises: whatever is wrong with the envelope becomes its ``problem``."""
    place = (topic, partition, offset, _text(key), value, headers)
    try:
        named = dict(headers)
        if "ce_id" not in named:
            named = {name.lower(): sent for name, sent in headers}
        if (named.get("content-type") or b"").startswith(STRUCTURED):
            return _structured(place, value)
        return _binary(place, named, value)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        made_up = uuid5(NAMESPACE_URL, f"{topic}/{partition}/{offset}")
        return Record(*place, event_id=made_up, type="", problem=type(error).__name__)


Place = tuple[str, int, int, str, bytes | None, Headers]


def _binary(place: Place, named: dict[str, bytes | None], value: bytes | None) -> Record:
    """Reads what is needed of the headers and no more: this runs for every record."""
    return Record(
        *place,
        _event_id(named),
        _type(named["ce_type"]),
        _text(named["ce_time"]) if "ce_time" in named else None,
        int(_text(named["ce_version"])) if "ce_version" in named else None,
        value,
    )


def _structured(place: Place, value: bytes | None) -> Record:
    event: dict[str, Any] = orjson.loads(value or b"")
    data = event.get("data")
    return Record(
        *place,
        event_id=event_id_from(event["id"], event.get("source", "")),
        type=_text(event["type"].encode()),
        told_at=event.get("time"),
        version=int(event["version"]) if "version" in event else None,
        data=orjson.dumps(data) if data is not None else None,
    )


def event_id_from(sent: str, source: str) -> UUID:
    """Our ids are UUIDs; of a foreign one (any text) a UUID is derived, the same each time."""
    try:
        return UUID(sent)
    except ValueError:
        if not sent:
            raise
        return uuid5(NAMESPACE_URL, f"{source} {sent}")


def _event_id(named: dict[str, bytes | None]) -> UUID:
    """asyncpg's UUID is equal to Python's and read in a tenth of the time."""
    sent = named["ce_id"]
    try:
        return QuickUUID((sent or b"").decode("ascii"))
    except ValueError:
        return event_id_from(_text(sent), _text(named.get("ce_source")))


def _moment(sent: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(sent or "")
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else None


@lru_cache(maxsize=1024)
def _type(sent: bytes | None) -> str:
    """There are few of them."""
    return _text(sent)


def _text(sent: bytes | None) -> str:
    """A header or key need not be UTF-8, and PostgreSQL takes no NUL."""
    return (sent or b"").decode("utf-8", "replace").replace("\x00", "\ufffd")
