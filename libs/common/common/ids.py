"""Ids of our own making."""

import os
from uuid import UUID

from common import clock

VERSION_AND_VARIANT = 0x7 << 76 | 0b10 << 62
RANDOM_BITS = (1 << 80) - 1 & ~(0xF << 76 | 0b11 << 62)


def new_id() -> UUID:
    """A UUID of version 7 (RFC 9562): as opaque as any, and rows that come together stand together in an index, as with
    PostgreSQL's uuidv7(). Ids of the same millisecond have no order."""
    milliseconds = int(clock.now().timestamp() * 1000)
    random = int.from_bytes(os.urandom(10), "big")
    return UUID(int=milliseconds << 80 | random & RANDOM_BITS | VERSION_AND_VARIANT)
