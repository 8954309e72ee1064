"""What tests read out of journals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kymograph.core import exact_json
from kymograph.sdk.run_folder import iter_records
from kymograph.wire.records_pb2 import Record


def records_of(path: Path) -> list[Record]:
    """All records of a journal."""
    return list(iter_records(path))


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The history rows of a journal, in the order they were written."""
    return [
        {item.key: exact_json.loads_document(item.value_json) for item in record.history.item}
        for record in records_of(path)
        if record.HasField("history")
    ]
