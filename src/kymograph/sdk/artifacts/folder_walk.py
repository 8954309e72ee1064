"""All files in a folder, links followed: those that lead out of it are refused, and circles end."""

from __future__ import annotations

import os
from collections.abc import Iterator

from kymograph.errors import InvalidArtifact


def iter_folder(folder: str | os.PathLike[str], *, follow_outside: bool = False) -> Iterator[tuple[str, str]]:
    """The files in a folder and in those below it, by name.

    Args:
        folder: Where to look.
        follow_outside: Whether links may lead out of it.

    Yields:
        The name below the folder, with forward slashes, and the path.

    Raises:
        InvalidArtifact: A link leads out of the folder, or to nothing.
        OSError: A folder cannot be read.
    """
    root = os.path.abspath(folder)
    real_root = None if follow_outside else os.path.realpath(root)
    yield from _iter(root, "", real_root, frozenset())


def _iter(
    folder: str, prefix: str, real_root: str | None, above: frozenset[tuple[int, int]]
) -> Iterator[tuple[str, str]]:
    state = os.stat(folder)
    identity = (state.st_dev, state.st_ino)
    if identity in above:  # a link leads back to where we come from
        return
    with os.scandir(folder) as found:
        items = sorted(found, key=lambda item: item.name)
    for item in items:
        if item.is_symlink():
            _check_link(item, prefix, real_root)
        if item.is_dir():
            yield from _iter(item.path, f"{prefix}{item.name}/", real_root, above | {identity})
        elif item.is_file():
            yield prefix + item.name, item.path


def _check_link(item: os.DirEntry[str], prefix: str, real_root: str | None) -> None:
    target = os.path.realpath(item.path)
    if not os.path.exists(target):
        raise InvalidArtifact(f"{prefix}{item.name} is a link to {target}, and there is nothing; remove the link")
    if real_root is not None and os.path.commonpath([real_root, target]) != real_root:
        raise InvalidArtifact(
            f"{prefix}{item.name} is a link that leaves the folder, to {target}; "
            "pass follow_outside=True to add_dir if what it leads to belongs in the artifact"
        )
