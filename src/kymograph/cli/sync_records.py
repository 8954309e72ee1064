"""``kymograph sync --view``: the records of journals, one after the other, as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kymograph.sdk.local_runs import LocalRun


def print_records(runs: Sequence[LocalRun], *, is_verbose: bool) -> None:
    """Print the kind of every record, or all that it says.

    Raises:
        JournalCorrupt: A file is no journal.
    """
    from kymograph.cli.local import shown_path
    from kymograph.sdk.run_folder import iter_records

    for run in runs:
        for path in (run.folder.journal, *(path for _, path in run.folder.further_journals())):
            click.echo(shown_path(path))
            for record in iter_records(path):
                click.echo(f"Record: {record if is_verbose else record.WhichOneof('record_type')}")
