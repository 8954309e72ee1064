"""A journal that keeps nothing, for runs that are switched off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kymograph.types import JsonValue
from kymograph.wire.records_pb2 import Record


class NullJournal:
    """Takes everything a `Journal` takes, and forgets it."""

    lost_records = 0

    def append_numbers(self, row: Mapping[str, Any]) -> bool:
        """Whether a row holds nothing but numbers, which then needs no conversion."""
        return all(type(value) in (int, float) for value in row.values())

    def append_row(self, row: Mapping[str, JsonValue]) -> None:
        """Forgotten."""

    def append(self, record: Record) -> None:
        """Forgotten."""

    def flush(self) -> None:
        """Nothing to flush."""

    def close(self) -> None:
        """Nothing to close."""
