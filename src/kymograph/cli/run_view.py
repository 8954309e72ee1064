"""A run in the terminal: from a server, or from its folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from kymograph.cli.local import shown_bytes, shown_path
from kymograph.cli.run import STATE_STYLES, printable
from kymograph.client.run_reads import RemoteRun
from kymograph.core import exact_json
from kymograph.core.flatten import iter_leaves
from kymograph.core.sparkline import Trace
from kymograph.sdk.journal_view import JournalView

MAX_VALUES = 30
MAX_METRICS = 30
LINE_WIDTH = 40


def print_remote(run: RemoteRun, *, base_url: str) -> None:
    """Show a run of a server."""
    at = run.address
    facts = [
        ("page", f"{base_url}/{at.entity}/{at.project}/runs/{at.run_id}"),
        ("created", f"{run.created_at or ''}{f' by {run.user}' if run.user else ''}"),
        ("last heard", run.heartbeat_at or ""),
        ("rows", f"{run.history_lines:,}{f', last step {run.last_step:,}' if run.last_step is not None else ''}"),
        ("console", f"{run.console_lines:,} lines"),
        ("files", f"{run.file_count:,}"),
        *_about(run.group, run.job_type, run.tags, run.notes),
        ("program", str(run.info.get("program") or "")),
        ("commit", run.commit or ""),
        ("host", " ".join(str(run.info.get(name) or "") for name in ("os", "python", "gpu")).strip()),
    ]
    _print(run.display_name or at.run_id, run.state, facts, run.config, run.summary)


def print_journal(view: JournalView, *, with_system: bool, width: int = LINE_WIDTH) -> None:
    """Show a run of a folder."""
    run, console = view.run, Console(highlight=False)
    is_there = "yes" if run.is_synced else "no"
    facts = [
        ("folder", shown_path(run.folder.path)),
        ("run", run.path),
        ("started", run.started_at.isoformat(" ", "seconds") if run.started_at is not None else ""),
        ("written by", run.producer),
        ("synced", f"{is_there}{f', to {view.server}' if view.server else ''}"),
        ("rows", f"{view.rows:,}{f', last step {view.last_step:,}' if view.last_step is not None else ''}"),
        ("console", f"{view.lines.get('console', 0):,} lines"),
        ("size", f"{shown_bytes(run.size_bytes)}, {len(view.files)} files"),
        *_about(view.group, view.job_type, view.tags, view.notes),
        ("program", str(view.environment.get("program") or "")),
        ("host", " ".join(str(view.environment.get(name) or "") for name in ("host", "os", "python"))),
    ]
    state = view.state if view.exit_code in (0, None) else f"{view.state} (exit code {view.exit_code})"
    _print(run.display_name or run.run_id, state, facts, view.config, view.summary, console=console)
    _print_traces("metrics", view.metrics, console, width)
    if view.other_values:
        names = sorted(view.other_values)
        shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
        console.print(Text(f"no numbers: {printable(shown)}", style="dim"))
    if with_system:
        _print_traces("system", view.system, console, width)
    if view.console:
        console.print(Text("\nconsole", style="bold"))
        for line in view.console:
            # Colours of the run's own may stay; what else a line does to a terminal may not.
            console.print(Text.from_ansi(line), soft_wrap=True)
    for damage in view.damages:
        text = f"{damage.size_bytes:,} bytes at {damage.position:,} cannot be read: {damage.problem}"
        console.print(Text(text, style="yellow"))


def _about(group: str | None, job_type: str | None, tags: Sequence[str], notes: str) -> list[tuple[str, str]]:
    return [("group", group or ""), ("job type", job_type or ""), ("tags", ", ".join(tags)), ("notes", notes)]


def _print(
    title: str,
    state: str,
    facts: Iterable[tuple[str, str]],
    config: Mapping[str, Any],
    summary: Mapping[str, Any],
    *,
    console: Console | None = None,
) -> None:
    console = console or Console(highlight=False)
    heading = Text(printable(title), style="bold")
    heading.append(f"  {state}", style=STATE_STYLES.get(state.partition(" ")[0], "dim"))
    table = _pairs((name, value) for name, value in facts if value)
    console.print(Group(heading, table))
    for name, document in (("config", config), ("summary", summary)):
        leaves = [(key, value) for key, value in iter_leaves(document) if not key.startswith("_")]
        if not leaves:
            continue
        console.print(Text(f"\n{name}", style="bold"))
        console.print(_pairs((key, _shown(value)) for key, value in leaves[:MAX_VALUES]))
        if len(leaves) > MAX_VALUES:
            console.print(Text(f"and {len(leaves) - MAX_VALUES} more; --json has all", style="dim"))


def _pairs(pairs: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", overflow="fold")
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(Text(printable(name)), Text(printable(value)))
    return table


def _print_traces(title: str, traces: Mapping[str, Trace], console: Console, width: int) -> None:
    if not traces:
        return
    console.print(Text(f"\n{title}", style="bold"))
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", overflow="fold")
    table.add_column(no_wrap=True)
    for _ in range(3):
        table.add_column(justify="right", no_wrap=True)
    for name, trace in list(traces.items())[:MAX_METRICS]:
        low, high = (_number(trace.low), _number(trace.high)) if trace.low <= trace.high else ("", "")
        cells = (Text(trace.draw(width), style="cyan"), Text(_number(trace.last)), Text(f"{low} … {high}", style="dim"))
        table.add_row(Text(printable(name)), *cells)
    console.print(table)
    if len(traces) > MAX_METRICS:
        console.print(Text(f"and {len(traces) - MAX_METRICS} more; --json has all", style="dim"))


def _number(value: float) -> str:
    return f"{value:.5g}"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else exact_json.dumps(value)
    return text if len(text) <= 200 else f"{text[:199]}…"
