"""Access tokens: what is accepted, and everything that is not."""

import base64
import json
import os
from datetime import UTC, datetime, timedelta

import pytest
from common.web import tokens
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
KEY = tokens.make_key("k1")
KEYS = {"k1": tokens.public_key(tokens.public_text(KEY), "k1")}


def test_what_was_signed_is_read_back(a_viewer):
    who = a_viewer("member", "editor")
    access = tokens.verify(tokens.sign(who, KEY, now=NOW), KEYS, now=NOW)
    assert access.viewer == who
    assert access.expires_at - access.issued_at == timedelta(minutes=30)


def test_a_token_ends_after_half_an_hour(a_viewer):
    token = tokens.sign(a_viewer(), KEY, now=NOW)
    tokens.verify(token, KEYS, now=NOW + timedelta(minutes=29, seconds=59))
    with pytest.raises(tokens.Refused):
        tokens.verify(token, KEYS, now=NOW + timedelta(minutes=30))


def test_a_token_is_renewed_after_ten_minutes(a_viewer):
    access = tokens.verify(tokens.sign(a_viewer(), KEY, now=NOW), KEYS, now=NOW)
    assert not access.is_due(NOW + timedelta(minutes=10))
    assert access.is_due(NOW + timedelta(minutes=10, seconds=1))


def test_a_key_from_a_file_signs_like_a_made_one(a_viewer):
    key = tokens.private_key(os.urandom(32), "k2")
    keys = {"k2": tokens.public_key(tokens.public_text(key), "k2")}
    tokens.verify(tokens.sign(a_viewer(), key, now=NOW), keys, now=NOW)


def test_the_public_text_holds_no_secret():
    assert tokens.public_text(KEY) == KEY.as_dict(private=False)["x"]


def test_a_strangers_key_of_the_same_name_is_refused(a_viewer):
    forged = tokens.sign(a_viewer("admin"), tokens.make_key("k1"), now=NOW)
    with pytest.raises(tokens.Refused):
        tokens.verify(forged, KEYS, now=NOW)


def test_an_unknown_key_is_refused(a_viewer):
    with pytest.raises(tokens.Refused):
        tokens.verify(tokens.sign(a_viewer(), tokens.make_key("k9"), now=NOW), KEYS, now=NOW)


def claims_of(token: str) -> dict[str, object]:
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def test_changed_claims_are_refused(a_viewer):
    token = tokens.sign(a_viewer(), KEY, now=NOW)
    head, _, signature = token.split(".")
    claims = {**claims_of(token), "roles": ["admin"]}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    with pytest.raises(tokens.Refused):
        tokens.verify(f"{head}.{body}.{signature}", KEYS, now=NOW)


def test_a_token_without_a_signature_is_refused(a_viewer):
    head = base64.urlsafe_b64encode(b'{"alg":"none","kid":"k1"}').rstrip(b"=").decode()
    body = tokens.sign(a_viewer(), KEY, now=NOW).split(".")[1]
    with pytest.raises(tokens.Refused):
        tokens.verify(f"{head}.{body}.", KEYS, now=NOW)


def test_the_public_key_is_no_shared_secret(a_viewer):
    """The classic: HS256 with the public key as the secret."""
    secret = OctKey.import_key(tokens.public_text(KEY) * 2)
    claims = claims_of(tokens.sign(a_viewer("admin"), KEY, now=NOW))
    with pytest.raises(tokens.Refused):
        tokens.verify(jwt.encode({"alg": "HS256", "kid": "k1"}, claims, secret), KEYS, now=NOW)


@pytest.mark.parametrize("claims", [{}, {"sub": "no id"}, {"exp": "soon"}, {"exp": 1e30}, {"roles": 3}])
def test_claims_that_are_not_ours_are_refused(a_viewer, claims):
    whole = claims_of(tokens.sign(a_viewer(), KEY, now=NOW))
    token = jwt.encode(
        {"alg": "Ed25519", "kid": "k1"}, {**whole, **claims} if claims else {}, KEY, algorithms=["Ed25519"]
    )
    with pytest.raises(tokens.Refused):
        tokens.verify(token, KEYS, now=NOW)


@given(st.text(max_size=200))
def test_whatever_stands_in_the_cookie_is_refused_or_a_token(text):
    with pytest.raises(tokens.Refused):
        tokens.verify(text, KEYS, now=NOW)
