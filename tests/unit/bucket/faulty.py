"""A store whose requests fail where a test says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from kymograph.bucket.stores.base import Note, Store, StoredObject
from kymograph.errors import Unreachable
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.types import Digest

T = TypeVar("T")


class Killed(BaseException):
    """Ends everything, as the end of a process does: nobody may catch it."""


class FaultyStore:
    """Passes on to another store, one request at a time. The request `fails_at` (from 1) goes wrong.

    Attributes:
        requests: How many came.
        puts: Paths of files that were put.
    """

    threads = 1

    def __init__(
        self, inner: Store, *, fails_at: int | None = None, is_obeyed: bool = False, kills: bool = False
    ) -> None:
        """Prepare.

        Args:
            inner: The store.
            fails_at: Which request.
            is_obeyed: Whether it is carried out all the same, and only the answer is lost.
            kills: Whether the process ends then, rather than hearing of an error.
        """
        self.inner, self.url, self.is_atomic = inner, inner.url, inner.is_atomic
        self.requests = 0
        self.puts: list[str] = []
        self._fails_at, self._is_obeyed, self._kills = fails_at, is_obeyed, kills

    def _pass_on(self, request: Callable[[], T]) -> T:
        self.requests += 1
        if self.requests != self._fails_at:
            return request()
        if self._is_obeyed:
            request()
        raise Killed if self._kills else Unreachable(self.url, problem="planned by the test")

    def ref(self, path: str) -> str:
        return self.inner.ref(path)

    def put(self, source: Path, path: str, *, size_bytes: int, md5: Digest, note: Note = int) -> StoredObject:
        self.puts.append(path)
        return self._pass_on(lambda: self.inner.put(source, path, size_bytes=size_bytes, md5=md5, note=note))

    def put_bytes(self, path: str, content: bytes) -> None:
        self._pass_on(lambda: self.inner.put_bytes(path, content))

    def get_bytes(self, path: str) -> bytes | None:
        return self._pass_on(lambda: self.inner.get_bytes(path))

    def iter_objects(self, folder: str, *, checksums: bool = True) -> Iterator[StoredObject]:
        return iter(self._pass_on(lambda: list(self.inner.iter_objects(folder, checksums=checksums))))

    def is_empty(self, folder: str) -> bool:
        return self._pass_on(lambda: self.inner.is_empty(folder))

    def delete(self, paths: Sequence[str]) -> None:
        for path in paths:
            self._pass_on(lambda path=path: self.inner.delete([path]))  # type: ignore[misc] # bound by the default

    def clear_unfinished(self, folder: str) -> None:
        self._pass_on(lambda: self.inner.clear_unfinished(folder))

    def copy(self, entry: ArtifactManifestEntry, path: str) -> StoredObject | None:
        return self._pass_on(lambda: self.inner.copy(entry, path))

    def settle(self) -> None:
        """Costs nothing here: what a power failure takes is for other tests."""
