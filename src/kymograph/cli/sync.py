"""``kymograph sync``: runs that lie in folders go to the server."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from kymograph.client.runs import RunClient
    from kymograph.sdk.local_runs import LocalRun
    from kymograph.sdk.sync import SyncOptions, SyncResult
    from kymograph.sdk.sync_check import CheckReport


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(exists=True))
@click.option("--id", "run_id", metavar="ID", help="Send it as the run of this id; for one PATH only.")
@click.option("-p", "--project", metavar="NAME", help="Send to this project, also as ENTITY/PROJECT.")
@click.option("-e", "--entity", metavar="NAME", help="Send to this user or team.")
@click.option("--job-type", "--job_type", metavar="TYPE", help="Give the runs this job type.")
@click.option("--replace-tags", metavar="OLD=NEW,…", default="", help="Send other tags; without NEW the tag goes.")
@click.option(
    "--include-online/--no-include-online",
    "--no-skip-online/--skip-online",
    default=None,
    help="Also runs of other clients that were sent while they ran.",
)
@click.option("--include-offline/--no-include-offline", default=True, hidden=True)
@click.option(
    "--include-synced/--no-include-synced",
    "--no-skip-synced/--skip-synced",
    default=False,
    help="Also runs that are marked as synced.",
)
@click.option("--mark-synced/--no-mark-synced", default=True, help="Mark what was sent (the default), or not.")
@click.option("--sync-all", is_flag=True, hidden=True)
@click.option("--append", is_flag=True, help="Add to what the run has on the server: rows go on behind those there.")
@click.option("--skip-console", is_flag=True, help="Leave the console out.")
@click.option(
    "--include-globs", metavar="GLOB,…", default="", help="Only runs whose folder or journal has such a name."
)
@click.option(
    "--exclude-globs", "--ignore", metavar="GLOB,…", default="", help="No run whose folder or journal has one."
)
@click.option(
    "--show", metavar="N", type=click.IntRange(0), default=20, show_default=True, help="List so many; 0: all."
)
@click.option("--view", is_flag=True, help="Send nothing; print the kinds of all records, with --verbose all they say.")
@click.option("--legacy", is_flag=True, hidden=True)
@click.option("-n", "--parallel", type=click.IntRange(1, 64), default=5, show_default=True, help="Runs at a time.")
@click.option("--dry-run", is_flag=True, help="Send nothing; list what would be sent.")
@click.option(
    "--verify", is_flag=True, help="Read everything back from the server and compare it; also of runs marked as synced."
)
@click.option("--clean", is_flag=True, help="Afterwards, remove folders of runs that were sent.")
@click.option(
    "--clean-old-hours",
    metavar="HOURS",
    type=click.FloatRange(0),
    default=24,
    show_default=True,
    help="With --clean: only those that have not grown for so long.",
)
@click.option("--clean-force", is_flag=True, hidden=True)
@click.option(
    "--sync-tensorboard/--no-sync-tensorboard",
    default=True,
    help="Take a PATH without runs, but with event files of TensorBoard, as one run (the default), or not.",
)
@click.option("--yes", is_flag=True, help="Do not ask before sending what was found.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as one JSON document.")
@click.option("-v", "--verbose", is_flag=True, help="Tell more about each run.")
def sync(
    paths: Sequence[str],
    run_id: str | None,
    project: str | None,
    entity: str | None,
    job_type: str | None,
    replace_tags: str,
    include_globs: str,
    exclude_globs: str,
    show: int,
    parallel: int,
    clean_old_hours: float,
    *,
    include_online: bool | None,
    include_offline: bool,
    include_synced: bool,
    mark_synced: bool,
    sync_all: bool,
    append: bool,
    skip_console: bool,
    view: bool,
    legacy: bool,
    dry_run: bool,
    verify: bool,
    clean: bool,
    clean_force: bool,
    sync_tensorboard: bool,
    yes: bool,
    as_json: bool,
    verbose: bool,
) -> None:
    """Send runs that are kept on this machine to the server.

    PATH is the folder of a run, the journal in it (run-ID.wandb), or a folder of such folders; our runs and those that
    the protocol's own client wrote offline alike; or a folder of TensorBoard's event files. Without PATH it is every
    run below ./kymograph, ./wandb and ./.wandb that is not marked as synced.

    It can be stopped and started again: it goes on where it was, and what is there already is not sent twice. A run
    that cannot be sent does not keep the others from it. Exit status 1 means that something is missing on the server.
    """
    from kymograph.cli.connecting import split_project
    from kymograph.cli.event_folders import with_runs_of_events
    from kymograph.cli.local import local_runs, named_by_globs
    from kymograph.cli.sync_records import print_records
    from kymograph.sdk.sender.changes import RunChanges, parse_tag_replacements
    from kymograph.sdk.sync import SyncOptions

    entity, project = split_project(project, entity)
    tags = parse_tag_replacements(replace_tags)
    changes = RunChanges(run_id, entity, project, job_type, tags, is_appended=append, without_console=skip_console)
    if sync_tensorboard and not view:
        paths = with_runs_of_events(paths, say=_quiet if as_json else click.echo)
    found = named_by_globs(local_runs(paths), include=include_globs, exclude=exclude_globs)
    if view:
        print_records(found, is_verbose=verbose)
        return
    wanted = _Choice(
        with_online=sync_all or bool(include_online),
        with_offline=include_offline,
        with_synced=include_synced,
        is_search=not paths,
    )
    chosen = [run for run in found if wanted.takes(run)]
    # What was sent before is only compared: sending it again would mend what differs, and hide it.
    compared = [run for run in found if run.is_synced and run not in chosen] if verify else []
    if run_id is not None and len(chosen) > 1:
        raise click.UsageError(f"--id is for one run, and these paths mean {len(chosen)}")
    say = _quiet if as_json else click.echo
    for line in wanted.left_out(without_synced=bool(compared)):
        say(line)
    if not chosen and not compared:
        _end_without_runs(found, as_json=as_json)
        return
    if chosen and (dry_run or verbose or not (paths or yes or sync_all)):
        _list(chosen, say, is_dry=dry_run, at_most=show or len(chosen))
    if dry_run:
        if as_json:
            _print_json({"would_sync": [_described(run) for run in chosen]})
        return
    is_asked = bool(chosen) and not (paths or yes or sync_all or as_json) and sys.stdin.isatty()
    if is_asked and not click.confirm(f"Send {_count(chosen)}?", default=True):
        return
    options = SyncOptions(changes=changes, is_marked=mark_synced, at_once=parallel)
    results, reports = _send(chosen, options, compared=compared, verify=verify, is_quiet=as_json, is_verbose=verbose)
    removed = _clean(results, reports, clean_old_hours, is_quiet=as_json) if clean or clean_force else []
    if as_json:
        _print_json(
            {
                "results": [result.document() for result in results],
                "verified": [report.document() for report in reports.values()] if verify else None,
                "removed": [str(path) for path in removed],
            }
        )
    is_fine = len(results) == len(chosen) and all(result.is_whole for result in results)
    if not is_fine or any(not report.is_equal for report in reports.values()):
        sys.exit(1)


def _quiet(_text: str) -> None:
    return


class _Choice:
    """Which of the runs that were found are sent; counts the others."""

    def __init__(self, *, with_online: bool, with_offline: bool, with_synced: bool, is_search: bool) -> None:
        self._with_online, self._with_offline, self._with_synced = with_online, with_offline, with_synced
        self._is_search = is_search
        self.synced = self.online = self.offline = self.busy = 0

    def takes(self, run: LocalRun) -> bool:
        """Whether a run is sent."""
        if run.is_synced and not self._with_synced:
            self.synced += 1
        elif not run.is_online and not self._with_offline:
            self.offline += 1
        elif self._is_search and run.is_busy:
            self.busy += 1
        elif self._is_search and run.is_online and not run.is_ours and not self._with_online:
            # Other clients leave no mark that says whether all of it arrived.
            self.online += 1
        else:
            return True
        return False

    def left_out(self, *, without_synced: bool) -> list[str]:
        """What is to be said of the others."""
        told = (
            (0 if without_synced else self.synced, "marked as synced: left out, --include-synced takes them too"),
            (self.online, "sent by another client while running: left out, --include-online takes them too"),
            (self.offline, "written offline: left out"),
            (self.busy, "being sent at this moment by a sender of their own: left out"),
        )
        return [f"{number} {'run' if number == 1 else 'runs'} {words}" for number, words in told if number]


def _end_without_runs(found: Sequence[LocalRun], *, as_json: bool) -> None:
    if as_json:
        _print_json({"results": [], "verified": None, "removed": []})
    elif found:
        click.echo("Nothing is left to send.")
    else:
        click.echo("There are no runs here (below ./kymograph, ./wandb or ./.wandb); give the path of one.")


def _list(runs: Sequence[LocalRun], say: Any, *, is_dry: bool, at_most: int) -> None:
    from kymograph.cli.local import shown_bytes, shown_path

    say(f"{'Would send' if is_dry else 'To send:'} {_count(runs)}{':' if is_dry else ''}")
    for run in runs[:at_most]:
        notes = [run.path, shown_bytes(run.size_bytes)]
        if run.is_being_written:
            notes.append("still being written")
        say(f"  {shown_path(run.folder.path)}  ({', '.join(notes)})")
    if len(runs) > at_most:
        say(f"  and {len(runs) - at_most} more")


def _send(
    runs: Sequence[LocalRun],
    options: SyncOptions,
    *,
    compared: Sequence[LocalRun],
    verify: bool,
    is_quiet: bool,
    is_verbose: bool,
) -> tuple[list[SyncResult], dict[Path, CheckReport]]:
    from kymograph.cli.connecting import connect, settings_here
    from kymograph.cli.sync_view import SyncView
    from kymograph.sdk.sync import sync_runs

    with connect(settings_here()) as client, SyncView(is_quiet=is_quiet, is_verbose=is_verbose) as view:
        client.viewer()  # says at once what is wrong with server or key, and for all runs
        folders = [run.folder for run in runs]
        results = sync_runs(folders, client, options=options, listener=view.note, done=view.done)
        sent = [result.run for result in results if result.receipt is not None]
        reports = _verify([*sent, *compared], client, options, view) if verify else {}
        view.end(results, reports, base_url=client.base_url)
    return results, reports


def _verify(runs: Sequence[LocalRun], client: RunClient, options: SyncOptions, view: Any) -> dict[Path, CheckReport]:
    from kymograph.client.run_reads import RunReads
    from kymograph.errors import KymographError
    from kymograph.sdk.sync_check import CheckReport, check_run

    reports = {}
    for run in runs:
        view.checking(run)
        try:
            report = check_run(run.folder, RunReads(client), changes=options.changes)
        except KymographError as exc:
            report = CheckReport(run.path)
            report.differ("run", run.path, "a run", str(exc))
        reports[run.folder.path] = report
        view.checked(run, report)
    return reports


def _clean(
    results: Sequence[SyncResult], reports: dict[Path, CheckReport], min_hours: float, *, is_quiet: bool
) -> list[Path]:
    from datetime import UTC, datetime, timedelta

    from kymograph.cli.local import counted, shown_bytes
    from kymograph.sdk.cleaning import choose_removable, remove_runs
    from kymograph.sdk.local_runs import read_local_run

    sent = [result.run.folder for result in results if result.is_whole]
    equal = [folder for folder in sent if folder.path not in reports or reports[folder.path].is_equal]
    choice = choose_removable(map(read_local_run, equal), min_age=timedelta(hours=min_hours), now=datetime.now(UTC))
    removal = remove_runs(choice.removable)
    if not is_quiet:
        click.echo(f"{counted(len(removal.removed), 'folder')} removed, {shown_bytes(removal.freed_bytes)} freed")
        for problem in removal.problems:
            click.echo(f"not removed: {problem}", err=True)
    return [run.folder.path for run in removal.removed]


def _count(runs: Sequence[LocalRun]) -> str:
    return "1 run" if len(runs) == 1 else f"{len(runs)} runs"


def _described(run: LocalRun) -> dict[str, Any]:
    return {
        "folder": str(run.folder.path),
        "run": run.path,
        "is_online": run.is_online,
        "is_synced": run.is_synced,
        "is_being_written": run.is_being_written,
        "size_bytes": run.size_bytes,
        "producer": run.producer,
        "problem": run.problem or None,
    }


def _print_json(document: object) -> None:
    import json

    click.echo(json.dumps(document, indent=2, default=str))
