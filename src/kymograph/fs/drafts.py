"""Drafts of artifact versions: files that were put there, beside those of the version it is based on.

A draft is on this machine until it is committed, and no server knows of it. Then it is a version, or an error and
nothing.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from kymograph.core.artifact_rules import check_aliases, check_artifact_name, check_artifact_type, check_entry_path
from kymograph.core.digest import DigestAlgorithm, encode_digest, new_hasher
from kymograph.errors import PathNotFound, ReadOnlyPath
from kymograph.fs.paths import ArtifactPath
from kymograph.fs.tree import Tree
from kymograph.fs.versions import Entry, Version
from kymograph.types import JsonObject

if TYPE_CHECKING:
    from kymograph.fs.artifacts import ArtifactFileSystem

DRAFT = "draft"
"""What stands in the place of the version in paths into a draft, as long as it is open."""
_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file that was put into a draft."""

    entry: Entry
    path: Path
    """Where its content is. Nobody writes to it."""
    changed_at: datetime


class Draft:
    """A version in the making. Safe to share between threads.

    As a context it is committed when the block ends, and discarded if that ends with an exception.
    """

    def __init__(
        self,
        fs: ArtifactFileSystem,
        at: ArtifactPath,
        *,
        base: Version | None,
        aliases: Iterable[str] = (),
        description: str | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        """Begin.

        Args:
            fs: The file system that it is addressed by.
            at: The collection.
            base: Whose files it begins with.
            aliases: Of the version that it becomes, besides ``latest``.
            description: Of that version.
            metadata: Of that version.
        """
        self.at = at
        self.aliases = check_aliases(aliases)
        self.description = description
        self.metadata: JsonObject = dict(metadata or {})  # type: ignore[arg-type] # checked when it is committed
        self.base = base
        check_artifact_type(str(at.type_name), check_artifact_name(str(at.name)))
        self._fs = fs
        self._lock = threading.RLock()
        self._kept: dict[str, Entry] = {} if base is None else dict(base.tree.files)
        self._staged: dict[str, StagedFile] = {}
        self._tree: Tree[Entry] | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="kymograph-draft-"))
        self._number = 0
        self._is_open = True
        self._remover = weakref.finalize(self, shutil.rmtree, self._folder, True)
        algorithms = {entry.algorithm for entry in self._kept.values() if entry.ref is None}
        self.algorithm = DigestAlgorithm.XXH128 if DigestAlgorithm.XXH128 in algorithms else DigestAlgorithm.MD5

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            self.discard()
        elif self._is_open:
            self.commit()

    @property
    def path(self) -> str:
        """Under which its files are: paths below it are read and written as in any folder."""
        return self._fs._shown(f"{self.at.version_path}/{DRAFT}")

    @property
    def folder(self) -> Path:
        """Where its files are on this machine."""
        return self._folder

    def commit(self) -> str:
        """Make it a version, at once and whole; returns that one's path.

        Raises:
            KymographError: The server does not want it. The draft is open still.
        """
        return self._fs._commit_draft(self)

    def discard(self) -> None:
        """Forget it."""
        self.close()
        self._fs._forget_draft(self)

    def close(self) -> None:
        """Release its files."""
        self._is_open = False
        self._remover()

    # --- files -------------------------------------------------------------------------------------------------------

    @property
    def tree(self) -> Tree[Entry]:
        """Its files now."""
        with self._lock:
            if self._tree is None:
                staged = {name: file.entry for name, file in self._staged.items()}
                self._tree = Tree({**self._kept, **staged})
            return self._tree

    def staged(self, name: str) -> StagedFile | None:
        """A file that was put here; None for those of the base."""
        with self._lock:
            return self._staged.get(name)

    def put(self, name: str, source: BinaryIO) -> None:
        """Take in what is left of an open file.

        Raises:
            InvalidArtifact: No file may have that name.
            OSError: There is no space.
        """
        path = self._new_path()
        hasher = new_hasher(self.algorithm)
        size_bytes = 0
        with path.open("xb") as file:
            while piece := source.read(_COPY_BYTES):
                hasher.update(piece)
                file.write(piece)
                size_bytes += len(piece)
        extra: JsonObject = {"alg": "XXH128"} if self.algorithm is DigestAlgorithm.XXH128 else {}
        entry = Entry(check_entry_path(name), encode_digest(hasher.digest()), size_bytes, extra=extra)
        with self._lock:
            self._check_open()
            self._staged[entry.name] = StagedFile(entry, path, datetime.now(UTC))
            self._tree = None

    def take(self, name: str, entry: Entry) -> None:
        """Have a file whose content the project has already, or that lies elsewhere."""
        with self._lock:
            self._check_open()
            self._staged.pop(name, None)
            self._kept[name] = entry.renamed(check_entry_path(name))
            self._tree = None

    def copy(self, source: str, name: str) -> None:
        """Have a file of the draft under another name, too.

        Raises:
            FileNotFoundError: There is no such file.
        """
        with self._lock:
            staged = self._staged.get(source)
            if staged is not None:
                entry = staged.entry.renamed(check_entry_path(name))
                self._staged[name] = StagedFile(entry, staged.path, datetime.now(UTC))
                self._kept.pop(name, None)
            elif source in self._kept:
                self.take(name, self._kept[source])
            else:
                raise PathNotFound(source)
            self._tree = None

    def remove(self, name: str) -> None:
        """Take a file out.

        Raises:
            FileNotFoundError: There is none.
        """
        with self._lock:
            self._check_open()
            was_there = [self._staged.pop(name, None), self._kept.pop(name, None)]
            if not any(was_there):
                raise PathNotFound(name)
            self._tree = None

    def files(self) -> Iterator[tuple[Entry, Path | None]]:
        """All files by name, each with where its content is if it was put here."""
        with self._lock:
            staged = dict(self._staged)
        for name, entry in sorted(self.tree.files.items()):
            yield entry, staged[name].path if name in staged else None

    def _new_path(self) -> Path:
        with self._lock:
            self._check_open()
            self._number += 1
            return self._folder / str(self._number)

    def _check_open(self) -> None:
        if not self._is_open:
            raise ReadOnlyPath(self.path, reason="the draft was committed or discarded; begin a new one")
