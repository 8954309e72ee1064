"""What the record of a run says about how its files are sent."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from kymograph.sdk.sender.sharing import settings_of
from kymograph.wire.records_pb2 import RunRecord

FILE_SETTINGS = ("ignore_globs", "x_live_policy_rate_limit", "x_live_policy_wait_time")
"""Settings that a run's record has for its sender."""


@dataclass(frozen=True, slots=True)
class FileWishes:
    """What a user has said of files."""

    ignored: tuple[str, ...] = ()
    """Patterns of names that are not sent; ``*`` stands for folders as well. Source: the setting `ignore_globs`."""
    live_interval_s: float | None = None
    """Least time between uploads of a live file that grows."""
    live_wait_s: float | None = None
    """Least time between uploads of any live file, whatever its size."""

    def ignores(self, name: str) -> bool:
        """Whether a file is not to be sent."""
        return any(fnmatchcase(name, pattern) for pattern in self.ignored)


def file_wishes_of(run: RunRecord | None) -> FileWishes:
    """What the record of a run says."""
    said = settings_of(run)
    ignored, interval_s, wait_s = map(said.get, FILE_SETTINGS)
    return FileWishes(
        ignored=tuple(map(str, ignored)) if isinstance(ignored, list) else (),
        live_interval_s=_seconds(interval_s),
        live_wait_s=_seconds(wait_s),
    )


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None
