"""The file stream: one request of the incremental update protocol, parsed. Source: protocol.md §5.

Law: applying a request twice has the effect of applying it once, since every line carries its number.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import orjson

from kymograph.core import exact_json
from kymograph.core.history import SOLE_WRITER, LineBatch, Stream
from kymograph.errors import MalformedRequest, RequestTooLarge
from kymograph.types import JsonObject, WriterId

HISTORY_FILE = "wandb-history.jsonl"
EVENTS_FILE = "wandb-events.jsonl"
SUMMARY_FILE = "wandb-summary.json"
CONSOLE_FILE = "output.log"
CONSOLE_PART_PREFIX = "logs/"

MAX_REQUEST_BYTES = 64 * 1024 * 1024
"""After decompression. Clients send at most about 10 MiB; older ones do not split."""
MAX_LINE_NUMBER = 2**53
MAX_EXIT_CODE = 2**31
_ONLY_TEXTS = frozenset({str})


@dataclass(frozen=True, slots=True)
class FileStreamRequest:
    """One parsed request; an empty one is a heartbeat."""

    batches: tuple[LineBatch, ...] = ()
    summary_json: str | None = None
    """The newest whole summary, checked to be an object."""
    uploaded: tuple[str, ...] = ()
    """Run files whose transfer has finished, as the client says."""
    is_preempting: bool = False
    is_complete: bool = False
    exit_code: int | None = None
    ignored: tuple[str, ...] = ()
    """Virtual files that this server does not know."""


def parse_request(body: bytes, *, encoding: str | None = None, writer: WriterId = SOLE_WRITER) -> FileStreamRequest:
    """Read a request body.

    Args:
        body: As it came.
        encoding: The ``Content-Encoding`` header; ``gzip`` and ``deflate`` are understood.
        writer: Which of several writers of a shared run sent it.

    Raises:
        RequestTooLarge: Over `MAX_REQUEST_BYTES` once decompressed.
        MalformedRequest: Not the protocol's JSON; the message names the place.
    """
    try:
        document = exact_json.loads(decompress(body, encoding)) if body else {}
    except ValueError as exc:
        raise MalformedRequest(f"not JSON: {exc}") from exc
    if not isinstance(document, dict):
        raise MalformedRequest("expected a JSON object")
    files, uploaded = document.get("files"), document.get("uploaded")
    if not isinstance(files, dict | None):
        raise MalformedRequest("expected an object of virtual files", where="files")
    if not isinstance(uploaded, list | None):
        raise MalformedRequest("expected a list of file names", where="uploaded")

    batches: list[LineBatch] = []
    ignored: list[str] = []
    summary_json: str | None = None
    for name, chunk in (files or {}).items():
        first_line, lines = _parse_chunk(name, chunk)
        if name == HISTORY_FILE:
            batches.append(LineBatch(Stream.HISTORY, first_line, lines, writer))
        elif name == EVENTS_FILE:
            batches.append(LineBatch(Stream.SYSTEM, first_line, lines, writer))
        elif name == CONSOLE_FILE:
            batches.append(LineBatch(Stream.CONSOLE, first_line, lines, writer))
        elif name.startswith(CONSOLE_PART_PREFIX):
            batches.append(LineBatch(Stream.CONSOLE, first_line, lines, writer, part=name))
        elif name == SUMMARY_FILE:
            summary_json = _checked_summary(lines[-1]) if lines else None
        else:
            ignored.append(name)
    return FileStreamRequest(
        batches=tuple(batch for batch in batches if batch.lines),
        summary_json=summary_json,
        uploaded=tuple(name for name in uploaded or () if isinstance(name, str)),
        is_preempting=document.get("preempting") is True,
        is_complete=document.get("complete") is True,
        exit_code=_parse_exit_code(document),
        ignored=tuple(ignored),
    )


def encode_reply(*, stop_requested: bool) -> bytes:
    """The answer; clients look at ``stopped`` only. Source: protocol.md §5.2."""
    return orjson.dumps({"stopped": True} if stop_requested else {})


def decompress(body: bytes, encoding: str | None, *, limit: int = MAX_REQUEST_BYTES) -> bytes:
    """Undo a content encoding without ever holding more than `limit` bytes of output.

    Raises:
        RequestTooLarge: More than `limit` bytes come out.
        MalformedRequest: Damaged, cut off, or an unknown encoding.
    """
    if encoding in (None, "", "identity"):
        if len(body) > limit:
            raise RequestTooLarge("request body", limit=limit)
        return body
    if encoding not in ("gzip", "deflate"):
        raise MalformedRequest(f"{encoding!r} is not understood; use gzip or none", where="Content-Encoding")
    plain = b""
    rest = body
    while rest:
        # A gzip body may have several members, one after another; they are one text.
        inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        try:
            plain += inflater.decompress(rest, limit + 1 - len(plain))
        except zlib.error as exc:
            raise MalformedRequest(f"damaged {encoding} data: {exc}") from exc
        if len(plain) > limit:
            raise RequestTooLarge("decompressed request body", limit=limit)
        if not inflater.eof:
            raise MalformedRequest(f"{encoding} data are cut off")
        rest = inflater.unused_data
    return plain


def _parse_chunk(name: str, chunk: object) -> tuple[int, list[str]]:
    where = f"files[{name[:80]!r}]"
    if not isinstance(chunk, dict):
        raise MalformedRequest("expected an object with offset and content", where=where)
    offset = chunk.get("offset", 0)
    if not isinstance(offset, int) or isinstance(offset, bool) or not 0 <= offset <= MAX_LINE_NUMBER:
        raise MalformedRequest(f"offset must be a line number from 0 to 2^53, not {str(offset)[:40]}", where=where)
    content = chunk.get("content", [])
    if isinstance(content, str):
        content = [content]
    if not isinstance(content, list) or not _ONLY_TEXTS.issuperset(map(type, content)):
        raise MalformedRequest("content must be a list of strings", where=where)
    return offset, content


def _checked_summary(line: str) -> str:
    try:
        summary: JsonObject = exact_json.loads(line)
    except ValueError as exc:
        raise MalformedRequest(f"the summary is not JSON: {exc}", where=SUMMARY_FILE) from exc
    if not isinstance(summary, dict):
        raise MalformedRequest("the summary must be a JSON object", where=SUMMARY_FILE)
    return line


def _parse_exit_code(document: JsonObject) -> int | None:
    code = document.get("exitcode")
    if code is None:
        return None
    # The comparison is false for NaN too.
    if not isinstance(code, (int, float)) or isinstance(code, bool) or not abs(code) <= MAX_EXIT_CODE:
        raise MalformedRequest("exitcode must be a whole number", where="exitcode")
    return int(code)
