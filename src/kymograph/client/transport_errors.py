"""Answers that tell of an error, as our errors."""

from __future__ import annotations

from typing import Any

import httpx

from kymograph import errors
from kymograph.errors import KymographError, ProtocolError, ServerBusy
from kymograph.wire.errors import STATUS_BY_ERROR


def error_of(response: httpx.Response) -> KymographError:
    """The error that an answer tells of, in the server's own words."""
    kind, message = _told(response)
    return make_error(
        kind,
        message or f"the server answers {response.status_code} {response.reason_phrase}",
        status=response.status_code,
        retry_after=response.headers.get("retry-after", ""),
    )


def make_error(kind: str, message: str, *, status: int, retry_after: str = "") -> KymographError:
    """An error of a kind; if that is none of ours, of the family that goes with a status.

    Args:
        kind: Name of a class.
        message: In the words of who raised it.
        status: Of HTTP.
        retry_after: The header of that name.
    """
    found = getattr(errors, kind, None)
    if not (isinstance(found, type) and issubclass(found, KymographError)):
        found = next((family for family, code in STATUS_BY_ERROR if code == status), None)
    if found is None:
        found = ServerBusy if status >= 500 else ProtocolError
    # Not through its own constructor, which would word the message anew from parts that are not sent.
    error: KymographError = found.__new__(found)
    Exception.__init__(error, message)
    if isinstance(error, ServerBusy):
        error.retry_after_s = float(retry_after) if retry_after.isdigit() else 1.0
    return error


def _told(response: httpx.Response) -> tuple[str, str]:
    """Kind and message in any of the forms of an error body. Source: protocol.md §16.3."""
    try:
        body: Any = response.json()
    except ValueError:
        return "", ""
    if not isinstance(body, dict):
        return "", ""
    told = body.get("error")
    if isinstance(told, dict):
        return str(told.get("kind", "")), str(told.get("message", ""))
    if isinstance(told, str):
        return "", told
    many = body.get("errors")
    first = many[0] if isinstance(many, list) and many else None
    if isinstance(first, str):
        return "", first
    return ("", str(first.get("message", ""))) if isinstance(first, dict) else ("", "")
