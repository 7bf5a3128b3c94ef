"""The keys this process holds: opened once at start, asked for wherever something is sealed, signed or looked up.

Consumers and timers get nothing but a connection, so the keyring is one per process rather than a parameter.
"""

import hashlib
import hmac
from dataclasses import dataclass

from common.db import Pool
from itsdangerous import URLSafeTimedSerializer
from joserfc.jwk import OKPKey

from members.domain.words import comparable_address, comparable_words


@dataclass(frozen=True)
class Keyring:
    vault: Pool
    """The database of the keys of persons."""
    index_key: bytes
    """Makes blind indexes of addresses and names."""
    cookie_key: bytes
    """Signs small cookies and derives sign-in codes."""
    notifications_public_key: bytes
    public_url: str
    signing_key: OKPKey
    """Ed25519 private key of the access tokens; names itself."""

    def address_index(self, address: str) -> bytes:
        """Equal for equal mailboxes; without the key nobody can try addresses against it."""
        return self._index("address", comparable_address(address))

    def word_indexes(self, name: str) -> list[bytes]:
        return sorted(self._index("name", word) for word in comparable_words(name))

    def sign_in_code(self, sign_in_id: str) -> str:
        """Eight signs without look-alikes, to be typed on another device: 39 bits, five tries, ten minutes."""
        digest = hmac.digest(self.cookie_key, b"sign-in code\n" + sign_in_id.encode(), hashlib.sha256)
        signs = "".join(CODE_SIGNS[byte % len(CODE_SIGNS)] for byte in digest[:8])
        return f"{signs[:4]}-{signs[4:]}"

    def serializer(self, purpose: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.cookie_key, salt=purpose)

    def _index(self, kind: str, text: str) -> bytes:
        return hmac.digest(self.index_key, f"{kind}\n{text}".encode(), hashlib.sha256)


CODE_SIGNS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

_held: Keyring | None = None


def hold(keyring: Keyring) -> None:
    """From now on this process uses these keys."""
    global _held
    _held = keyring


def keyring() -> Keyring:
    if _held is None:
        raise RuntimeError("the keyring is not open yet: members.app opens it at start")
    return _held


def token_hash(token: str) -> bytes:
    """What we store of a secret of 256 random bits; it needs no salt and no slow hash."""
    return hashlib.sha256(token.encode()).digest()
