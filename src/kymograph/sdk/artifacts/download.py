"""The files of a version, brought into a folder.

What is there already is not asked for: a file that has the size and, by the memo of checksums, the content that its
entry promises costs a look at its state. Addresses of the others are asked for by pages; they come in parallel through
the cache, and appear whole.
"""

from __future__ import annotations

import fnmatch
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from logging import getLogger
from pathlib import Path
from typing import Any

from kymograph.client.artifact_bulk import SMALL_BYTES
from kymograph.client.artifact_files import WantedEntry, stated_xxh128, urls_per_page
from kymograph.client.artifact_values import CollectionAddress, FileUrl
from kymograph.client.fetching import Fetcher, FetchTarget
from kymograph.client.parallel import in_parallel
from kymograph.core.digest import new_hasher, raw_digest
from kymograph.errors import (
    ArtifactNotFound,
    AuthError,
    InvalidArtifact,
    NotFoundError,
    ProtocolError,
    ReferenceNotFound,
)
from kymograph.sdk.artifacts.download_progress import DownloadProgress
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.hashing import hash_file
from kymograph.sdk.artifacts.manifest import STORAGE_LAYOUT
from kymograph.sdk.artifacts.references.registry import References
from kymograph.sdk.artifacts.session import Session
from kymograph.sdk.artifacts.voice import current_voice
from kymograph.types import Digest, JsonObject
from kymograph.wire.content_parts import ContentPart

_logger = getLogger(__name__)
StrPath = str | os.PathLike[str]

AT_ONCE = 16
"""Files under way."""
LARGE_FILES = 5_000
LARGE_BYTES = 50 << 20
"""From so much on, a download says that it takes a while. Source: the vendor's `Artifact._download`."""
MIN_TOGETHER = 8
"""Fewer files are fetched one by one."""
BATCH_FILES = 1_000
"""Files fetched by one request…"""
BATCH_BYTES = 4 << 20
"""…unless they are larger than this together."""
_GLOB_MARKS = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """How to download; see `Artifact.download`."""

    allow_missing_references: bool = False
    skip_cache: bool | None = None
    path_prefix: StrPath | None = None
    multipart: bool | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that is not there yet."""

    entry: ArtifactManifestEntry
    path: str


class Download:
    """One download into one folder."""

    def __init__(
        self,
        session: Session,
        artifact_id: str,
        root: str,
        *,
        policy: JsonObject,
        name: str,
        references: References,
        options: DownloadOptions,
        listed_in: tuple[CollectionAddress, str],
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            session: With the server.
            artifact_id: Of the version.
            root: The folder.
            policy: Where contents are stored, as the manifest says it.
            name: Of the version, for messages.
            references: Fetches what lies elsewhere.
            options: How to download.
            listed_in: A collection that it is in, and its version there.
        """
        self._session, self._id, self._root = session, artifact_id, os.path.abspath(root)
        self._name, self._references, self._options = name, references, options
        self._policy, self._listed_in = policy, listed_in
        self._folders: dict[str, bool] = {}
        """Folders that may be written to, and those that may not."""
        self._lock = threading.Lock()
        self._together_url: str | None = None
        self._fetcher = Fetcher(
            session.client.transfers, session.cache, skip_cache=options.skip_cache, multipart=options.multipart
        )

    # --- the whole ---------------------------------------------------------------------------------------------------

    def run(self, entries: Iterable[ArtifactManifestEntry]) -> None:
        """Bring files here.

        Raises:
            ReferenceNotFound: What a reference leads to is gone, and that is not allowed.
            DigestMismatch: What came is not what the manifest promises.
            KymographError: The server cannot be asked, or says no.
            OSError: A file cannot be written.
        """
        chosen = [entry for entry in entries if self._is_chosen(entry.path)]
        os.makedirs(self._root, exist_ok=True)
        self._session.memo.load([self._root])
        try:
            files = [Wanted(entry, os.path.join(self._root, entry.path)) for entry in chosen if entry.ref is None]
            missing = [
                file for file, is_there in zip(files, in_parallel(self._is_there, files), strict=True) if not is_there
            ]
            elsewhere = [
                Wanted(entry, os.path.join(self._root, entry.path)) for entry in chosen if entry.ref is not None
            ]
            size_bytes = sum(file.entry.size or 0 for file in missing)
            is_large = len(missing) > LARGE_FILES or size_bytes > LARGE_BYTES
            with DownloadProgress(self._name, len(missing) + len(elsewhere), size_bytes, is_shown=is_large) as progress:
                self._fetch(missing, elsewhere, progress)
        finally:
            self._session.memo.save()
            self._fetcher.close()

    def run_one(self, entry: ArtifactManifestEntry) -> str:
        """Bring one file here; gives its path."""
        path = os.path.join(self._root, entry.path)
        os.makedirs(self._root, exist_ok=True)
        self._session.memo.load_file(path)
        wanted = Wanted(entry, path)
        try:
            with DownloadProgress(self._name, 1, entry.size or 0, is_shown=False) as progress:
                if entry.ref is not None:
                    self._fetch_reference(wanted, progress)
                elif not self._is_there(wanted):
                    self._fetch([wanted], [], progress)
        finally:
            self._session.memo.save()
            self._fetcher.close()
        return path

    def _is_chosen(self, path: str) -> bool:
        prefix = "" if self._options.path_prefix is None else os.fspath(self._options.path_prefix)
        if not prefix or path.startswith(prefix):
            return True
        return bool(_GLOB_MARKS.intersection(prefix)) and fnmatch.fnmatchcase(path, prefix)

    def _is_there(self, wanted: Wanted) -> bool:
        """Whether the file is there with its content. One whose content is not known is hashed."""
        entry, memo = wanted.entry, self._session.memo
        try:
            stat = os.stat(wanted.path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        if not os.path.isfile(wanted.path) or (entry.size is not None and stat.st_size != entry.size):
            return False
        algorithm = entry.digest_algorithm()
        known = memo.find(wanted.path, stat, algorithm)
        if known is None:
            started_ns = time.time_ns()
            known = hash_file(wanted.path, algorithm)
            memo.remember(wanted.path, stat, algorithm, known, hashed_at_ns=started_ns)
        return known == entry.digest

    # --- fetching ----------------------------------------------------------------------------------------------------

    def _fetch(self, missing: Sequence[Wanted], elsewhere: Sequence[Wanted], progress: DownloadProgress) -> None:
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="download") as pool:
            running: set[Future[None]] = set()

            def submit(work: Callable[..., None], *arguments: Any) -> None:
                nonlocal running
                if len(running) >= 4 * AT_ONCE:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        future.result()
                running.add(pool.submit(work, *arguments))

            try:
                for wanted in elsewhere:
                    submit(self._fetch_reference, wanted, progress)
                together, alone = self._sorted_out(self._not_cached(missing, progress))
                for batch in together:
                    submit(self._fetch_together, batch, progress)
                for wanted, url in self._with_urls(alone):
                    submit(self._fetch_file, wanted, url, progress)
                for future in running:
                    future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _not_cached(self, missing: Sequence[Wanted], progress: DownloadProgress) -> list[Wanted]:
        """What the cache does not have either; what it has is put into place."""
        if self._options.skip_cache:
            return list(missing)

        def take(wanted: Wanted) -> bool:
            return self._into_place(wanted, lambda: self._fetcher.take_cached(self._target(wanted)), progress)

        # Contents that the cache can only copy are many small writes: threads help on disks with queues.
        is_taken = in_parallel(take, missing)
        return [wanted for wanted, taken in zip(missing, is_taken, strict=True) if not taken]

    def _sorted_out(self, missing: Sequence[Wanted]) -> tuple[list[list[Wanted]], Sequence[Wanted]]:
        """Files that come together, by requests, and those that come one by one."""
        if len(missing) < MIN_TOGETHER or not self._session.bulk.is_offered:
            return [], missing
        small = [wanted for wanted in missing if wanted.entry.size is not None and wanted.entry.size <= SMALL_BYTES]
        alone = [wanted for wanted in missing if wanted.entry.size is None or wanted.entry.size > SMALL_BYTES]
        batches: list[list[Wanted]] = []
        size = BATCH_BYTES
        for wanted in small:
            if size >= BATCH_BYTES or len(batches[-1]) >= BATCH_FILES:
                batches.append([])
                size = 0
            batches[-1].append(wanted)
            size += wanted.entry.size or 0
        return batches, alone

    def _fetch_together(self, batch: Sequence[Wanted], progress: DownloadProgress) -> None:
        """Fetch many small files by one request; what does not come so comes one by one, which also tells why."""
        left: dict[bytes, list[Wanted]] = {}
        for wanted in batch:
            left.setdefault(raw_digest(wanted.entry.digest), []).append(wanted)

        def take(part: ContentPart) -> None:
            group = left.get(part.digest, [])
            for wanted in group:
                if new_hasher(wanted.entry.digest_algorithm(), part.content).digest() != part.digest:
                    return
                self._into_place(wanted, partial(self._put, wanted, part.content), progress)
            left.pop(part.digest, None)

        def get(url: str) -> None:
            paths = [group[0].entry.path for group in left.values()]
            self._session.bulk.fetch(url, paths, take, note=progress.add_bytes)

        try:
            self._fetcher.ask(self._bulk_url(), partial(self._bulk_url, anew=True), get)
        except (NotFoundError, ProtocolError, AuthError) as exc:
            _logger.debug("files of %s come one by one: %s", self._name, exc)
        for wanted, url in self._with_urls([wanted for group in left.values() for wanted in group]):
            self._fetch_file(wanted, url, progress)

    def _put(self, wanted: Wanted, content: bytes) -> bool:
        self._fetcher.put(self._target(wanted), content)
        return True

    def _bulk_url(self, *, anew: bool = False) -> str:
        """Where contents of the version are given together."""
        with self._lock:
            if self._together_url is None or anew:
                self._together_url = self._session.bulk.downloads_url(self._id)
            return self._together_url

    def _with_urls(self, missing: Sequence[Wanted]) -> Iterator[tuple[Wanted, str]]:
        """Each file with its address; addresses are asked for by pages, while files of earlier pages come."""
        files = iter(missing)
        while page := list(islice(files, urls_per_page())):
            urls = {found.name: found.url for found in self._urls(page)}
            for wanted in page:
                url = urls.get(wanted.entry.path)
                if url is None:
                    raise ArtifactNotFound(f"{wanted.entry.path} of {self._name}")
                yield wanted, url

    def _urls(self, page: Sequence[Wanted]) -> Iterable[FileUrl]:
        """Addresses of files.

        Servers that cannot be asked for those of given entries are asked for all.
        """
        entries = [
            WantedEntry(wanted.entry.path, wanted.entry.digest, wanted.entry.birth_artifact_id, wanted.entry.size or 0)
            for wanted in page
        ]
        region = self._policy.get("storageRegion")
        try:
            return self._session.files.urls_of_entries(
                self._id,
                entries,
                layout=str(self._policy.get("storageLayout") or STORAGE_LAYOUT),
                region=str(region) if region else None,
            )
        except ProtocolError:
            names = {entry.name for entry in entries}
            return [url for url in self._session.files.iter_urls(*self._listed_in) if url.name in names]

    def _target(self, wanted: Wanted) -> FetchTarget:
        entry = wanted.entry
        return FetchTarget(Path(wanted.path), Digest(entry.digest), entry.digest_algorithm(), entry.size)

    def _fetch_file(self, wanted: Wanted, url: str, progress: DownloadProgress) -> None:
        def renew() -> str:
            return next((found.url for found in self._urls([wanted]) if found.url is not None), url)

        def fetch() -> bool:
            target = replace(self._target(wanted), xxh128=stated_xxh128(url))
            self._fetcher.fetch(target, url, renew=renew, note=progress.add_bytes)
            return True

        self._into_place(wanted, fetch, progress)

    def _fetch_reference(self, wanted: Wanted, progress: DownloadProgress) -> None:
        def fetch() -> bool:
            if self._options.skip_cache:
                self._references.fetch(wanted.entry, Path(wanted.path))
            else:
                self._references.fetch_through(wanted.entry, Path(wanted.path), self._session.cache)
            return True

        try:
            self._into_place(wanted, fetch, progress)
        except (ReferenceNotFound, FileNotFoundError) as exc:
            if not self._options.allow_missing_references:
                raise
            current_voice().warn(str(exc))

    def _into_place(self, wanted: Wanted, put: Callable[[], bool], progress: DownloadProgress) -> bool:
        """Put a file into its place, unless something else is there; whether that is settled."""
        if not self._may_write(wanted.path, wanted.entry.path):
            return True
        if os.path.isdir(wanted.path):
            current_voice().warn(
                f"Unable to download file {wanted.entry.path!r} as there is a directory with the same path, skipping."
            )
            return True
        if not put():
            return False
        self._remember(wanted)
        progress.add_file()
        return True

    def _remember(self, wanted: Wanted) -> None:
        if wanted.entry.ref is not None:
            return
        stat = os.stat(wanted.path)
        self._session.memo.remember(
            wanted.path,
            stat,
            wanted.entry.digest_algorithm(),
            Digest(wanted.entry.digest),
            # It was put there whole just now, and nobody had it before.
            hashed_at_ns=max(time.time_ns(), stat.st_mtime_ns + 1_000_000_000),
        )

    def _may_write(self, path: str, shown: str) -> bool:
        """Whether the folder of a file can be used; it is made if need be.

        Raises:
            InvalidArtifact: A link in it leads out of the root.
        """
        folder = os.path.dirname(path)
        with self._lock:
            known = self._folders.get(folder)
        if known is None:
            known = self._prepare(folder)
            with self._lock:
                self._folders[folder] = known
        if not known:
            current_voice().warn(
                f"Unable to download file {shown!r} as there is a file with the same path as a directory this file is "
                "expected to be in, skipping."
            )
        return known

    def _prepare(self, folder: str) -> bool:
        try:
            os.makedirs(folder, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            return False
        root = os.path.realpath(self._root)
        if os.path.commonpath([root, os.path.realpath(folder)]) != root:
            raise InvalidArtifact(
                f"{folder} leads out of {self._root} by a link; nothing is written there. Remove the link, or download "
                "to another folder"
            )
        return True


def default_root(name: str) -> str:
    """Where a version is downloaded to unless another folder is named: below ``artifacts``, or `WANDB_ARTIFACT_DIR`.

    Args:
        name: Collection and version; where file systems forbid colons, it has others.
    """
    base = os.environ.get("WANDB_ARTIFACT_DIR") or os.path.join(".", "artifacts")
    root = os.path.join(os.path.expanduser(base), name)
    if os.path.exists(root) or os.name != "nt":
        return root
    return os.path.join(os.path.expanduser(base), name.replace(":", "-"))
