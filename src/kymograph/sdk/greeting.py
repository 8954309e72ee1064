"""What a run says when it begins: where it is to be seen, or where it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kymograph.sdk.capture.notebook import find_notebook_shell
from kymograph.sdk.notices import shown_path

if TYPE_CHECKING:
    from kymograph.sdk.run import Run


def greet(run: Run) -> None:
    """Say where the run is: in a line, or in a notebook whose cell asks for it, in a frame."""
    shell = find_notebook_shell()
    if shell is not None:
        from kymograph.sdk.magic import show_if_waited_for

        if show_if_waited_for(shell, run):
            return
    run._voice.tell(_words_of(run))
    if run._settings.show_run and run.url is not None:
        import webbrowser

        webbrowser.open(run.url)


def _words_of(run: Run) -> str:
    if run.url is None:
        what = "stays on this machine" if run.offline else "goes on without its server"
        return f"run {run.id} {what}, in {shown_path(run.sync_dir)}"
    progress = f" goes on at step {run.starting_step}" if run.resumed else ""
    words = f"run {run.name or run.id}{progress}: {run.url}"
    return f"{words}\nsweep {run.sweep_id}: {run.sweep_url}" if run.sweep_id else words
