"""What every event has: a frozen pydantic class, a type, a topic, a key.

The type is ``<owner>.<entity>.<fact>.v<n>`` for facts and ``<owner>.<entity>.state.v<n>`` for the last state of
something (a compacted topic). The topic follows from the type: ``<owner>.<entity>`` or ``<owner>.<entity>.state``.
The writer's schema is closed and the reader's is open (an unknown field of a newer writer is ignored).
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, NaiveDatetime, PlainSerializer, WithJsonSchema

REGISTRY: dict[str, type["Event"]] = {}


def _utc_text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


Moment = Annotated[
    AwareDatetime,
    PlainSerializer(_utc_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A point in time with its zone, written as RFC 3339."""

WallClock = Annotated[
    NaiveDatetime,
    WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?$"}),
]
"""What a clock on the wall shows: a date and a time without a zone (no RFC 3339, so a pattern and not a format)."""

Text = Annotated[str, "public text written by staff, never by members"]


class Part(BaseModel):
    """Something an event is made of: immutable, open to fields of a newer writer, its docstrings are its contract."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_timedelta="iso8601", use_attribute_docstrings=True)


class Event(Part):
    """A fact that happened: past tense, whole, immutable."""

    type: ClassVar[str]
    topic: ClassVar[str]
    owner: ClassVar[str]
    key_field: ClassVar[str]
    about: ClassVar[str | None]
    """The field that names the person this is about; such events of erased people are never stored."""
    compacted: ClassVar[bool] = False

    def __init_subclass__(
        cls, *, type: str | None = None, key: str | None = None, about: str | None = None, topic: str | None = None
    ) -> None:
        super().__init_subclass__()
        if type is None:
            return
        owner, entity, *_ = type.split(".")
        cls.type, cls.owner, cls.about = type, owner, about
        cls.topic = topic or f"{owner}.{entity}{'.state' if cls.compacted else ''}"
        cls.key_field = key or f"{entity}_id"
        REGISTRY[type] = cls

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """pydantic must not see our class keywords."""

    @property
    def key(self) -> str:
        return str(getattr(self, self.key_field))

    def body(self) -> bytes:
        """The JSON document that travels."""
        return self.model_dump_json().encode()

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Raises pydantic.ValidationError."""
        return cls.model_validate_json(body)


class StateEvent(Event):
    """The last state of something; the newest version wins, and a tombstone says that it is gone."""

    compacted: ClassVar[bool] = True

    version: int
    """Grows with every change of the same key; every upsert is guarded by it."""


class Sealed(Part):
    """Bytes that only one service can read: X25519 key agreement and AES-256-GCM (see common.sealing).

    All values are base64url without padding. ``key_id`` names the receiver's public key.
    """

    key_id: str
    ephemeral: str
    nonce: str
    ciphertext: str


class ErasedPlace(Part):
    """One place where something about a person was kept."""

    place: str
    """A stable code such as ``hub.rsvps`` or ``topic:hub.rsvp.state``, explained on the certificate page."""
    outcome: str
    """``gone`` (now), ``going`` (by ``until``) or ``kept`` (why: ``reason``)."""
    until: Moment | None = None
    reason: str | None = None
