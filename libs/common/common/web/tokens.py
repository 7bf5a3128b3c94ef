"""Access tokens: what the members service signs and the other services verify (RFC 7519, EdDSA).

Thirty minutes long, with the id of the session, so that a revoked session can be refused before the token ends.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Request, Response
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from common.web.cookies import drop_cookie, read_cookie, set_cookie
from common.web.viewers import Viewer

COOKIE = "access"
LIFETIME = timedelta(minutes=30)
RENEW_AFTER = timedelta(minutes=10)
ALGORITHM = "Ed25519"
"""RFC 9864: EdDSA over this one curve, and nothing that a header could choose."""


class Refused(Exception):
    """No token of ours, or no longer. Why is of no interest to whoever sent it."""


@dataclass(frozen=True)
class Access:
    """A verified token."""

    viewer: Viewer
    issued_at: datetime
    expires_at: datetime

    def is_due(self, now: datetime) -> bool:
        """Whether the session should be asked again before much more is done with this token."""
        return now - self.issued_at > RENEW_AFTER


def sign(viewer: Viewer, key: OKPKey, *, now: datetime) -> str:
    """``key`` is private and names itself (``kid``)."""
    claims = {
        "sub": str(viewer.member_id),
        "sid": str(viewer.session_id),
        "number": viewer.number,
        "roles": sorted(viewer.roles),
        "lang": viewer.language,
        "zone": viewer.zone,
        "iat": int(now.timestamp()),
        "exp": int((now + LIFETIME).timestamp()),
    }
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, claims, key, algorithms=[ALGORITHM])


def key_id(token: str) -> str:
    """The key this token says it was signed with. Not verified: only for finding the key."""
    try:
        named = jws.extract_compact(token.encode()).headers().get("kid")
    except (JoseError, ValueError, RecursionError) as broken:
        raise Refused from broken
    if not isinstance(named, str) or not 0 < len(named) <= 100:
        raise Refused
    return named


def verify(token: str, keys: Mapping[str, OKPKey], *, now: datetime) -> Access:
    """Raises Refused. ``keys`` are public keys by their id."""
    key = keys.get(key_id(token))
    if key is None:
        raise Refused
    try:
        access = _access(jwt.decode(token, key, algorithms=[ALGORITHM]).claims)
    except (JoseError, KeyError, TypeError, ValueError, OverflowError) as broken:
        raise Refused from broken
    if now >= access.expires_at:
        raise Refused
    return access


def set_access_cookie(request: Request, response: Response, token: str) -> None:
    set_cookie(request, response, COOKIE, token, max_age=int(LIFETIME.total_seconds()))


def drop_access_cookie(request: Request, response: Response) -> None:
    drop_cookie(request, response, COOKIE)


def access_cookie(request: Request) -> str | None:
    return read_cookie(request, COOKIE)


def make_key(kid: str) -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": kid})


def private_key(raw: bytes, kid: str) -> OKPKey:
    """From the 32 bytes of an Ed25519 private key."""
    public = Ed25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()
    return OKPKey.import_key(
        {"kty": "OKP", "crv": "Ed25519", "x": _base64url(public), "d": _base64url(raw)}, {"kid": kid}
    )


def public_key(text: str, kid: str) -> OKPKey:
    """From the base64url text of SigningKeyState.public_key."""
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": text}, {"kid": kid})


def public_text(key: OKPKey) -> str:
    """What SigningKeyState.public_key says of this key."""
    return str(key.as_dict(private=False)["x"])


def _access(claims: Mapping[str, Any]) -> Access:
    return Access(
        viewer=Viewer(
            member_id=UUID(claims["sub"]),
            session_id=UUID(claims["sid"]),
            number=str(claims["number"]),
            roles=frozenset(str(role) for role in claims["roles"]),
            language=str(claims["lang"]),
            zone=str(claims["zone"]),
        ),
        issued_at=datetime.fromtimestamp(claims["iat"], UTC),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
    )


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
