"""What ``kymograph sync`` shows while it works: bars in a terminal, a line for each event elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.text import Text

from kymograph.cli.local import shown_path
from kymograph.sdk.local_runs import LocalRun
from kymograph.sdk.sync import SyncOutcome, SyncResult
from kymograph.sdk.sync_check import CheckReport
from kymograph.types import JsonObject

GOOD, BAD, SO_SO = "✓", "✗", "•"


class SyncView:
    """Shows syncs. Its methods may be called from several threads."""

    def __init__(self, *, is_quiet: bool = False, is_verbose: bool = False, console: Console | None = None) -> None:
        """Show nothing yet.

        Args:
            is_quiet: Never show anything.
            is_verbose: Tell also what usually does not matter.
            console: Where to. Default: standard error for bars and trouble, and lines of results.
        """
        self._console = console or Console(highlight=False, soft_wrap=True, quiet=is_quiet)
        self._is_verbose = is_verbose
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[said]}", markup=False, style="dim"),
        )
        self._progress = Progress(
            *columns, console=self._console, transient=True, disable=is_quiet or not self._console.is_terminal
        )
        self._tasks: dict[Path, TaskID] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._progress.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.__exit__(kind, error, at)

    def note(self, run: LocalRun, kind: str, content: JsonObject) -> None:
        """A sender said something."""
        with self._lock:
            task = self._task(run)
        if kind == "started":
            self._progress.update(task, said="sending")
            if self._is_verbose:
                self._print(SO_SO, run, f"goes to {content['entity']}/{content['project']}/{run.run_id}")
        elif kind == "progress":
            wanted = int(str(content.get("files_wanted", 0)))
            said = f"{content.get('rows'):,} rows, {content.get('files_done')} of {wanted} files"
            self._progress.update(task, said=said, total=wanted or None, completed=int(str(content["files_done"])))
        elif kind == "trouble":
            self._print(SO_SO, run, f"waits: {content.get('message')}")
            self._progress.update(task, said="waits for the server")
        elif kind == "recovered":
            self._print(SO_SO, run, "goes on")

    def _task(self, run: LocalRun) -> TaskID:
        known = self._tasks.get(run.folder.path)
        if known is None:
            known = self._tasks[run.folder.path] = self._progress.add_task(run.run_id, total=None, said="reading")
        return known

    def done(self, result: SyncResult) -> None:
        """A run is through."""
        with self._lock:
            task = self._tasks.pop(result.run.folder.path, None)
        if task is not None:
            self._progress.remove_task(task)
        self._print(GOOD if result.is_whole else BAD, result.run, words_of(result))
        for damage in result.damages:
            text = f"{damage.size_bytes:,} bytes at {damage.position:,} cannot be read and were skipped: "
            self._say(f"    {text}{damage.problem}")
        for problem in result.missing_files:
            self._say(f"    not sent: {problem}")
        if self._is_verbose and result.receipt is not None:
            for name, digest in result.receipt.digests.items():
                self._say(f"    {name}  MD5 {digest}")

    def checking(self, run: LocalRun) -> None:
        """A run is being compared."""
        if self._is_verbose:
            self._print(SO_SO, run, "is read back and compared")

    def checked(self, run: LocalRun, report: CheckReport) -> None:
        """A run was compared."""
        self._print(GOOD if report.is_equal else BAD, run, check_words(report))
        for difference in report.differences:
            self._say(f"    {difference}")
        named = len(report.differences)
        left = sum(report.differing.values()) - named
        if left:
            self._say(f"    and {left:,} more differences")
        for note in report.notes:
            self._say(f"    {note}")

    def end(self, results: Sequence[SyncResult], reports: Mapping[Path, CheckReport], *, base_url: str) -> None:
        """All is done."""
        whole = sum(result.is_whole for result in results)
        rows = sum(result.receipt.lines_acknowledged for result in results if result.receipt is not None)
        if not results:
            return
        words = f"{whole} of {len(results)} {'run' if len(results) == 1 else 'runs'} sent to {base_url}, {rows:,} rows"
        if reports:
            equal = sum(report.is_equal for report in reports.values())
            words += f"; {equal} of {len(reports)} compared and equal"
        if len(results) > 1 or self._is_verbose:
            self._say(words)

    def _print(self, mark: str, run: LocalRun, words: str) -> None:
        self._say(f"{mark} {shown_path(run.folder.path)}: {words}")

    def _say(self, text: str) -> None:
        self._console.print(Text(text))


def words_of(result: SyncResult) -> str:
    """What came of a run, in a sentence."""
    receipt = result.receipt
    if receipt is None:
        return result.problem
    words = (
        f"{receipt.lines_acknowledged:,} of {receipt.lines:,} rows, {receipt.files_uploaded} of {receipt.files} files "
        f"→ {receipt.path}"
    )
    if result.outcome is SyncOutcome.GROWING:
        words += "; its process still writes: sync again when it has ended"
    elif result.is_abandoned:
        words += "; its process ended without saying how, so it is marked as failed"
    if result.problem:
        words += f"; {result.problem}"
    return words


def check_words(report: CheckReport) -> str:
    """What a comparison came to, in a sentence."""
    counts = report.counts
    if report.is_equal:
        return (
            f"equal on the server: {counts.get('rows', 0):,} rows, {counts.get('summary', 0)} summary and "
            f"{counts.get('config', 0)} config values, {counts.get('files', 0)} files by MD5, "
            f"{counts.get('console', 0):,} console lines"
        )
    differing = ", ".join(f"{number:,} × {kind}" for kind, number in report.differing.items())
    return f"NOT equal on the server: {differing}"
