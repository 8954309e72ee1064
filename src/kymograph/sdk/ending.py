"""How a run ends for the person who started it: it is sent, or goes on being sent, or says how to."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from kymograph.sdk import notices
from kymograph.types import JsonObject

if TYPE_CHECKING:
    from kymograph.sdk.run import Run

SHOW_AFTER_S = 1.0


def end(run: Run, *, is_quiet: bool) -> None:
    """Wait for the sender as long as the settings allow, and say what came of it."""
    settings, link = run._settings, run._link
    say = (lambda _text: None) if is_quiet or settings.quiet or settings.silent else _say
    if run._journal.lost_records:
        notices.warn(f"{run._journal.lost_records} records of run {run.id} were lost while the disk took nothing")
    if link is None:
        if not run.disabled:
            say(f"run {run.id} is kept in {run.sync_dir}\nsend it with: kymograph sync {run.sync_dir}")
        return
    progress = _Progress() if not is_quiet and not settings.quiet and not settings.silent else None
    link.hurry()
    try:
        receipt = link.wait_for_receipt(settings.finish_timeout, look=progress)
    except KeyboardInterrupt:
        receipt = None  # whoever is in a hurry need not wait: the sender goes on
    if progress is not None:
        progress.clear()
    link.let_go()
    if receipt is not None:
        say(_words_of(receipt, run))
    elif link.refusal is not None:
        notices.warn(
            f"the server does not take run {run.id}: {link.refusal}\nnothing is lost; it is kept in {run.sync_dir}: "
            f"kymograph sync {run.sync_dir}"
        )
    elif link.is_over:
        notices.warn(
            f"the sender of run {run.id} ended before all was sent; its log is in {run._folder.logs}\nnothing is lost; "
            f"send the rest with: kymograph sync {run.sync_dir}"
        )
    else:
        why = f" ({link.trouble})" if link.trouble else ""
        notices.say(
            f"run {run.id} is not sent whole yet{why}; the sender (process {link.pid}) goes on in the background\n"
            f"if it is stopped: kymograph sync {run.sync_dir}",
            repeat=True,
        )


class _Progress:
    """Shows on a terminal how far sending is, once it takes longer than a blink."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._width = 0
        self._stream = sys.stderr if sys.stderr is not None and sys.stderr.isatty() else None

    def __call__(self, progress: JsonObject) -> None:
        if self._stream is None or time.monotonic() - self._began < SHOW_AFTER_S or not progress:
            return
        megabytes = float(progress.get("bytes_sent") or 0) / 1e6  # type: ignore[arg-type]
        text = (
            f"sending: {progress.get('rows'):,} rows, {progress.get('files_done')} of {progress.get('files_wanted')} "
            f"files, {megabytes:,.1f} MB"
        )
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
    words = f"sent {rows}, {files}"
    problems = receipt.get("problems")
    if isinstance(problems, list) and problems:
        words += "\n" + "\n".join(f"not sent: {problem}" for problem in problems)
    return f"{words}\n{run.url}" if run.url else words


def _say(text: str) -> None:
    notices.say(text, repeat=True)
