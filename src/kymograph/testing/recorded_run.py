"""A run of a test: it logs as any run does, and the test reads what came of it from its journal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kymograph.core import exact_json
from kymograph.sdk.run import Run
from kymograph.sdk.run_folder import RunFolder, iter_records
from kymograph.wire.records_pb2 import Record

QUIET_SETTINGS: dict[str, Any] = {
    "console": "off",
    "quiet": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "disable_git": True,
    "save_code": False,
}
"""What a test has no use for: it would only take time."""
_LOOK_AGAIN_S = 0.01


class RecordedRun:
    """An offline run, and what its journals hold so far."""

    def __init__(self, run: Run) -> None:
        """Of a run that writes journals."""
        self.run = run
        self.folder = RunFolder(Path(run.sync_dir), run.id)

    def records(self) -> Iterator[Record]:
        """All records, of the process that began the run first; once a run has ended, its surroundings are there."""
        while self.folder.is_being_looked_around():
            time.sleep(_LOOK_AGAIN_S)
        yield from iter_records(self.folder.journal)
        for _, path in self.folder.further_journals():
            yield from iter_records(path)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What was logged, call by call."""
        return [
            {item.key or ".".join(item.nested_key): exact_json.loads(item.value_json) for item in record.history.item}
            for record in self.records()
            if record.HasField("history")
        ]

    @property
    def values(self) -> list[dict[str, Any]]:
        """The same, without what the client adds: names that begin with ``_``."""
        return [{key: value for key, value in row.items() if not key.startswith("_")} for row in self.rows]

    @property
    def config(self) -> dict[str, Any]:
        """The inputs, as they are now."""
        return dict(self.run.config.as_dict())

    @property
    def summary(self) -> dict[str, Any]:
        """The summary, as it is now, without what the client adds."""
        return {key: self.run.summary[key] for key in self.run.summary if not key.startswith("_")}

    @property
    def files(self) -> list[str]:
        """Names of files that were kept."""
        return [item.path for record in self.records() for item in record.files.files]

    @property
    def alerts(self) -> list[tuple[str, str, str]]:
        """Title, text and level of each."""
        found = [record.alert for record in self.records() if record.HasField("alert")]
        return [(alert.title, alert.text, alert.level) for alert in found]

    @property
    def exit_code(self) -> int | None:
        """Once it has ended."""
        codes = [record.exit.exit_code for record in self.records() if record.HasField("exit")]
        return codes[-1] if codes else None
