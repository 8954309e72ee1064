"""Where a user's files of ours are, by the customs of the system."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

APPLICATION = "kymograph"


def user_folder(kind: Literal["cache", "data"]) -> Path:
    """The folder for what may vanish, or for what may not."""
    import platformdirs

    found = platformdirs.user_cache_path if kind == "cache" else platformdirs.user_data_path
    return found(APPLICATION, appauthor=False)
