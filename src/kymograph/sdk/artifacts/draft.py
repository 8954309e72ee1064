"""An artifact while it is built: what was added to it, and where the contents are until they are uploaded."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal, NamedTuple

from kymograph.client.artifact_cache import ArtifactCache
from kymograph.client.known_versions import KnownVersion, KnownVersions
from kymograph.client.parallel import in_parallel
from kymograph.core.artifact_rules import check_entry_path
from kymograph.core.digest import DigestAlgorithm, hex_digest
from kymograph.errors import DuplicatePath, EntryNotFound, InvalidArtifact
from kymograph.sdk.artifacts.checksum_memo import ChecksumMemo
from kymograph.sdk.artifacts.entry import ALGORITHM_KEY, XXH128_NAME, ArtifactManifestEntry
from kymograph.sdk.artifacts.folder_walk import iter_folder
from kymograph.sdk.artifacts.folders import ArtifactFolders, artifact_folders
from kymograph.sdk.artifacts.hashing import remembered_hash
from kymograph.sdk.artifacts.manifest import ArtifactManifest
from kymograph.sdk.artifacts.staging import Staging
from kymograph.sdk.artifacts.voice import current_voice
from kymograph.types import Digest

Policy = Literal["mutable", "immutable"]
StrPath = str | os.PathLike[str]
RUN_FOLDER = "artifacts"
"""In the folder of a run: what its artifacts wait with."""
EARLY_BYTES = 64 << 20
"""A file of this size and more that nobody changes is sent while it is hashed: either takes as long as the other."""
DIGEST_NAME_CHARACTERS = 20
"""How much of a digest names a temporary file. Source: seeds.md C.3."""


class Draft:
    """What an artifact is built of. Safe to share between threads.

    Attributes:
        manifest: The entries.
        cache: Contents that are on this machine already.
    """

    def __init__(
        self,
        manifest: ArtifactManifest,
        *,
        name: str = "",
        folders: Callable[[], ArtifactFolders] = artifact_folders,
    ) -> None:
        """Begin with what a manifest has.

        Args:
            manifest: Is changed.
            name: Of the collection; empty for none that a server could know.
            folders: Says where things are, once something is to be kept.
        """
        self.manifest = manifest
        self._folders = folders
        self._lock = threading.RLock()
        self._paths: dict[str, ArtifactManifestEntry] = {}
        self._parts: tuple[Staging, ChecksumMemo, ArtifactCache] | None = None
        self._name = name
        self._at_server: _AtServer | None = None
        self._unkept: dict[str, ArtifactManifestEntry] = {}
        """Entries by path whose contents are not kept here, because a server has them."""

    @property
    def algorithm(self) -> DigestAlgorithm:
        """How contents are hashed."""
        return self.manifest.digest_algorithm

    @property
    def cache(self) -> ArtifactCache:
        """Contents that are on this machine."""
        return self._prepared()[2]

    def _prepared(self) -> tuple[Staging, ChecksumMemo, ArtifactCache]:
        with self._lock:
            if self._parts is None:
                folders = self._folders()
                memo = ChecksumMemo(folders.cache)
                cache = ArtifactCache(folders.cache, max_bytes=folders.max_cache_bytes)
                self._parts = Staging(lambda: _home(folders), memo=memo, cache=cache), memo, cache
            return self._parts

    # --- files ------------------------------------------------------------------------------------------------------

    def add_file(
        self,
        path: StrPath,
        name: StrPath | None,
        *,
        is_tmp: bool = False,
        skip_cache: bool = False,
        policy: Policy = "mutable",
        overwrite: bool = False,
    ) -> ArtifactManifestEntry:
        """Add a file; see `Artifact.add_file`."""
        if not os.path.isfile(path):
            raise InvalidArtifact(f"Path is not a file: {os.fspath(path)!r}")
        check_policy(policy)
        logical = check_entry_path(name if name else os.path.basename(path))
        memo = self._prepared()[1]
        memo.load_file(path)
        entry = self._taken(logical, path, policy=policy, skip_cache=skip_cache, is_tmp=is_tmp)
        memo.save()
        return self._add(entry, path, overwrite=overwrite)

    def add_folder(
        self,
        path: StrPath,
        name: str | None,
        *,
        skip_cache: bool = False,
        policy: Policy = "mutable",
        merge: bool = False,
        follow_outside: bool = False,
    ) -> None:
        """Add all files in a folder; see `Artifact.add_dir`."""
        if not os.path.isdir(path):
            raise InvalidArtifact(f"Path is not a directory: {os.fspath(path)!r}")
        check_policy(policy)
        started = time.monotonic()
        prefix = f"{name.rstrip('/')}/" if name else ""
        files = [
            (check_entry_path(prefix + relative), physical)
            for relative, physical in iter_folder(path, follow_outside=follow_outside)
        ]
        memo = self._prepared()[1]
        memo.load([path])

        def take(file: tuple[str, str]) -> ArtifactManifestEntry:
            return self._taken(file[0], file[1], policy=policy, skip_cache=skip_cache)

        # Without content to hash, threads would only get in each other's way.
        threads = 1 if memo.loaded_count >= len(files) else None
        entries = in_parallel(take, files, threads=threads)
        memo.save()
        if not merge:
            self._refuse_changes(entries)
        for entry, (_, physical) in zip(entries, files, strict=True):
            self._add(entry, physical, overwrite=merge)
        current_voice().chat(
            f"added {len(entries):,} files of {os.fspath(path)} to the artifact in {time.monotonic() - started:.1f} s",
        )

    def _refuse_changes(self, entries: Iterable[ArtifactManifestEntry]) -> None:
        """All or none of a folder is added.

        Raises:
            DuplicatePath: One of them is there with other content.
        """
        for entry in entries:
            old = self.manifest.get_entry_by_path(entry.path)
            if old is not None and old.digest != entry.digest:
                raise DuplicatePath(entry.path)

    @contextmanager
    def new_file(
        self, name: StrPath, mode: str, encoding: str | None, *, policy: Policy = "mutable"
    ) -> Iterator[IO[Any]]:
        """A file to write that is added when the block ends well; see `Artifact.new_file`."""
        check_policy(policy)
        logical = check_entry_path(name)
        staging = self._prepared()[0]
        old = self.manifest.get_entry_by_path(logical)
        if "x" in mode and old is not None:
            raise InvalidArtifact(f"File with name {os.fspath(name)!r} already exists at {old.local_path or old.ref!r}")
        path = staging.new_draft(PurePosixPath(logical).name)
        try:
            if old is not None and old.local_path is not None and not set("wx") & set(mode):
                path.write_bytes(Path(old.local_path).read_bytes())
            with open(path, mode, encoding=encoding) as file:
                yield file
            staged = staging.adopt(path, self.algorithm)
        except UnicodeEncodeError as exc:
            current_voice().complain(
                f"Failed to open the provided file (UnicodeEncodeError: {exc}). Please provide the proper encoding.",
            )
            raise
        finally:
            with suppress(OSError):
                path.unlink()
        entry = self._entry(logical, staged.digest, staged.size_bytes, staged.path, skip_cache=True)
        self._add(entry, path, overwrite="x" not in mode)

    def add_content(self, content: bytes, name: str, *, named_by_digest: bool = False) -> ArtifactManifestEntry:
        """Add what is no file yet.

        Args:
            content: The bytes.
            name: Its path.
            named_by_digest: Whether the last part of the path, up to its first dot, becomes that of the digest.
        """
        staging = self._prepared()[0]
        draft = staging.new_draft("content")
        draft.write_bytes(content)
        staged = staging.adopt(draft, self.algorithm)
        path = name_by_digest(name, staged.digest) if named_by_digest else check_entry_path(name)
        entry = self._entry(path, staged.digest, staged.size_bytes, staged.path)
        return self._add(entry, None, overwrite=True)

    def add_entry(self, entry: ArtifactManifestEntry, *, overwrite: bool = False) -> ArtifactManifestEntry:
        """Add an entry that was made elsewhere, such as a reference.

        Raises:
            DuplicatePath: There is other content under its path.
        """
        return self._add(entry, None, overwrite=overwrite)

    def remove(self, item: StrPath | ArtifactManifestEntry) -> None:
        """Take out an entry, a file or a folder.

        Raises:
            EntryNotFound: There is none.
        """
        with self._lock:
            if isinstance(item, ArtifactManifestEntry):
                self.manifest.remove_entry(item)
                return
            path = str(PurePosixPath(item))
            entry = self.manifest.get_entry_by_path(path)
            found = [entry] if entry is not None else self.manifest.get_entries_in_directory(path)
            if not found:
                raise EntryNotFound(f"No such file or directory: {path}", path=path)
            for entry in found:
                self.manifest.remove_entry(entry)

    def find_added(self, path: StrPath) -> str | None:
        """Under which path a local file was added."""
        entry = self._paths.get(os.fspath(path))
        return None if entry is None else entry.path

    # --- the way out ------------------------------------------------------------------------------------------------

    def move_into(self, run_folder: Path, *, with_immutable: bool = True) -> None:
        """Have all contents lie in the folder of a run, for good; `local_path` of the entries is then there.

        Args:
            run_folder: Of the run that logs the artifact.
            with_immutable: Whether files that nobody changes are brought there too (by links where possible): an
                offline run is copied to another machine without them otherwise.

        Raises:
            OSError: Something cannot be read or written.
        """
        staging = self._prepared()[0]
        with self._lock:
            moved = staging.move_into(run_folder / RUN_FOLDER)
            for entry in self.manifest.entries.values():
                if entry.local_path is None:
                    continue
                entry.local_path = moved(entry.local_path)
                if with_immutable and not staging.holds(entry.local_path):
                    entry.local_path = staging.link(entry.local_path, Digest(entry.digest))

    @property
    def relies_on(self) -> KnownVersion | None:
        """The version whose contents a server has, if some of them are therefore not kept here; see `keep_all`."""
        return self._at_server.version if self._unkept and self._at_server is not None else None

    def keep_all(self) -> None:
        """Keep contents that were not kept because a server was known to have them.

        Raises:
            InvalidArtifact: A file has changed since it was added.
            OSError: It cannot be read, or there is no space.
        """
        staging, memo, _ = self._prepared()
        with self._lock:
            unkept, self._unkept = self._unkept, {}
            for entry in unkept.values():
                if self.manifest.entries.get(entry.path) is not entry or entry.local_path is None:
                    continue
                staged = staging.take(entry.local_path, self.algorithm)
                if staged.digest != entry.digest:
                    raise InvalidArtifact(
                        f"{entry.local_path} changed after it was added, and the server has its content no more; "
                        "add it again"
                    )
                entry.local_path = staged.path
            memo.save()

    def _server_contents(self) -> frozenset[str]:
        """Digests of what the server has of the collection, as far as this machine logged it."""
        with self._lock:
            if self._at_server is None:
                self._at_server = _at_server(self._folders().cache, self._name)
            return self._at_server.digests

    def discard(self) -> None:
        """Delete contents that wait."""
        if self._parts is not None:
            self._parts[0].discard()

    # --- within -----------------------------------------------------------------------------------------------------

    def _taken(
        self, path: str, source: StrPath, *, policy: Policy, skip_cache: bool, is_tmp: bool = False
    ) -> ArtifactManifestEntry:
        """The entry of a file; nothing is added yet."""
        staging, memo, _ = self._prepared()
        if policy == "mutable":
            entry = None if is_tmp else self._left_to_server(path, source, skip_cache=skip_cache)
            if entry is not None:
                return entry
            staged = staging.take(source, self.algorithm)
            digest, size_bytes, local = staged.digest, staged.size_bytes, staged.path
        else:
            state = os.stat(source)
            if state.st_size >= EARLY_BYTES and memo.find(source, state, self.algorithm) is None:
                _expect(source, self.algorithm)
            digest = remembered_hash(source, memo, self.algorithm, stat=state)
            size_bytes, local = state.st_size, os.path.abspath(source)
        logical = name_by_digest(path, digest) if is_tmp else path
        return self._entry(logical, digest, size_bytes, local, skip_cache=skip_cache)

    def _left_to_server(self, path: str, source: StrPath, *, skip_cache: bool) -> ArtifactManifestEntry | None:
        """The entry of a file whose content is known and at the server, so that none is kept; None for others."""
        at_server = self._server_contents()
        if not at_server:
            return None
        state = os.stat(source)
        digest = self._prepared()[1].find(source, state, self.algorithm)
        if digest is None or digest not in at_server:
            return None
        entry = self._entry(path, digest, state.st_size, os.path.abspath(source), skip_cache=skip_cache)
        self._unkept[path] = entry
        return entry

    def _entry(
        self, path: str, digest: Digest, size_bytes: int, local: str, *, skip_cache: bool = False
    ) -> ArtifactManifestEntry:
        extra = {ALGORITHM_KEY: XXH128_NAME} if self.algorithm is DigestAlgorithm.XXH128 else {}
        return ArtifactManifestEntry(
            path, digest, size=size_bytes, local_path=local, skip_cache=skip_cache, extra=extra
        )

    def _add(self, entry: ArtifactManifestEntry, source: StrPath | None, *, overwrite: bool) -> ArtifactManifestEntry:
        with self._lock:
            self.manifest.add_entry(entry, overwrite=overwrite)
            if source is not None:
                self._paths[os.fspath(source)] = entry
        return entry


def _expect(path: StrPath, algorithm: DigestAlgorithm) -> None:
    """Tell the sender of the active run of a file that is about to be hashed, and will be logged."""
    from kymograph.sdk.active import active_run

    run = active_run()
    if run is not None and run._link is not None and run._pid == os.getpid():
        run._link.expect(os.path.abspath(path), str(algorithm))


class _AtServer(NamedTuple):
    """What a server has of a collection."""

    version: KnownVersion | None
    digests: frozenset[str]


def _at_server(cache: Path, name: str) -> _AtServer:
    """What the server that is set has of a collection, if runs are sent there as they go."""
    from kymograph.sdk.active import active_run
    from kymograph.sdk.artifacts.folders import current_settings

    run = active_run()
    is_away = run is not None and (run.offline or run.disabled)
    version = None if is_away or not name else KnownVersions(cache).find(current_settings().base_url, name)
    return _AtServer(version, frozenset() if version is None else version.digests())


def check_policy(policy: str) -> None:
    """Check a policy of files.

    Raises:
        InvalidArtifact: There is none of that name.
    """
    if policy not in ("mutable", "immutable"):
        raise InvalidArtifact(f"Invalid policy {policy!r}. Policy may only be `mutable` or `immutable`.")


def name_by_digest(path: str, digest: Digest) -> str:
    """A path whose last part, up to its first dot, is named by its content."""
    folder, _, name = path.rpartition("/")
    _, dot, rest = name.partition(".")
    renamed = hex_digest(digest)[:DIGEST_NAME_CHARACTERS] + dot + rest
    return f"{folder}/{renamed}" if folder else renamed


def _home(folders: ArtifactFolders) -> Path:
    """Where contents wait: in the folder of the active run, if there is one that is kept."""
    from kymograph.sdk.active import active_run

    run = active_run()
    if run is None or run.disabled:
        return folders.staging
    return Path(run.sync_dir) / RUN_FOLDER
