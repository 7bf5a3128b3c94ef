"""The personal link of a survey: 22 characters that say campaign, position, generation and prove it.

campaign_no 24 bits | position 24 bits | generation 8 bits | HMAC-SHA256 (K_campaign) cut to 72 bits, as base64url.
No row is stored per link; whoever has K_campaign can write and check every link of the campaign.
"""

import base64
import hashlib
import hmac
from binascii import Error as NotBase64

from common.errors import NotFound

LENGTH = 22
_SIGNED_BYTES, _MAC_BYTES = 7, 9


class NotALink(NotFound):
    """What was typed or pasted is no complete link."""

    def __init__(self) -> None:
        super().__init__("This link is not complete. Please open it again from the letter.")


def make_link(key: bytes, campaign_no: int, position: int, generation: int) -> str:
    """Raises OverflowError where a number does not fit its bits."""
    signed = campaign_no.to_bytes(3, "big") + position.to_bytes(3, "big") + generation.to_bytes(1, "big")
    return base64.urlsafe_b64encode(signed + _mac(key, signed)).rstrip(b"=").decode()


def read_link(text: str) -> tuple[int, int, int, bytes]:
    """campaign_no, position, generation and the MAC, not checked yet. Raises NotALink."""
    raw = _decode(text)
    return int.from_bytes(raw[:3], "big"), int.from_bytes(raw[3:6], "big"), raw[6], raw[_SIGNED_BYTES:]


def check_link(key: bytes, text: str) -> bool:
    """Was this link made with this key? In constant time; False for what is no link at all."""
    try:
        raw = _decode(text)
    except NotALink:
        return False
    return hmac.compare_digest(raw[_SIGNED_BYTES:], _mac(key, raw[:_SIGNED_BYTES]))


def _mac(key: bytes, signed: bytes) -> bytes:
    return hmac.digest(key, signed, hashlib.sha256)[:_MAC_BYTES]


def _decode(text: str) -> bytes:
    """Exactly one spelling is accepted: the last character's four spare bits must be zero."""
    if len(text) != LENGTH or not text.isascii():
        raise NotALink
    try:
        raw = base64.b64decode(text + "==", altchars=b"-_", validate=True)
    except (NotBase64, ValueError):
        raise NotALink from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        raise NotALink
    return raw
