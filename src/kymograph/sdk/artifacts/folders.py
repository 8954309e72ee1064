"""Where artifacts are kept on this machine: the cache, what waits to be logged, what was downloaded.

Source: seeds.md C.13; the folders are not those of the protocol's own client, whose cache knows no bound.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from kymograph.client.user_folders import user_folder
from kymograph.sdk.settings import Settings


@dataclass(frozen=True, slots=True)
class ArtifactFolders:
    """Folders, and how large the first may be."""

    cache: Path
    """Contents that were up- or downloaded, and the memo of checksums."""
    staging: Path
    """Contents of artifacts that belong to no run yet."""
    max_cache_bytes: int | None
    """None for the default: a share of the disk."""


def artifact_folders(settings: Settings | None = None) -> ArtifactFolders:
    """The folders that settings mean: those given, those of the active run, or those of this process."""
    meant = settings if settings is not None else current_settings()
    cache = Path(meant.cache_dir).expanduser() if meant.cache_dir else user_folder("cache")
    data = Path(meant.data_dir).expanduser() if meant.data_dir else user_folder("data")
    return ArtifactFolders(
        cache=Path(os.path.abspath(cache / "artifacts")),
        staging=Path(os.path.abspath(data / "artifacts" / "staging")),
        max_cache_bytes=meant.artifact_cache_max_bytes,
    )


def current_settings() -> Settings:
    """Settings of the active run; without one, those that hold in this process."""
    from kymograph.sdk.active import active_run
    from kymograph.sdk.process import setup

    run = active_run()
    return setup().settings if run is None else run._settings
