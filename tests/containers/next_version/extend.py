"""Run inside an image of members: makes a next version of it, which tells ``.v2`` of an event beside ``.v1``.

Both carry the same event id and the newer one comes first, as every break of a contract is to be told. It has a
migration of its own, which leaves the version before it able to work.
"""

from importlib.util import find_spec
from pathlib import Path

EVENT = '''

class MemberStateNext(MemberState, type="members.member.state.v2", about="member_id"):
    """The next version: a region beside the country."""

    region: str = "all"
'''

TELL_BOTH = '''

_append_these = append


async def append(conn, *events, partition=None, event_ids=None):
    """The newer version first, both under one id."""
    from uuid import uuid4

    from common.events import members

    told, ids = [], []
    for place, event in enumerate(events):
        event_id = event_ids[place] if event_ids else uuid4()
        if isinstance(event, members.MemberState):
            told.append(members.MemberStateNext(**event.model_dump()))
            ids.append(event_id)
        told.append(event)
        ids.append(event_id)
    await _append_these(conn, *told, partition=partition, event_ids=ids)
'''


MIGRATION = "ALTER TABLE members ADD COLUMN region text NOT NULL DEFAULT 'all';\n"


def add_migration(package: str, name: str, sql: str) -> None:
    (place_of(package).parent / "migrations" / name).write_text(sql)


def extend(module: str, text: str) -> None:
    file = place_of(module)
    file.write_text(file.read_text() + text)


def place_of(module: str) -> Path:
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


extend("common.events.members", EVENT)
extend("common.outbox.append", TELL_BOTH)
add_migration("members", "9999_region.sql", MIGRATION)
