"""Answers of servers that are no success, as errors of our tree.

Source: protocol.md §16: which statuses are final, and the places where servers put their message.
"""

from __future__ import annotations

from datetime import UTC, datetime

import httpx

from kymograph import errors
from kymograph.client.retry import parse_retry_after
from kymograph.errors import KymographError, ProtocolError, ServerBusy, TransportError
from kymograph.wire.errors import STATUS_BY_ERROR

REQUEST_TIMEOUT = 408


def error_of(response: httpx.Response) -> KymographError:
    """The error that an answer tells of, in the server's own words.

    One of the family `TransportError` may be tried again; any other will come again.
    """
    kind, message = _told(response)
    message = message or f"the server answers {response.status_code} {response.reason_phrase}".strip()
    found = getattr(errors, kind, None)
    if not (isinstance(found, type) and issubclass(found, KymographError)):
        found = _class_of(response.status_code)
    # Not through its own constructor, which would word the message anew from parts that are not sent.
    error: KymographError = found.__new__(found)
    Exception.__init__(error, message)
    if isinstance(error, ServerBusy):
        error.retry_after_s = parse_retry_after(response.headers.get("retry-after"), now=datetime.now(UTC))
    return error


def _class_of(status: int) -> type[KymographError]:
    if status == REQUEST_TIMEOUT:
        return ServerBusy
    for family, its_status in STATUS_BY_ERROR:
        if its_status == status and family not in (errors.StorageFull, TransportError):
            return family
    return ServerBusy if status >= 500 and status != 501 else ProtocolError


def _told(response: httpx.Response) -> tuple[str, str]:
    """The kind of error, if it is one of ours, and the message."""
    try:
        document = response.json()
    except ValueError:
        return "", ""  # a proxy's page, most often
    if not isinstance(document, dict):
        return "", ""
    told = document.get("error")
    if isinstance(told, dict):
        return str(told.get("kind", "")), str(told.get("message", ""))
    entries = document.get("errors") if told is None else [told]
    texts = [
        entry.get("message") if isinstance(entry, dict) else entry
        for entry in (entries if isinstance(entries, list) else [entries])
    ]
    return "", "; ".join(str(text) for text in texts if text)
