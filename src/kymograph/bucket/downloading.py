"""Files of a version, brought from wherever its entries say they are: in parallel, and each of them checked."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kymograph.bucket.destination import Contents, filling
from kymograph.bucket.places import BLOB_ENTRY, Place, bucket_url
from kymograph.bucket.stores.base import MD5_KEY, address
from kymograph.bucket.stores.registry import open_store
from kymograph.client.parallel import in_parallel
from kymograph.core.artifact_rules import check_entry_path
from kymograph.errors import AuthError, BucketFolderNotFound, CommError, DigestMismatch
from kymograph.sdk.artifacts.building import reference_context
from kymograph.sdk.artifacts.download_progress import DownloadProgress
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.hashing import hash_file
from kymograph.sdk.artifacts.references.base import is_unchecked
from kymograph.sdk.artifacts.references.registry import References, kind_of
from kymograph.sdk.artifacts.voice import current_voice

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact

WAITS_S = (1.0, 3.0, 7.0, 15.0, 31.0)
"""Between attempts. Source: seeds.md B.3."""
AT_ONCE = 16
LARGE_BYTES = 8 << 20


def files_of(artifact: Artifact, *, bucket: str | None) -> list[ArtifactManifestEntry]:
    """The files of a version that lie in a bucket, by path; none for one whose files are at the server.

    A version with one entry for a folder is what the folder holds now.

    Args:
        artifact: The version.
        bucket: Where versions are that do not say where they are; a name or an address.

    Raises:
        BucketFolderNotFound: There is nothing in the folder.
        InvalidSetting: No bucket is named, and it has to be.
    """
    entries = list(artifact.manifest.entries.values())
    blob = artifact.manifest.get_entry_by_path(BLOB_ENTRY)
    if blob is None and len(entries) == 1 and entries[0].ref is not None and is_unchecked(entries[0]):
        blob = entries[0]
    if blob is not None and blob.ref is not None and kind_of(blob.ref) != "tracking":
        return _files_in(blob.ref)
    if blob is not None or not entries:
        # Source: seeds.md B.3, versions from before 22.7.0; and buckets that only their platform knows by address.
        aliases = [alias for alias in artifact.aliases if alias != "latest"]
        folder = Place(artifact.type, artifact.name.partition(":")[0], aliases[0] if aliases else artifact.version)
        url = address(bucket_url(bucket, artifact.project), folder.folder)
        current_voice().warn(f"{artifact.name} does not say where its files are; they are assumed at {url}")
        return _files_in(url)
    return [entry for entry in entries if entry.ref is not None]


def _files_in(url: str) -> list[ArtifactManifestEntry]:
    entries = [found.entry(check_entry_path(found.path)) for found in open_store(url).iter_objects("")]
    if not entries:
        raise BucketFolderNotFound(url)
    return entries


class BucketDownload:
    """One download of entries that refer to objects."""

    def __init__(
        self,
        title: str,
        entries: Sequence[ArtifactManifestEntry],
        *,
        references: References | None = None,
        retries: int = len(WAITS_S),
        sleep: Callable[[float], object] = time.sleep,
        is_shown: bool = True,
    ) -> None:
        """Prepare.

        Args:
            title: Of the version, for people.
            entries: What to bring.
            references: Fetches what lies elsewhere.
            retries: How often to try.
            sleep: Waits for some s.
            is_shown: Whether progress is shown to people.
        """
        self._title, self._entries, self._is_shown = title, entries, is_shown
        self._references = references or References(reference_context())
        self._retries, self._sleep = max(retries, 1), sleep

    @property
    def contents(self) -> Contents:
        """What the folder is to hold."""
        hasher = hashlib.sha256()
        for entry in sorted(self._entries, key=lambda one: one.path):
            hasher.update(f"{entry.path}\0{entry.digest}\0{entry.ref}\n".encode())
        return Contents(self._title, hasher.hexdigest(), {entry.path: entry.size for entry in self._entries})

    def run(self, folder: Path, *, is_exact: bool = False) -> None:
        """Bring the files into a folder, which is complete when this returns, and says so only then.

        Raises:
            ReferenceNotFound: An object is gone.
            ReferenceChanged: An object is another now.
            DigestMismatch: What came is not what was put there.
            CommError: The place cannot be asked, or broke off more often than is tried.
            OSError: The disk does not take it.
        """
        with filling(folder, self.contents, is_exact=is_exact) as place:
            there = in_parallel(lambda entry: self._is_there(entry, place, is_ours=place != folder), self._entries)
            missing = [entry for entry, is_there in zip(self._entries, there, strict=True) if not is_there]
            size_bytes = sum(entry.size or 0 for entry in missing)
            with DownloadProgress(
                self._title, len(missing), size_bytes, is_shown=self._is_shown and bool(missing)
            ) as progress:
                self._fetch_all(missing, place, progress)

    def _is_there(self, entry: ArtifactManifestEntry, place: Path, *, is_ours: bool) -> bool:
        """Whether a file need not be fetched. Of files that nobody else wrote, those without an MD5 are trusted."""
        path = place / entry.path
        try:
            size = os.stat(path).st_size
        except (FileNotFoundError, NotADirectoryError):
            return False
        if entry.size is None or size != entry.size or not path.is_file():
            return False
        md5 = known_md5(entry)
        return is_ours if md5 is None else hash_file(path) == md5

    def _fetch_all(self, missing: Sequence[ArtifactManifestEntry], place: Path, progress: DownloadProgress) -> None:
        done: set[str] = set()

        def fetch(entry: ArtifactManifestEntry) -> None:
            target = place / entry.path
            self._references.fetch(entry, target)
            md5 = entry.extra.get(MD5_KEY)
            if md5 is not None and (actual := hash_file(target)) != md5:
                target.unlink(missing_ok=True)
                raise DigestMismatch(str(entry.ref), expected=md5, actual=actual)
            done.add(entry.path)
            progress.add_bytes(entry.size or 0)
            progress.add_file()

        for attempt in range(1, self._retries + 1):
            left = [entry for entry in missing if entry.path not in done]
            try:
                for some in (
                    [entry for entry in left if (entry.size or 0) >= LARGE_BYTES],
                    [entry for entry in left if (entry.size or 0) < LARGE_BYTES],
                ):
                    in_parallel(fetch, some, threads=AT_ONCE)
            except AuthError:
                raise
            except CommError as exc:
                if attempt == self._retries:
                    raise
                wait_s = WAITS_S[min(attempt, len(WAITS_S)) - 1]
                current_voice().warn(f"{exc}; {len(missing) - len(done):,} files are left, again in {wait_s:g} s")
                self._sleep(wait_s)
            else:
                return


def known_md5(entry: ArtifactManifestEntry) -> str | None:
    """Base64 of the MD5 that the content of an entry has, if it tells."""
    if MD5_KEY in entry.extra:
        return str(entry.extra[MD5_KEY])
    if entry.ref is not None and kind_of(entry.ref) == "file" and not is_unchecked(entry):
        return entry.digest if len(entry.digest) == 24 else None
    return None
