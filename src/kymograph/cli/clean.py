"""``kymograph clean``: room on this machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(exists=True))
@click.option(
    "--min-hours",
    type=click.FloatRange(0),
    default=24,
    show_default=True,
    help="Only runs whose journal has not grown for so long.",
)
@click.option("--include-unsynced", is_flag=True, help="Also runs that are nowhere else: their data is gone then.")
@click.option("--dry-run", is_flag=True, help="Remove nothing; say what would go.")
@click.option("--yes", "--force", "yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as one JSON document.")
def clean(
    paths: Sequence[str], min_hours: float, *, include_unsynced: bool, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Remove folders of runs that are marked as synced: the server has them.

    Without PATH it is every run below ./kymograph, ./wandb and ./.wandb. A run that is being written or sent stays, and
    so does one without a mark, unless you say --include-unsynced.
    """
    import json
    from datetime import UTC, datetime, timedelta

    from kymograph.cli.local import counted, local_runs, shown_bytes, shown_path
    from kymograph.sdk.cleaning import choose_removable, remove_runs

    choice = choose_removable(
        local_runs(paths), min_age=timedelta(hours=min_hours), now=datetime.now(UTC), with_unsynced=include_unsynced
    )
    stay = (
        (len(choice.unsynced), "not marked as synced: `kymograph sync` sends them, --include-unsynced removes them"),
        (len(choice.young), f"younger than {min_hours:g} hours"),
        (len(choice.busy), "being written or sent"),
    )
    total = sum(run.size_bytes for run in choice.removable)
    if not as_json:
        for number, words in stay:
            if number:
                click.echo(f"{number} {'run stays' if number == 1 else 'runs stay'}: {words}")
        if not choice.removable:
            click.echo("Nothing to remove.")
            return
        for run in choice.removable:
            warning = "" if run.is_synced else "  NOT SYNCED: nowhere else"
            click.echo(f"  {shown_path(run.folder.path)}  {shown_bytes(run.size_bytes)}{warning}")
    chosen = choice.removable
    if dry_run:
        removed, freed, problems = [], 0, list[str]()
        if not as_json:
            click.echo(f"{counted(len(chosen), 'folder')} would be removed, {shown_bytes(total)} freed")
    else:
        if not yes and not as_json:
            if not sys.stdin.isatty():
                raise click.UsageError("nobody is there to ask: say --yes to remove these folders, or --dry-run")
            click.confirm(f"Remove {counted(len(chosen), 'folder')} ({shown_bytes(total)})?", abort=True)
        elif as_json and not yes:
            raise click.UsageError("--json asks nothing: say --yes to remove, or --dry-run")
        removal = remove_runs(chosen)
        removed, freed, problems = removal.removed, removal.freed_bytes, removal.problems
        if not as_json:
            click.echo(f"{counted(len(removed), 'folder')} removed, {shown_bytes(freed)} freed")
    for problem in problems:
        click.echo(f"not removed: {problem}", err=True)
    if as_json:
        document = {
            "removable": [{"folder": str(run.folder.path), "size_bytes": run.size_bytes} for run in chosen],
            "removed": [str(run.folder.path) for run in removed],
            "freed_bytes": freed,
            "problems": problems,
            "unsynced": [str(run.folder.path) for run in choice.unsynced],
        }
        click.echo(json.dumps(document, indent=2))
    if problems:
        sys.exit(1)
