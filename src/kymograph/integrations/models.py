"""What the integrations share: the run they log to, metrics whose best value counts, and models that are kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import kymograph


def require_run(caller: str) -> Any:
    """The active run.

    Raises:
        UsageError: There is none.
    """
    run = kymograph.run
    if run is None:
        raise kymograph.UsageError(f"{caller} needs a run: call kymograph.init() first")
    return run


def best_of(metric: str, *, minimized: Sequence[str], maximized: Sequence[str]) -> str | None:
    """Whether the least or the greatest value of a metric is its best; None if that is not known."""
    name = metric.lower()
    if "loss" in name or name in minimized:
        return "min"
    return "max" if name in maximized else None


def keep_model(path: str | os.PathLike[str], name: str, aliases: Sequence[str] = ()) -> None:
    """Keep a model that lies on the disk, a file or a folder: as an artifact, or among the run's files.

    Args:
        path: Where it is.
        name: Of the artifact.
        aliases: Of its version.
    """
    run = require_run("keeping a model")
    source = Path(path)
    artifacts = getattr(kymograph, "Artifact", None)
    if artifacts is not None:
        artifact = artifacts(name, type="model")
        (artifact.add_dir if source.is_dir() else artifact.add_file)(str(source))
        run.log_artifact(artifact, aliases=list(aliases))
        return
    folder = Path(run.dir) / "models"
    target = folder / source.name
    if source.resolve() != target.resolve():
        folder.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)
    files = [file for file in target.rglob("*") if file.is_file()] if target.is_dir() else [target]
    for file in files:
        run.save(str(file), base_path=run.dir, policy="now", glob=False)
