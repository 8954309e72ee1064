"""JSON that keeps every number.

The wire carries the bare tokens ``NaN``, ``Infinity`` and ``-Infinity`` and integers to 2^63 and beyond. orjson is
fast and knows neither, so each function tries orjson and falls back to the standard library for the rare document that
needs it. Lone surrogates, which no UTF-8 store can hold, are read as U+FFFD: visible, and never an error later on.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any

import orjson

from kymograph.types import JsonValue

MAX_EXACT_INT = 2**53
"""The largest magnitude below which every integer is a distinct IEEE double."""
MAX_DEPTH = 256
"""Nesting that is read. Writers, and whoever walks a document, go deeper than that on any thread's stack."""
_LONG = 16_384
_FLAT_LEVELS = 4
"""Levels of a file-stream request, the document that is long most often: files, file, content, line."""
_CONTAINERS = frozenset({dict, list})
_SURROGATES = re.compile("[\ud800-\udfff]")
_LONG_INTEGER = re.compile(r"(?:^|[:\[,\s])-?[0-9]{19}")
"""Begins an integer that may not fit 64 bits, or something that only looks like one."""


def loads(text: str | bytes) -> Any:
    """Parse a document that may hold bare non-finite tokens.

    Raises:
        ValueError: Not JSON, even leniently; or nested deeper than `MAX_DEPTH`.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _loads_leniently(text)
    _check_depth(text, value)
    return value


def loads_document(text: str) -> Any:
    """As `loads`, and exact for integers beyond 64 bits, which orjson rounds to doubles without a word.

    Looking for them costs twice the parsing: for configs and summaries, not for every line of history.

    Raises:
        ValueError: As `loads`.
    """
    if _LONG_INTEGER.search(text) is None:
        return loads(text)
    return _loads_leniently(text)


def _loads_leniently(text: str | bytes) -> Any:
    try:
        # Bytes that are not UTF-8 raise UnicodeDecodeError, a ValueError.
        value = _without_surrogates(json.loads(text))
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc
    _check_depth(text, value)
    return value


def _check_depth(text: str | bytes, value: Any) -> None:
    if len(text) > _LONG and _depth_is_at_most(value, _FLAT_LEVELS):
        return  # looking at every character would take longer than the parsing did
    brackets = text.count("{") + text.count("[") if isinstance(text, str) else text.count(b"{") + text.count(b"[")
    # The first is cheap, and true of nearly everything.
    if brackets > MAX_DEPTH and not _depth_is_at_most(value, MAX_DEPTH):
        raise ValueError(f"nested more than {MAX_DEPTH} levels deep")


def _depth_is_at_most(value: Any, levels: int) -> bool:
    containers = [value] if isinstance(value, (dict, list)) else []
    for _ in range(levels):
        containers = [inner for item in containers for inner in _containers_in(item)]
        if not containers:
            return True
    return False


def _containers_in(container: dict[str, Any] | list[Any]) -> Iterable[dict[str, Any] | list[Any]]:
    items = container.values() if isinstance(container, dict) else container
    if _CONTAINERS.isdisjoint(map(type, items)):
        return ()
    return [item for item in items if isinstance(item, (dict, list))]


def dumps(value: JsonValue) -> str:
    """Write a document compactly; non-finite numbers become bare tokens, as the wire's readers expect.

    Raises:
        ValueError: Nested deeper than the writers go.
    """
    try:
        if _is_plain(value):
            return orjson.dumps(value).decode()
    except TypeError:
        pass  # an integer beyond 64 bits, or too deep for orjson: the standard library writes the first
    try:
        return json.dumps(_without_surrogates(value), separators=(",", ":"), ensure_ascii=False)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


def to_strict(value: JsonValue) -> JsonValue:
    """Replace numbers that JSON cannot carry exactly by ``{"$number": "…"}``. Source: docs/reference/rest.md."""
    if isinstance(value, float):
        if math.isnan(value):
            return {"$number": "NaN"}
        if math.isinf(value):
            return {"$number": "Infinity" if value > 0 else "-Infinity"}
        if value == 0.0 and math.copysign(1.0, value) < 0:
            return {"$number": "-0.0"}
        return value
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= MAX_EXACT_INT else {"$number": str(value)}
    if isinstance(value, list):
        return [to_strict(item) for item in value]
    return {key: to_strict(item) for key, item in value.items()}


def _is_plain(value: JsonValue) -> bool:
    """Whether orjson writes `value` without loss: it turns non-finite floats into null without a word."""
    stack: list[JsonValue] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, float):
            if not math.isfinite(item):
                return False
        elif isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return True


def replace_surrogates(text: str) -> str:
    """Make a text storable: lone surrogates become U+FFFD."""
    return _SURROGATES.sub("\ufffd", text)


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return replace_surrogates(value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {replace_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value
