"""``kymograph show``: a run in its folder, read in the terminal."""

from __future__ import annotations

import json

import click


@click.command()
@click.argument("run_dir", type=click.Path(exists=True))
@click.option(
    "-n", "--lines", type=click.IntRange(0, 10_000), default=10, show_default=True, help="Lines of the console."
)
@click.option("--system/--no-system", default=True, show_default=True, help="Show what the machine did.")
@click.option("--json", "as_json", is_flag=True, help="Print what there is to see as one JSON document.")
@click.option("--jsonl", "as_records", is_flag=True, help="Print every record of the journal as a line of JSON.")
def show(run_dir: str, lines: int, *, system: bool, as_json: bool, as_records: bool) -> None:
    """Read a run that is kept on this machine: config, summary, metrics, console, machine, and what is damaged.

    RUN_DIR is the folder of a run, or the journal in it, of ours or of the protocol's own client. Nothing is sent, and
    no server is needed.
    """
    from pathlib import Path

    from kymograph.core import exact_json
    from kymograph.sdk.journal_view import iter_documents, view_journal
    from kymograph.sdk.run_folder import RunFolder

    folder = RunFolder.find(Path(run_dir))
    if as_records:
        for document in iter_documents(folder):
            click.echo(json.dumps(document))
        return
    view = view_journal(folder, console_lines=lines)
    if as_json:
        click.echo(json.dumps(exact_json.to_strict(view.document()), indent=2))
        return
    from kymograph.cli.run_view import print_journal

    print_journal(view, with_system=system)
