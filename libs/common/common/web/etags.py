"""Edits name the version they were made from, so that nobody overwrites what she has not seen (RFC 9110, 13.1.1)."""

from fastapi import Request

from common.errors import NotAllowed


class VersionMissing(NotAllowed):
    """An edit that does not say what it was made from (RFC 6585)."""

    status = 428


class VersionOld(NotAllowed):
    """An edit of something that has changed since."""

    status = 412


def etag(version: int) -> str:
    """The value of the ``ETag`` header."""
    return f'"v{version}"'


def check_match(request: Request, version: int) -> None:
    """Call with the row locked. Raises VersionMissing (428) or VersionOld (412)."""
    sent = request.headers.get("if-match")
    if sent is None:
        raise VersionMissing("Send If-Match with the ETag you read, so that nobody's changes are lost.")
    if etag(version) not in [tag.strip() for tag in sent.split(",")] and sent.strip() != "*":
        raise VersionOld("Somebody changed this since you read it. Read it again and repeat your change.")
