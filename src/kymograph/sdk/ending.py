"""How a run ends for the person who started it: it is sent, or goes on being sent, or says how to."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from kymograph.errors import FinishTimeout
from kymograph.sdk.end_table import end_table
from kymograph.sdk.notices import shown_path
from kymograph.types import JsonObject

if TYPE_CHECKING:
    from kymograph.sdk.link import SenderLink
    from kymograph.sdk.run import Run

SHOW_AFTER_S = 1.0


def end(run: Run, *, is_quiet: bool) -> None:
    """Wait for the sender as long as the settings allow, and say what came of it.

    Args:
        run: Its journal is complete.
        is_quiet: Say only what is wrong.

    Raises:
        FinishTimeout: It did not end in time, and the settings say that this raises.
    """
    link, voice = run._link, run._voice
    if run._journal.lost_records:
        voice.warn(f"{run._journal.lost_records} records of run {run.id} were lost while the disk took nothing")
    if run.disabled:
        return
    is_chatty = voice.is_chatty and not is_quiet
    if is_chatty:
        _say_what_it_came_to(run)
    sync = f"kymograph sync {shown_path(run.sync_dir)}"
    if link is None:
        if is_chatty:
            voice.chat(f"run {run.id} is complete; send it with: {sync}")
        return
    link.hurry()
    receipt = _wait(run, link, shows_progress=is_chatty)
    is_lost = receipt is None and link.refusal is None and link.is_over
    is_stopped = receipt is None and link.refusal is None and not run._settings.detach_on_finish
    if is_stopped:
        link.end()
    else:
        link.let_go()
    if receipt is not None:
        if receipt.get("is_whole"):
            if is_chatty:
                voice.chat(_words_of(receipt, run))
        else:
            voice.warn(f"{_words_of(receipt, run)}\nwhat is missing is in {shown_path(run.sync_dir)}; try: {sync}")
    elif link.refusal is not None:
        voice.warn(
            f"the server does not take run {run.id}: {link.refusal}\nnothing is lost; send it later with: {sync}"
        )
    elif is_lost:
        voice.warn(
            f"the sender of run {run.id} ended before all was sent; its log is in {shown_path(run._folder.logs)}\n"
            f"nothing is lost; send the rest with: {sync}"
        )
    else:
        _say_what_is_left(run, link, sync, is_stopped=is_stopped)


def _say_what_it_came_to(run: Run) -> None:
    settings = run._settings
    lines = end_table(
        run.summary._document(),
        run._rows.sample.traces(),
        max_traces=settings.max_end_of_run_history_metrics,
        max_values=settings.max_end_of_run_summary_metrics,
    )
    if lines:
        run._voice.chat("\n".join(lines))


def _wait(run: Run, link: SenderLink, *, shows_progress: bool) -> JsonObject | None:
    hint = " (Ctrl-C leaves the rest to a process in the background)" if run._settings.detach_on_finish else ""
    progress = _Progress(hint) if shows_progress else None
    try:
        # Without end, for those who ask for that.
        return link.wait_for_receipt(run._settings.finish_timeout or float("inf"), look=progress)
    except KeyboardInterrupt:
        return None  # whoever is in a hurry need not wait
    finally:
        if progress is not None:
            progress.clear()


def _say_what_is_left(run: Run, link: SenderLink, sync: str, *, is_stopped: bool) -> None:
    settings, why = run._settings, f": {link.trouble}" if link.trouble else ""
    words = f"run {run.id} is not on the server yet{why}"
    if is_stopped:
        rest = f"nothing is lost; send it with: {sync}"
    else:
        rest = f"a process in the background ({link.pid}) goes on sending it; if that is ended, use: {sync}"
    run._voice.warn(f"{words}\n{rest}", repeat=True)
    if settings.finish_timeout_raises:
        raise FinishTimeout(run.id, timeout_s=settings.finish_timeout, folder=run.sync_dir)


class _Progress:
    """Shows on a terminal how far sending is, once it takes longer than a blink."""

    def __init__(self, hint: str) -> None:
        self._hint = hint
        self._began = time.monotonic()
        self._width = 0
        self._stream = sys.stderr if sys.stderr is not None and sys.stderr.isatty() else None

    def __call__(self, progress: JsonObject) -> None:
        if self._stream is None or time.monotonic() - self._began < SHOW_AFTER_S or not progress:
            return
        megabytes = float(progress.get("bytes_sent") or 0) / 1e6  # type: ignore[arg-type]
        text = (
            f"sending: {progress.get('rows'):,} rows, {progress.get('files_done')} of {progress.get('files_wanted')} "
            f"files, {megabytes:,.1f} MB{self._hint}"
        )
        if progress.get("artifacts_wanted"):
            text += f", {progress.get('artifacts_done')} of {progress.get('artifacts_wanted')} artifacts"
        self._write(f"\r{text.ljust(self._width)}")
        self._width = len(text)

    def clear(self) -> None:
        """Leave the line to what comes next."""
        if self._width:
            self._write(f"\r{' ' * self._width}\r")

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            assert self._stream is not None
            self._stream.write(text)
            self._stream.flush()


def _words_of(receipt: JsonObject, run: Run) -> str:
    files = f"{receipt.get('files_uploaded')} of {receipt.get('files')} files"
    rows = f"{receipt.get('lines_acknowledged')} of {receipt.get('lines')} rows"
    words = f"run {run.name or run.id}: sent {rows}, {files}"
    if receipt.get("artifacts"):
        words += f", {receipt.get('artifacts_done')} of {receipt.get('artifacts')} artifacts"
    problems = receipt.get("problems")
    if isinstance(problems, list) and problems:
        words += "".join(f"\nnot sent: {problem}" for problem in problems)
    return f"{words}\n{run.url}" if run.url else words
