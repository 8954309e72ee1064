"""Tables that are logged to a run, each in an artifact of its own besides the run's files.

Source: the vendor's `sdk/data_types/utils.py` and `sdk/lib/incremental_table_util.py`.
"""

from __future__ import annotations

import time
from contextlib import suppress

from kymograph.errors import InvalidArtifact
from kymograph.sdk.artifacts.internal import InternalArtifact, clean_name
from kymograph.sdk.media.base import Value
from kymograph.sdk.media.table import Table

TABLE_TYPE = "run_table"
INCREMENT_TYPE = "wandb-run-incremental-table"


def table_artifact(table: Value, key: str, *, run_id: str) -> InternalArtifact:
    """An artifact that holds a table, with nothing to be added any more.

    Args:
        table: Of any kind.
        key: That it is logged under.
        run_id: Of the run.

    Raises:
        UsageError: It has no form in artifacts.
        OSError: It cannot be written.
    """
    if isinstance(table, Table) and table.log_mode == "INCREMENTAL":
        artifact = InternalArtifact(f"run-{run_id}-incr-{key}", INCREMENT_TYPE, incremental=True)
        name = f"{table.increment}-{time.time_ns() // 1_000_000}.{key}"
    else:
        artifact = InternalArtifact(f"run-{run_id}-{key}", TABLE_TYPE)
        name = key
    with suppress(InvalidArtifact):
        artifact.add(table, name)
    if not len(artifact.manifest):  # the key is no path: names of metrics may be anything
        artifact.add(table, clean_name(name))
    artifact.finalize()
    return artifact
