"""The protocol's custom scalars. Source: protocol.md §2."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from ariadne import ScalarType
from graphql import GraphQLError

from kymograph.core import exact_json


def format_time(moment: datetime) -> str:
    """ISO 8601 in UTC with ``Z``, without fractions: the form that every client parses."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def without_tokens(value: Any) -> Any:
    """Raw JSON fields must not hold bare ``NaN`` or ``Infinity``: they become strings, as clients know them."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, dict):
        return {key: without_tokens(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_tokens(item) for item in value]
    return value


def _serialize_json_string(value: Any) -> str:
    return value if isinstance(value, str) else exact_json.dumps(value)


def _parse_json_string(value: Any) -> str:
    if not isinstance(value, str):
        raise GraphQLError(f"JSONString must be a text that holds JSON, not {type(value).__name__}")
    return value


def _parse_int64(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise GraphQLError(f"Int64 must be a whole number, not {type(value).__name__}")
    try:
        number = int(value)
    except (ValueError, OverflowError) as exc:
        raise GraphQLError(f"Int64 must be a whole number, not {str(value)[:40]!r}") from exc
    if not -(2**63) <= number < 2**63:
        raise GraphQLError(f"Int64 must fit in 64 bits, not {number}")
    return number


def _serialize_time(value: Any) -> str:
    return format_time(value) if isinstance(value, datetime) else str(value)


SCALARS = (
    ScalarType("JSONString", serializer=_serialize_json_string, value_parser=_parse_json_string),
    ScalarType("JSON", serializer=without_tokens),
    ScalarType("Int64", serializer=int, value_parser=_parse_int64),
    ScalarType("DateTime", serializer=_serialize_time),
    ScalarType("Duration", serializer=int, value_parser=_parse_int64),
)
