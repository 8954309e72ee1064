"""What the integrations share: the run they log to, metrics whose best value counts, and models that are kept."""

from __future__ import annotations

import os
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
    """Keep a model that lies on the disk, a file or a folder, as an artifact.

    Args:
        path: Where it is.
        name: Of the artifact.
        aliases: Of its version.
    """
    run = require_run("keeping a model")
    source = Path(path)
    artifact = kymograph.Artifact(name, type="model")
    (artifact.add_dir if source.is_dir() else artifact.add_file)(str(source))
    run.log_artifact(artifact, aliases=list(aliases))
