"""Names that prove themselves: bounce addresses, Message-IDs, unsubscribe links, hashes of addresses.

All keys are derived from one secret (HKDF, RFC 5869), so that there is one thing to keep and none is used for two ends.
"""

import base64
import hashlib
import hmac
from binascii import Error as NotBase64
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_MESSAGE_MAC, _UNSUBSCRIBE_MAC = 5, 12
_CATEGORIES = {"surveys": 1, "news": 2}


class Tokens:
    """Makes and reads them."""

    def __init__(self, secret: str) -> None:
        self._message_key = _derived(secret, b"message")
        self._unsubscribe_key = _derived(secret, b"unsubscribe")
        self._address_key = _derived(secret, b"address")

    def message(self, message_id: UUID) -> str:
        """34 lower-case characters: the left side of the Message-ID and, after ``b+``, of the bounce address (VERP).

        Derived from the id alone: every attempt has the same. Mail systems may change the case, so base32.
        """
        signed = message_id.bytes + hmac.digest(self._message_key, message_id.bytes, "sha256")[:_MESSAGE_MAC]
        return base64.b32encode(signed).decode().rstrip("=").lower()

    def read_message(self, token: str) -> UUID | None:
        """None for what we never wrote: nobody can bounce a message that is not ours."""
        try:
            signed = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
        except (NotBase64, ValueError):
            return None
        if len(signed) != 16 + _MESSAGE_MAC:
            return None
        message_id = UUID(bytes=signed[:16])
        return message_id if hmac.compare_digest(self.message(message_id), token.lower()) else None

    def unsubscribe(self, member_id: UUID, category: str) -> str:
        """Names member and category by itself: it is good as long as the secret is, whatever rows were purged."""
        signed = member_id.bytes + bytes([_CATEGORIES[category]])
        mac = hmac.digest(self._unsubscribe_key, signed, "sha256")[:_UNSUBSCRIBE_MAC]
        return base64.urlsafe_b64encode(signed + mac).rstrip(b"=").decode()

    def read_unsubscribe(self, token: str) -> tuple[UUID, str] | None:
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (NotBase64, ValueError):
            return None
        category = next((name for name, number in _CATEGORIES.items() if raw[16:17] == bytes([number])), None)
        if category is None or len(raw) != 17 + _UNSUBSCRIBE_MAC:
            return None
        member_id = UUID(bytes=raw[:16])
        return (member_id, category) if hmac.compare_digest(self.unsubscribe(member_id, category), token) else None

    def address_hash(self, address: str) -> bytes:
        """The same for all spellings of one mailbox that mail systems treat alike (case)."""
        return hmac.digest(self._address_key, address.strip().lower().encode(), hashlib.sha256)


def _derived(secret: str, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"notifications " + purpose).derive(secret.encode())
