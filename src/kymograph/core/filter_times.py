"""Times as filters write them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from kymograph.errors import InvalidFilter
from kymograph.types import JsonScalar

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM = 1e11
"""Larger numbers are milliseconds: as seconds they would lie beyond the year 5100."""


def parse_time(value: JsonScalar, *, where: str = "filter") -> datetime:
    """Read ISO 8601 text (UTC unless it says otherwise) or seconds or milliseconds since the epoch.

    Raises:
        InvalidFilter: It is neither.
    """
    if isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value.strip())
        except ValueError as exc:
            raise InvalidFilter(f"{value[:80]!r} is not an ISO 8601 time", where=where) from exc
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            seconds = value / 1000 if abs(value) >= _MILLISECONDS_FROM else value
            if math.isfinite(seconds):
                return _EPOCH + timedelta(seconds=seconds)
        except OverflowError:
            pass
    raise InvalidFilter(f"{value!r} is not a time; use ISO 8601 text or seconds since 1970", where=where)
