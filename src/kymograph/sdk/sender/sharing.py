"""How a process takes part in a run that several processes begin by themselves: ``mode="shared"``.

Each of them has a folder, a journal and a sender of its own, and says what it knows: rows, which the server puts
together by step, and its own values of config and summary, which the server merges by key. What there can be only one
of, such as the files about the run, comes from the primary.

Source: protocol.md §5.5; settings of the vendor's client 0.31.0: `x_label`, `x_primary`, `x_update_finish_state`.
"""

from __future__ import annotations

from dataclasses import dataclass

from kymograph.core import exact_json
from kymograph.types import JsonObject
from kymograph.wire.filestream import CONSOLE_FILE
from kymograph.wire.records_pb2 import RunRecord

WRITER_KEY = "x_writer"
"""Where a run's record has the name of its writer, among the settings; made up when the run begins."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """One process's part."""

    writer: str = ""
    """Names its lines among those of others; empty for a run with one writer."""
    label: str | None = None
    """What people call it; with every line of its console, also of a run with one writer."""
    is_primary: bool = True
    """Whether it says what describes the run."""
    says_end: bool = True
    """Whether the run has ended when it has."""

    @property
    def console_file(self) -> str:
        """The name of the file that has the whole console of this process."""
        name = file_name_of(self.label or ("" if self.is_primary else self.writer))
        return CONSOLE_FILE if not name else CONSOLE_FILE.replace(".", f"_{name}.")


def settings_of(run: RunRecord | None) -> JsonObject:
    """The settings that a run's record brings for its sender."""
    return {} if run is None else {item.key: exact_json.loads(item.value_json) for item in run.settings.item}


def sharing_of(run: RunRecord | None) -> Sharing:
    """What the record of a run says about it."""
    settings = settings_of(run)
    label = str(settings.get("x_label") or "") or None
    if settings.get("mode") != "shared":
        return Sharing(label=label)
    return Sharing(
        writer=str(settings.get(WRITER_KEY) or ""),
        label=label,
        is_primary=settings.get("x_primary") is not False,
        says_end=settings.get("x_update_finish_state") is not False,
    )


def file_name_of(label: str) -> str:
    """A label as a part of a file's name.

    Source: `SanitizeFilename` of the vendor's client 0.31.0; pinned by tests/e2e/test_shared_runs.py.
    """
    shown = "".join("_" if letter in '/\0<>:"\\|?*' else letter for letter in label)
    return "".join(letter for letter in shown if letter.isprintable()).rstrip(".").strip()
