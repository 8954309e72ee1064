"""``kymograph run``: runs on the server: a list, one in full, one as it goes on. Also ``kymograph tail``."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kymograph.cli.connecting import project_options

if TYPE_CHECKING:
    from kymograph.client.run_reads import RemoteRun
    from kymograph.sdk.tail import TailSource

LOOK_EVERY_S = 1.0
MAX_SHOWN_VALUES = 8


@click.group()
def run() -> None:
    """Look at runs on the server: list them, show one, follow one."""


@run.command("list")
@project_options
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="KEY=VALUE",
    help="Only runs with this value, such as state=running or config.lr=0.1; or a filter as JSON. May be repeated.",
)
@click.option("--order", default="-created_at", show_default=True, metavar="KEY", help="Sort by; - for descending.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Runs at most.")
@click.option("--json", "as_json", is_flag=True, help="Print them as a JSON list.")
def list_runs(
    project: str | None, entity: str | None, filters: tuple[str, ...], order: str, limit: int, *, as_json: bool
) -> None:
    """List the runs of a project, newest first."""
    from itertools import islice

    from kymograph.cli.connecting import DEFAULT_PROJECT, connect, own_entity, settings_here, split_project
    from kymograph.client.run_reads import RunReads

    entity, project = split_project(project, entity)
    wanted = parse_filters(filters)
    settings = settings_here()
    with connect(settings, is_patient=True) as client:
        owner = entity or settings.entity or own_entity(client)
        order = order if order[:1] in "+-" else f"+{order}"
        found = RunReads(client).iter_runs(
            owner, project or settings.project or DEFAULT_PROJECT, filters=wanted, order=order
        )
        runs = list(islice(found, limit))
    if as_json:
        click.echo(json.dumps([_strict(item.document()) for item in runs], indent=2))
    else:
        _print_table(runs)


def parse_filters(texts: tuple[str, ...]) -> dict[str, Any]:
    """Conditions as the protocol has them, all of which must hold.

    Raises:
        click.UsageError: One is neither ``key=value`` nor a JSON object.
    """
    conditions = []
    for text in texts:
        if text.lstrip().startswith("{"):
            try:
                conditions.append(json.loads(text))
            except ValueError as exc:
                raise click.UsageError(f"the filter {text!r} is no JSON: {exc}") from exc
            continue
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise click.UsageError(f"the filter {text!r} is neither KEY=VALUE nor a JSON object")
        try:
            conditions.append({key: json.loads(value)})
        except ValueError:
            conditions.append({key: value})  # a text need not be quoted
    return {} if not conditions else conditions[0] if len(conditions) == 1 else {"$and": conditions}


def _strict(document: Any) -> Any:
    """JSON that every reader takes: NaN and infinities as texts."""
    from kymograph.core import exact_json

    return exact_json.to_strict(document)


def _print_table(runs: list[RemoteRun]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not runs:
        click.echo("No runs.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("run", "name", "state", "rows", "created", "user", "tags"):
        table.add_column(name, justify="right" if name == "rows" else "left", overflow="fold")
    for item in runs:
        cells = (
            item.address.run_id,
            item.display_name,
            item.state,
            f"{item.history_lines:,}",
            (item.created_at or "").replace("T", " ")[:16],
            item.user or "",
            ", ".join(item.tags),
        )
        style = STATE_STYLES.get(item.state, "")
        table.add_row(*(Text(printable(cell), style=style if place == 2 else "") for place, cell in enumerate(cells)))
    Console().print(table)


STATE_STYLES = {"running": "green", "failed": "red", "crashed": "red", "killed": "yellow", "preempted": "yellow"}


def printable(text: str) -> str:
    """A text without characters that would do something to the terminal."""
    return "".join(character if character.isprintable() or character in "\n\t" else "\ufffd" for character in text)


@run.command("show")
@click.argument("run_path", metavar="RUN")
@project_options
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON document.")
def show_run(run_path: str, project: str | None, entity: str | None, *, as_json: bool) -> None:
    """Show config, summary and state of a run on the server.

    RUN is ENTITY/PROJECT/RUN, an id alone, or the address of a page.
    """
    from kymograph.cli.connecting import connected_to
    from kymograph.cli.run_view import print_remote

    with connected_to(run_path, project, entity) as (reads, at):
        found = reads.get_run(at)
        if as_json:
            more = {"info": found.info, "last_step": found.last_step, "files": found.file_count}
            click.echo(json.dumps(_strict({**found.document(), **more}), indent=2))
        else:
            print_remote(found, base_url=reads.client.base_url)


@click.command("tail")
@click.argument("run_path", metavar="RUN|RUN_DIR")
@project_options
@click.option(
    "-n", "--lines", type=click.IntRange(0, 10_000), default=20, show_default=True, help="Lines to begin with."
)
@click.option("--no-follow", is_flag=True, help="Show what is there, and end.")
@click.option("--no-metrics", is_flag=True, help="Only the console.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object for each line and row.")
def tail(
    run_path: str,
    project: str | None,
    entity: str | None,
    lines: int,
    *,
    no_follow: bool,
    no_metrics: bool,
    as_json: bool,
) -> None:
    """Follow a run: what it prints and logs, as it comes, until it ends.

    RUN is ENTITY/PROJECT/RUN, an id alone, or the address of a page; RUN_DIR is the folder of a run on this machine,
    which need not be sent anywhere.
    """
    from kymograph.sdk.run_folder import RunFolder
    from kymograph.sdk.tail import JournalTailSource, ServerTail

    path = Path(run_path).expanduser()
    if path.exists():
        source = JournalTailSource(RunFolder.find(path), first_lines=lines)
        try:
            _follow(source, is_once=no_follow, with_metrics=not no_metrics, as_json=as_json)
        finally:
            source.close()
        return
    from kymograph.cli.connecting import connected_to

    with connected_to(run_path, project, entity) as (reads, at):
        remote = ServerTail(reads, at, first_lines=lines)
        _follow(remote, is_once=no_follow, with_metrics=not no_metrics, as_json=as_json)


run.add_command(tail)


def _follow(source: TailSource, *, is_once: bool, with_metrics: bool, as_json: bool) -> None:
    try:
        for text, is_error in follow_texts(source, is_once=is_once, with_metrics=with_metrics, as_json=as_json):
            click.echo(text, err=is_error)
    except KeyboardInterrupt:
        click.echo("", err=True)


def follow_texts(
    source: TailSource, *, is_once: bool, with_metrics: bool, as_json: bool, wait: Any = time.sleep
) -> Iterator[tuple[str, bool]]:
    """What is to be printed, as it comes, and whether it is an aside; ends with the run.

    Args:
        source: The run.
        is_once: Whether one look is enough.
        with_metrics: Whether rows are told as well.
        as_json: Whether each thing is a JSON object.
        wait: Sleeps so many s.
    """
    from dataclasses import replace

    from kymograph.errors import TransportError
    from kymograph.sdk.tail import Follower

    follower, state, is_away = Follower(), "", False
    while True:
        try:
            update = source.look()
        except TransportError as exc:
            if is_once or not state:
                raise
            if not is_away:
                yield f"{exc}; looking again", True
            is_away = True
            wait(5 * LOOK_EVERY_S)
            continue
        is_away = False
        if is_once:
            update = replace(update, is_over=True)
        for line in follower.lines(update):
            if as_json:
                yield json.dumps({"line": line.number, "text": line.text, "is_error": line.is_error}), False
            else:
                yield line.text, False
        row = follower.row(update)
        if row is not None and with_metrics:
            yield _row_text(row, update.step, as_json=as_json), False
        if update.state != state:
            state = update.state
            yield (json.dumps({"state": state}), False) if as_json else (f"— {state} —", True)
        if update.is_over:
            return
        wait(LOOK_EVERY_S)


def _row_text(row: dict[str, Any], step: int | None, *, as_json: bool) -> str:
    from kymograph.core.flatten import iter_leaves

    if as_json:
        return json.dumps({"step": step, "values": _strict(row)})
    numbers = [
        f"{name}={value:.6g}"
        for name, value in iter_leaves(row)
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    ]
    more = f" and {len(numbers) - MAX_SHOWN_VALUES} more" if len(numbers) > MAX_SHOWN_VALUES else ""
    return click.style(f"step {step}: {'  '.join(numbers[:MAX_SHOWN_VALUES])}{more}", dim=True)
