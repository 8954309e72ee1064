"""How a run ends for the person who started it: it is sent, or goes on being sent, or says how to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kymograph.sdk import notices
from kymograph.types import JsonObject

if TYPE_CHECKING:
    from kymograph.sdk.run import Run


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
    receipt = link.wait_for_receipt(settings.finish_timeout)
    link.let_go()
    if receipt is not None:
        say(_words_of(receipt, run))
    elif link.refusal is not None:
        notices.warn(
            f"the server does not take run {run.id}: {link.refusal}\nnothing is lost; it is kept in {run.sync_dir}: "
            f"kymograph sync {run.sync_dir}"
        )
    else:
        why = f" ({link.trouble})" if link.trouble else ""
        notices.say(
            f"run {run.id} is not sent whole yet{why}; the sender (process {link.pid}) goes on in the background\n"
            f"if it is stopped: kymograph sync {run.sync_dir}",
            repeat=True,
        )


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
