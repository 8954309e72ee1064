"""How commands find runs in folders of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kymograph.core.wording import counted as counted
from kymograph.core.wording import shown_bytes as shown_bytes

if TYPE_CHECKING:
    from kymograph.sdk.local_runs import LocalRun


def local_runs(paths: Sequence[str]) -> list[LocalRun]:
    """The runs at paths, else all below the folder where runs of this folder are kept.

    Raises:
        JournalCorrupt: There is none at one of the paths.
    """
    from kymograph.cli.connecting import settings_here
    from kymograph.sdk.local_runs import default_roots, find_run_folders, read_local_run

    if paths:
        roots = [Path(path).expanduser() for path in paths]
    else:
        settings = settings_here()
        named = [*default_roots(Path(settings.root_dir).expanduser()), Path(settings.wandb_dir)]
        roots = [root for root in dict.fromkeys(map(Path.resolve, named)) if root.is_dir()]
    return [read_local_run(folder) for folder in find_run_folders(roots, missing_ok=not paths)]


def named_by_globs(runs: Sequence[LocalRun], *, include: str, exclude: str) -> list[LocalRun]:
    """Those of some runs whose folder or journal has a name that is wanted.

    Args:
        runs: All there are.
        include: Patterns with commas between them, one of which a name has to fit; without any, every name does.
        exclude: Patterns that no name may fit; they win.
    """
    from fnmatch import fnmatch

    def fits(run: LocalRun, patterns: str) -> bool:
        names = (run.folder.path.name, run.folder.journal.name)
        return any(fnmatch(name, pattern.strip()) for name in names for pattern in patterns.split(",") if pattern)

    return [run for run in runs if not fits(run, exclude) and (not include or fits(run, include))]


def shown_path(path: Path) -> str:
    """A path as short as it can be told from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
