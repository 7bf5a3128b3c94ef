"""Bytes for one reader: X25519 with a fresh key per message (RFC 7748), HKDF-SHA256 (RFC 5869), AES-256-GCM.

The additional data binds a sealed text to its topic, key and version, so that it can not be replayed elsewhere.
"""

import base64
import hashlib
import os
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from common.events import Sealed

KEY_BYTES = 32
NONCE_BYTES = 12


class Unreadable(Exception):
    """Not for this key, not for this place, or changed on the way."""


def seal(public_key: bytes, plain: bytes, *, aad: bytes) -> Sealed:
    """``public_key`` is the reader's, 32 raw bytes."""
    fresh = X25519PrivateKey.generate()
    ephemeral = fresh.public_key().public_bytes_raw()
    nonce = os.urandom(NONCE_BYTES)
    shared = fresh.exchange(X25519PublicKey.from_public_bytes(public_key))
    ciphertext = AESGCM(_message_key(shared, ephemeral, public_key)).encrypt(nonce, plain, aad)
    return Sealed(
        key_id=key_id(public_key), ephemeral=encode(ephemeral), nonce=encode(nonce), ciphertext=encode(ciphertext)
    )


def open_sealed(private_key: bytes, sealed: Sealed, *, aad: bytes) -> bytes:
    """Raises Unreadable."""
    mine, public_key, own_id = _parsed(private_key)
    if sealed.key_id != own_id:
        raise Unreadable(f"sealed to the key {sealed.key_id}, this is {own_id}")
    try:
        ephemeral = decode(sealed.ephemeral)
        shared = mine.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        key = _message_key(shared, ephemeral, public_key)
        return AESGCM(key).decrypt(decode(sealed.nonce), decode(sealed.ciphertext), aad)
    except (InvalidTag, ValueError) as error:
        raise Unreadable("not sealed for this place, or changed on the way") from error


def aad(topic: str, key: str, version: int) -> bytes:
    """Where a sealed text belongs. Letters have the version 0."""
    return f"{topic}\n{key}\n{version}".encode()


def key_id(public_key: bytes) -> str:
    """A short name of a public key, for rotation: which texts still hang on the old key?"""
    return encode(hashlib.sha256(public_key).digest()[:12])


def make_key_files(private: Path, public: Path) -> None:
    """A fresh pair, unless the private file is there already. Production gets its keys from its own store."""
    if private.exists():
        return
    key = X25519PrivateKey.generate()
    private.parent.mkdir(parents=True, exist_ok=True)
    private.touch(mode=0o600)
    private.write_text(encode(key.private_bytes_raw()) + "\n")
    public.write_text(encode(key.public_key().public_bytes_raw()) + "\n")


def load_private(path: Path | str) -> bytes:
    return _load(path)


def load_public(path: Path | str) -> bytes:
    return _load(path)


def encode(raw: bytes) -> str:
    """base64url without padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _load(path: Path | str) -> bytes:
    raw = decode(Path(path).read_text().strip())
    if len(raw) != KEY_BYTES:
        raise Unreadable(f"{path} is not a key of {KEY_BYTES} bytes")
    return raw


@lru_cache(maxsize=4)
def _parsed(private_key: bytes) -> tuple[X25519PrivateKey, bytes, str]:
    """The key, its public half and the name of that: parsing takes as long as opening."""
    key = X25519PrivateKey.from_private_bytes(private_key)
    public_key = key.public_key().public_bytes_raw()
    return key, public_key, key_id(public_key)


def _message_key(shared: bytes, ephemeral: bytes, public_key: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"migration-network sealed v1" + ephemeral + public_key).derive(shared)
