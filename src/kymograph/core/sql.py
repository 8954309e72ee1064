"""Queries in SQL over the runs of a project, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SqlFormat(StrEnum):
    """How an answer is written."""

    JSON = "json"
    """Columns: ``{"columns": [{"name", "type", "values"}], "row_count", "truncated", "damaged", "elapsed_s"}``."""
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class SqlQuery:
    """One statement that reads."""

    text: str
    now: datetime
    """For the states of runs, which follow from how long they have been silent."""
    limit: int = 10_000
    """At most this many rows are answered."""
    format: SqlFormat = SqlFormat.JSON


@dataclass(frozen=True, slots=True)
class SqlAnswer:
    """Rows, written already."""

    body: bytes
    row_count: int
    is_truncated: bool
    """There are more rows than were asked for, or than fit."""
    damaged_count: int
    """Objects of the history that could not be read; the JSON form names them."""
