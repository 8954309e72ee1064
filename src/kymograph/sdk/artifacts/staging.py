"""Contents of an artifact between the moment they are added and the moment they are uploaded.

They lie in one folder, named by their digests: equal contents once. The folder is within that of the run that is
active, so that an offline run can be copied to another machine as it is; an artifact that is built before there is a
run has it below `WANDB_DATA_DIR`, and it moves when the artifact is logged. A folder that never moves goes away with
its artifact, and at the latest with its process.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import stat as stat_module
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kymograph.client.artifact_cache import ArtifactCache
from kymograph.client.files import temporary
from kymograph.client.placing import CONTENT_MODE, COPY_BYTES, clone, draft_name, place
from kymograph.core.digest import DigestAlgorithm, encode_digest, hex_digest, new_hasher
from kymograph.errors import InvalidArtifact
from kymograph.sdk.artifacts.checksum_memo import ChecksumMemo
from kymograph.sdk.artifacts.hashing import hash_file
from kymograph.types import Digest

_ABANDONED_S = 7 * 86_400
_swept: set[Path] = set()
"""Folders that were looked through for what dead processes left, once in this process."""


@dataclass(frozen=True, slots=True)
class Staged:
    """Content that is safe from what happens to the file it is of."""

    path: str
    digest: Digest
    size_bytes: int


class Staging:
    """The folder of one artifact's contents. Safe to share between threads."""

    def __init__(self, home: Callable[[], Path], *, memo: ChecksumMemo, cache: ArtifactCache) -> None:
        """Prepare; nothing is made yet.

        Args:
            home: Gives the folder that this one's is made in.
            memo: Spares hashing.
            cache: Spares copying.
        """
        self._home, self._memo, self._cache = home, memo, cache
        self._folder: Path | None = None
        self._known: dict[Digest, str] = {}
        """Where contents are that were kept: they are not looked for again."""
        self._shelves: set[str] = set()
        self._removal: weakref.finalize[..., Staging] | None = None
        self._lock = threading.Lock()

    @property
    def folder(self) -> Path:
        """Where contents are; made when it is first asked for.

        Raises:
            InvalidArtifact: It cannot be made.
        """
        with self._lock:
            if self._folder is None:
                self._folder = self._make()
                self._removal = weakref.finalize(self, _remove, self._folder, os.getpid())
            return self._folder

    def _make(self) -> Path:
        home = self._home()
        _sweep(home)
        folder = home / f"{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(6)}"
        try:
            folder.mkdir(parents=True)
        except OSError as exc:
            raise InvalidArtifact(
                f"files cannot be kept in {home} until they are uploaded ({exc.strerror}); "
                "set WANDB_DATA_DIR to a folder that you can write"
            ) from exc
        return folder

    def new_draft(self, name: str) -> Path:
        """A path for a file of our own that is being written; see `adopt`. It ends with `name`."""
        folder = self.folder / "drafts"
        folder.mkdir(exist_ok=True)
        return folder / f"{secrets.token_hex(6)}-{name[-100:]}"

    def holds(self, path: str) -> bool:
        """Whether a path is within the folder."""
        return self._folder is not None and path.startswith(f"{self._folder}{os.sep}")

    def path_of(self, digest: Digest) -> str:
        """Where a content is, or will be; the folder it is in exists."""
        known = self._known.get(digest)
        if known is not None:
            return known
        name = hex_digest(digest)
        shelf = os.path.join(self.folder, name[:2])
        if shelf not in self._shelves:
            os.makedirs(shelf, exist_ok=True)
            self._shelves.add(shelf)
        return os.path.join(shelf, name[2:])

    def take(self, source: str | os.PathLike[str], algorithm: DigestAlgorithm) -> Staged:
        """Keep the content that a file has now, whatever happens to the file.

        Raises:
            OSError: It cannot be read, or there is no space.
        """
        before = os.stat(source)
        known = self._memo.find(source, before, algorithm)
        if known is not None and self._take_known(source, before, known, algorithm):
            return self._kept(self.path_of(known), known, before.st_size)
        started_ns = time.time_ns()
        staged = self._take_small(source, algorithm) if before.st_size < COPY_BYTES else None
        staged = staged or self._take_large(source, algorithm)
        after = os.stat(source)
        if staged.size_bytes == after.st_size and _is_same(before, after):
            self._memo.remember(source, after, algorithm, staged.digest, hashed_at_ns=started_ns)
        return staged

    def adopt(self, source: str | os.PathLike[str], algorithm: DigestAlgorithm) -> Staged:
        """Take over a file of our own, which was written at a `new_draft`.

        Raises:
            OSError: It cannot be read.
        """
        digest = hash_file(source, algorithm)
        size_bytes = os.stat(source).st_size
        target = self.path_of(digest)
        if CONTENT_MODE is not None:
            os.chmod(source, CONTENT_MODE)
        os.replace(source, target)
        return self._kept(target, digest, size_bytes)

    def _kept(self, path: str, digest: Digest, size_bytes: int) -> Staged:
        self._known[digest] = path
        return Staged(path, digest, size_bytes)

    def _take_known(
        self, source: str | os.PathLike[str], before: os.stat_result, digest: Digest, algorithm: DigestAlgorithm
    ) -> bool:
        """Keep content whose digest is known, unread where possible; whether it is kept."""
        if digest in self._known:
            return True
        target = self.path_of(digest)
        if self._cache.take(self._cache.content_path(digest, algorithm), target, size_bytes=before.st_size):
            return True
        place(source, target, may_share=False, mode=CONTENT_MODE)
        if _is_same(before, os.stat(source)) and os.stat(target).st_size == before.st_size:
            return True
        os.unlink(target)  # it changed in between: what is there now has another digest
        return False

    def _take_small(self, source: str | os.PathLike[str], algorithm: DigestAlgorithm) -> Staged | None:
        """In one reading; None if it has grown large."""
        content = b""
        with open(source, "rb", buffering=0) as file:
            while len(content) < COPY_BYTES and (piece := file.read(COPY_BYTES)):
                content = content + piece if content else piece
            if file.read(1):
                return None
        hasher = new_hasher(algorithm)
        hasher.update(content)
        digest = encode_digest(hasher.digest())
        target = self.path_of(digest)
        if digest not in self._known:
            draft = draft_name(target)
            descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o644)
            with temporary(draft):
                with os.fdopen(descriptor, "wb", buffering=0) as written:
                    written.write(content)
                if CONTENT_MODE is not None:
                    os.chmod(draft, CONTENT_MODE)
                os.replace(draft, target)
        return self._kept(target, digest, len(content))

    def _take_large(self, source: str | os.PathLike[str], algorithm: DigestAlgorithm) -> Staged:
        """By a clone that is then hashed; where there are none, hashed while it is copied."""
        draft = draft_name(self.folder / "large")
        with temporary(draft):
            digest = hash_file(draft, algorithm) if clone(source, draft) else _copy_and_hash(source, draft, algorithm)
            size_bytes = os.stat(draft).st_size
            if CONTENT_MODE is not None:
                os.chmod(draft, CONTENT_MODE)
            target = self.path_of(digest)
            os.replace(draft, target)
        return self._kept(target, digest, size_bytes)

    def link(self, source: str | os.PathLike[str], digest: Digest) -> str:
        """Have a file that nobody changes (immutable) among the contents; by a hard link where possible.

        Raises:
            OSError: It cannot be read, or there is no space.
        """
        target = self.path_of(digest)
        if digest not in self._known:
            place(source, target, may_share=True)
        return self._kept(target, digest, 0).path

    def move_into(self, home: Path) -> Callable[[str], str]:
        """Move the folder into another, and leave it there for good.

        Args:
            home: Is made.

        Returns:
            What tells of a path within the old folder where it is now.

        Raises:
            OSError: It cannot be moved.
        """
        old = self.folder
        new = home / old.name
        if old != new:
            home.mkdir(parents=True, exist_ok=True)
            try:
                os.rename(old, new)
            except OSError:  # another file system
                _copy_folder(old, new)
                shutil.rmtree(old, ignore_errors=True)
        self._folder = new
        if self._removal is not None:
            self._removal.detach()
        before, after = str(old) + os.sep, str(new) + os.sep

        def moved(path: str) -> str:
            return after + path[len(before) :] if path.startswith(before) else path

        self._known = {digest: moved(path) for digest, path in self._known.items()}
        self._shelves.clear()
        return moved

    def discard(self) -> None:
        """Delete the folder."""
        if self._removal is not None:
            self._removal()
        self._folder = None
        self._known.clear()
        self._shelves.clear()


def _copy_folder(old: Path, new: Path) -> None:
    for folder, _, names in os.walk(old):
        target = new / os.path.relpath(folder, old)
        target.mkdir(parents=True, exist_ok=True)
        for name in names:
            place(os.path.join(folder, name), target / name, may_share=True, mode=CONTENT_MODE)


def _copy_and_hash(source: str | os.PathLike[str], target: str, algorithm: DigestAlgorithm) -> Digest:
    hasher = new_hasher(algorithm)
    with open(source, "rb", buffering=0) as from_file, open(target, "xb", buffering=0) as to_file:
        buffer = bytearray(COPY_BYTES)
        view = memoryview(buffer)
        while size := from_file.readinto(buffer):
            hasher.update(view[:size])
            written = 0
            while written < size:
                written += to_file.write(view[written:size])
    return encode_digest(hasher.digest())


def _is_same(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_size, before.st_mtime_ns, before.st_ino) == (after.st_size, after.st_mtime_ns, after.st_ino)


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # and no process that was forked off it
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(home: Path) -> None:
    """Delete what processes left that were killed."""
    if home in _swept:
        return
    _swept.add(home)
    with suppress(OSError):
        for folder in list(os.scandir(home)):
            host, process, *_ = [*folder.name.rsplit(".", 2), "", ""]
            is_ours = host == socket.gethostname() and process.isdigit()
            with suppress(OSError):
                state = folder.stat(follow_symlinks=False)
                is_old = stat_module.S_ISDIR(state.st_mode) and time.time() - state.st_mtime > _ABANDONED_S
                if is_old or (is_ours and not _is_alive(int(process))):
                    shutil.rmtree(folder.path, ignore_errors=True)


def _is_alive(process: int) -> bool:
    import psutil

    return bool(psutil.pid_exists(process))
