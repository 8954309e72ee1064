"""Answers of servers that are no success, as errors of our tree.

Source: protocol.md §16: which statuses are final, and the places where servers put their message.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

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
    return make_error(
        kind,
        message or f"the server answers {response.status_code} {response.reason_phrase}".strip(),
        status=response.status_code,
        retry_after_s=parse_retry_after(response.headers.get("retry-after"), now=datetime.now(UTC)),
    )


def make_error(kind: str, message: str, *, status: int, retry_after_s: float | None = None) -> KymographError:
    """An error of a kind; if that is none of ours, of the family that goes with a status.

    Args:
        kind: Name of a class.
        message: In the words of who raised it.
        status: Of HTTP.
        retry_after_s: What the server asked to wait.
    """
    found = getattr(errors, kind, None)
    if not (isinstance(found, type) and issubclass(found, KymographError)):
        found = _class_of(status)
    # Not through its own constructor, which would word the message anew from parts that are not sent.
    error = _blank(found)
    Exception.__init__(error, message)
    if isinstance(error, ServerBusy):
        error.retry_after_s = retry_after_s
    return error


def _blank(kind: type[KymographError]) -> KymographError:
    """An error of a class, with nothing in it. Of several builtins that it is, only one can make it."""
    for base in kind.__mro__:
        if "__new__" in base.__dict__:
            try:
                made: Any = base.__dict__["__new__"](kind)
            except TypeError:
                continue
            if isinstance(made, KymographError):
                return made
    raise TypeError(f"{kind.__name__} cannot be made")


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


def error_of_problems(problems: Any) -> KymographError:
    """The first error of an answer as ours, with the messages of all. Source: protocol.md §2, §16.3."""
    items = [item if isinstance(item, dict) else {"message": item} for item in problems]
    message = "; ".join(str(item.get("message") or "<no message>") for item in items)
    extensions = items[0].get("extensions")
    extensions = extensions if isinstance(extensions, dict) else {}
    status = extensions.get("status")
    return make_error(str(extensions.get("kind", "")), message, status=status if isinstance(status, int) else 400)
