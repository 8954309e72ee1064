"""A flat set of files as a tree: folders are what stands before the slashes of their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from kymograph.fs.paths import join

_T = TypeVar("_T")


class Tree(Generic[_T]):
    """Files by name, and the folders that follow from them. Never changes; safe to share between threads."""

    def __init__(self, files: Mapping[str, _T]) -> None:
        """Index files.

        Args:
            files: By name, relative and with forward slashes. Kept, not copied.
        """
        self.files = files
        self._children: dict[str, list[str]] = {"": []}
        """Names of the files and folders in each folder, by its name; the root is empty."""
        for name in files:
            self._add(name)

    def _add(self, name: str) -> None:
        children = self._children
        while True:
            folder, _, last = name.rpartition("/")
            is_known = folder in children
            children.setdefault(folder, []).append(last)
            if is_known:
                return
            name = folder

    def is_folder(self, name: str) -> bool:
        """Whether there is a folder; the root always is one."""
        return name in self._children

    def children(self, folder: str) -> Iterator[tuple[str, _T | None]]:
        """Names of what is in a folder, in order, each with its file; None for folders.

        Where a file has the name of a folder, both come.
        """
        seen: set[str] = set()
        for last in sorted(self._children[folder]):
            name = join(folder, last)
            if name in seen:
                continue
            seen.add(name)
            if name in self.files:
                yield name, self.files[name]
            if name in self._children:
                yield name, None

    def below(self, folder: str) -> Iterator[tuple[str, _T]]:
        """All files below a folder, in order."""
        if folder not in self._children:
            return
        start = f"{folder}/" if folder else ""
        for name in sorted(name for name in self.files if name.startswith(start)):
            yield name, self.files[name]

    def folders_below(self, folder: str) -> list[str]:
        """All folders below a folder, in order."""
        start = f"{folder}/" if folder else ""
        return sorted(name for name in self._children if name and name.startswith(start))
