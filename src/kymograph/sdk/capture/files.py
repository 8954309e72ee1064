"""Files that the user saves with a run: which, under which names, and when a changing one is due for upload.

`plan_save` finds the files and checks the request; `SavePlan.place` brings them into the run's folder. `LiveFiles`
decides when a file of the policy `live` is uploaded, from what it is told of size and time; it looks at no file.

Source: seeds.md E.6, "File policies", E.8 and Appendix 3; the vendor's client 0.31.0.
"""

from __future__ import annotations

import errno
import glob as glob_module
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

from kymograph.errors import InvalidValue, UsageError

Policy = Literal["now", "end", "live"]
POLICIES: tuple[Policy, ...] = ("live", "end", "now")

CLOUD_SCHEMES = ("gs://", "s3://", "gcs://", "az://", "abfs://", "abfss://", "https://", "http://")


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A file that was brought into the run's folder."""

    name: str
    """Among the run's files: relative, with forward slashes."""
    path: Path
    """In the run's folder."""
    policy: Policy
    """`now` for a copy of a file that was to be live: it does not change with the original."""


@dataclass(frozen=True, slots=True)
class SavePlan:
    """What a call of `save` means, before anything is done."""

    sources: tuple[Path, ...]
    """Absolute, in alphabetical order."""
    base: PurePath
    """Names are relative to it."""
    policy: Policy
    notes: tuple[str, ...] = ()
    """What the user should know."""

    def name_of(self, source: Path) -> str:
        """The name of a file among the run's files."""
        return source.relative_to(self.base).as_posix()

    def place(self, files_folder: Path, *, uses_symlinks: bool = True) -> list[SavedFile]:
        """Bring the files into the run's folder, by links where possible; what is there under their names goes.

        Args:
            files_folder: The run's ``files`` folder.
            uses_symlinks: Whether symbolic links are tried; then hard links, then copies.

        Raises:
            OSError: A file cannot be read, or its folder not be made.
        """
        saved = []
        for source in self.sources:
            name = self.name_of(source)
            target = files_folder / name
            policy = self.policy
            if not _is_same(source, target):
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.is_symlink() or target.is_file():
                    target.unlink()
                if not _link(source, target, uses_symlinks=uses_symlinks):
                    _copy(source, target)
                    policy = "now" if policy == "live" else policy
            saved.append(SavedFile(name, target, policy))
        return saved


def plan_save(
    glob_str: str | bytes | os.PathLike[str],
    base_path: str | os.PathLike[str] | None = None,
    policy: str = "live",
    *,
    glob: bool = True,
    cwd: Path | None = None,
) -> SavePlan:
    """Find the files that a call of `save` names.

    Args:
        glob_str: A path or a pattern, relative to the current folder; expanded now, and never again.
        base_path: Names in the run are relative to this folder. By default the current folder; for an absolute path
            the folder above the file's, so that one level of folders is kept.
        policy: Upload once now, at the end, or whenever it has changed.
        glob: Whether `*`, `?` and `[]` in the path are a pattern.
        cwd: The current folder.

    Raises:
        UsageError: Another policy; a path above, or no path below, `base_path`. It is a `ValueError`.
        InvalidValue: The path is no text.
    """
    if isinstance(glob_str, bytes):
        glob_str = glob_str.decode("utf-8")
    if not isinstance(glob_str, str | os.PathLike):
        raise InvalidValue("the path to save", glob_str, rule="give a path or a pattern as text")
    text = os.fspath(glob_str)
    if policy not in POLICIES:
        raise UsageError(f'policy {policy!r} is not supported: Only "live", "end" and "now" policies are.')
    wanted: Policy = next(one for one in POLICIES if one == policy)
    folder = (cwd or Path.cwd()).absolute()
    if text.lower().startswith(CLOUD_SCHEMES):
        note = f"{text} is a cloud storage url, can't save file to the run; log it as a reference of an artifact"
        return SavePlan((), folder, wanted, (note,))
    notes = list[str]()
    path = PurePath(os.path.abspath(folder / text))
    if base_path is not None:
        base = PurePath(os.path.abspath(folder / os.fspath(base_path)))
    elif not PurePath(text).is_absolute():
        base = PurePath(folder)
    else:
        base = path.parent.parent
        notes.append(
            "Saving files without folders. To keep the folders above them, give base_path: "
            'run.save("/mnt/folder/file.h5", base_path="/mnt")'
        )
    _check_below(path, base)
    sources = _expand(path, notes) if glob else _literal(path, notes)
    return SavePlan(tuple(sources), base, wanted, tuple(notes))


def _check_below(path: PurePath, base: PurePath) -> None:
    if not path.is_relative_to(base):
        # The first sentence is what callers of the vendor's client look for; the second, those of older ones.
        raise UsageError(
            f"Glob may not walk above the base path: globs can't walk above base_path ({path} is not below {base})"
        )
    if path == base:
        raise UsageError(f"Glob cannot be the same as the base path: {path} names no file below it")
    if path.relative_to(base).parts[0] == "*":
        raise UsageError(
            f"Glob may not start with '*' relative to the base path: {path} would save every folder in {base}; name one"
        )


def _expand(path: PurePath, notes: list[str]) -> list[Path]:
    found = [Path(match) for match in sorted(glob_module.glob(str(path)))]
    if not found and os.path.lexists(path):
        notes.append(f"No file matches the pattern {path}, but one is called so; give glob=False to save that one")
    return found


def _literal(path: PurePath, notes: list[str]) -> list[Path]:
    if os.path.lexists(path):
        return [Path(path)]
    if glob_module.has_magic(str(path)):
        notes.append(f"No file is called {path}; leave glob=False out if it is a pattern")
    return []


def _is_same(source: Path, target: Path) -> bool:
    try:
        return target.exists() and source.samefile(target)
    except OSError:
        return False


def _link(source: Path, target: Path, *, uses_symlinks: bool) -> bool:
    if uses_symlinks:
        try:
            target.symlink_to(source, target_is_directory=source.is_dir())
        except (OSError, NotImplementedError):  # Windows without the right to
            pass
        else:
            return True
    try:
        os.link(source, target)
    except OSError:  # another volume, a folder, a file system without links
        return False
    return True


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        raise IsADirectoryError(errno.EISDIR, f"{source} is a folder, and links to it cannot be made here")
    import shutil

    draft = target.with_name(f"{target.name}.part~")
    shutil.copy2(source, draft)
    draft.replace(target)


# --- live files -------------------------------------------------------------------------------------------------------

LIVE_INTERVAL_S = 15.0
"""A live file is not uploaded more often."""
LIVE_GROWTH = 1.2
"""A file that has grown by this factor since its last upload is due at the interval, whatever its size."""
_MB = 1_000_000
LIVE_WAITS: Sequence[tuple[int, float]] = ((10 * _MB, 60.0), (100 * _MB, 300.0), (1000 * _MB, 600.0))
"""Below which size in bytes a file waits how many seconds between uploads; larger ones wait `LIVE_LONGEST_WAIT_S`."""
LIVE_LONGEST_WAIT_S = 1200.0


@dataclass(slots=True)
class _LiveFile:
    size_bytes: int = -1
    modified: float = -1.0
    uploaded_size_bytes: int = -1
    uploaded_modified: float = -1.0
    uploaded_at: float | None = None


class LiveFiles:
    """Says when files that change are due for upload. Pure: it is told what was seen, and asked with the time.

    Args:
        interval_s: Least time between uploads of a file that grows. Setting `x_live_policy_rate_limit`.
        wait_s: Least time between uploads of any other; None goes by the size. Setting `x_live_policy_wait_time`.
    """

    def __init__(self, *, interval_s: float = LIVE_INTERVAL_S, wait_s: float | None = None) -> None:
        self._interval_s = interval_s
        self._wait_s = wait_s
        self._files: dict[str, _LiveFile] = {}

    def saw(self, path: str, *, size_bytes: int, modified: float) -> None:
        """Tell of a file as it is now; `modified` is its time of change in seconds."""
        file = self._files.setdefault(path, _LiveFile())
        file.size_bytes, file.modified = size_bytes, modified

    def forget(self, path: str) -> None:
        """The file is gone, or not to be watched any more."""
        self._files.pop(path, None)

    def due(self, now: float) -> list[str]:
        """Files to be uploaded now, in the order they were first seen."""
        return [path for path in self._files if (at := self.due_at(path)) is not None and at <= now]

    def due_at(self, path: str) -> float | None:
        """When a file is due; None if it has not changed since its last upload, and `-inf` if it had none yet.

        An empty file is not uploaded until something is in it.
        """
        file = self._files.get(path)
        if file is None or file.size_bytes <= 0:
            return None
        if file.uploaded_at is None:
            return float("-inf")
        if (file.size_bytes, file.modified) == (file.uploaded_size_bytes, file.uploaded_modified):
            return None
        has_grown = file.size_bytes > file.uploaded_size_bytes * LIVE_GROWTH
        wait_s = self._interval_s if has_grown else max(self._interval_s, self._wait_of(file.size_bytes))
        return file.uploaded_at + wait_s

    def uploaded(self, path: str, *, now: float, size_bytes: int, modified: float) -> None:
        """Tell that an upload was begun, and of what: what changed during it counts as a change."""
        file = self._files.setdefault(path, _LiveFile(size_bytes, modified))
        file.uploaded_at, file.uploaded_size_bytes, file.uploaded_modified = now, size_bytes, modified

    def changed(self) -> list[str]:
        """Files that are other than at their last upload: those to be uploaded when the run ends."""
        return [path for path in self._files if self.due_at(path) is not None]

    def _wait_of(self, size_bytes: int) -> float:
        if self._wait_s is not None:
            return self._wait_s
        return next((wait_s for limit, wait_s in LIVE_WAITS if size_bytes < limit), LIVE_LONGEST_WAIT_S)
