"""How ``sync`` takes a folder of TensorBoard's event files: as the run that is made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

_MANY = 3
"""Folders of event files of one run at most, before it is asked whether they are of several."""


def with_runs_of_events(paths: Sequence[str], *, say: Callable[[str], object]) -> list[str]:
    """The paths, with a run's folder in the place of each that holds event files and no run.

    Args:
        paths: As they were given.
        say: Is told what was found.

    Raises:
        KymographError: The event files cannot be made a run.
    """
    from kymograph.cli.connecting import settings_here
    from kymograph.cli.local import counted, shown_path
    from kymograph.sdk.local_runs import find_run_folders
    from kymograph.sdk.tensorboard.importing import find_event_files, import_event_files

    taken = []
    for given in paths:
        path = Path(given).expanduser()
        files = [] if any(find_run_folders([path], missing_ok=True)) else find_event_files(path)
        if not files:
            taken.append(given)
            continue
        folders = {file.parent for file in files}
        say(f"Found {counted(len(files), 'event file')} of TensorBoard in {shown_path(path)}")
        if len(folders) > _MANY:
            say(f"They are in {len(folders)} folders, and become one run; give the folders one by one for several.")
        settings = settings_here()
        taken.append(str(import_event_files(path, Path(settings.wandb_dir), settings).path))
    return taken
