"""How a process takes part in a run that several processes begin by themselves: ``mode="shared"``.

Each of them has a folder, a journal and a sender of its own; the server puts their rows together by step. What there
can be only one of, such as config, summary and files about the run, comes from the primary.

Source: protocol.md §8 (writers of a file stream); settings of the vendor's client 0.31.0: `x_label`, `x_primary`,
`x_update_finish_state`.
"""

from __future__ import annotations

from dataclasses import dataclass

from kymograph.core import exact_json
from kymograph.wire.records_pb2 import RunRecord

WRITER_KEY = "x_writer"
"""Where a run's record has the name of its writer, among the settings; made up when the run begins."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """One process's part."""

    writer: str = ""
    """Names its lines among those of others; empty for a run with one writer."""
    is_primary: bool = True
    """Whether it says what describes the run."""
    says_end: bool = True
    """Whether the run has ended when it has."""


def sharing_of(run: RunRecord | None) -> Sharing:
    """What the record of a run says about it."""
    if run is None:
        return Sharing()
    settings = {item.key: exact_json.loads(item.value_json) for item in run.settings.item}
    if settings.get("mode") != "shared":
        return Sharing()
    return Sharing(
        writer=str(settings.get(WRITER_KEY) or ""),
        is_primary=settings.get("x_primary") is not False,
        says_end=settings.get("x_update_finish_state") is not False,
    )
