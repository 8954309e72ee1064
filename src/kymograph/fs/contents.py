"""Contents of files of versions: whole and checked through the cache of this machine, or in parts as they are.

The cache is the one that downloads fill, and they find there what was read here.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kymograph.client.artifact_files import WantedEntry, stated_xxh128, urls_per_page
from kymograph.client.artifact_reads import ArtifactRead, note_read
from kymograph.client.fetching import Fetcher, FetchTarget
from kymograph.client.placing import place, written_whole
from kymograph.client.transfers import Note, Span
from kymograph.core.digest import DigestAlgorithm, digest_of
from kymograph.errors import AuthError, DigestMismatch, MissingPackage, NotFoundError, ReferenceNotFound
from kymograph.fs.versions import Entry, Version, Versions
from kymograph.types import Digest
from kymograph.wire.artifact_addresses import ARTIFACT_SCHEME, find_artifact_id, split_address

if TYPE_CHECKING:
    from kymograph.fs.session import Session

WHOLE_BYTES = 8 << 20
"""Files up to this size come whole even if a part of them is asked for: that part is then known to be right, and the
next one is here already."""
KEPT_BYTES = 256 << 20
"""Larger ones are not kept in the cache for being read once."""
ADDRESS_AGE_S = 1800.0
"""Servers give addresses for an hour."""
ATTEMPTS = 3


class Contents:
    """Reads contents at one server. Waits; safe to share between threads."""

    def __init__(self, session: Session, versions: Versions) -> None:
        """Prepare; nothing is asked yet."""
        self._session, self._versions = session, versions
        self._lock = threading.Lock()
        self._addresses: dict[tuple[str, str], tuple[float, str]] = {}
        self._busy: dict[str, threading.Lock] = {}
        self._fetcher = Fetcher(session.client.transfers, session.cache)

    # --- addresses ---------------------------------------------------------------------------------------------------

    def address(self, version: Version, entry: Entry, *, refresh: bool = False) -> str:
        """Where the bytes of a file are, for some time.

        Raises:
            ReferenceNotFound: They are not at the server.
        """
        if entry.ref is not None:
            raise ReferenceNotFound(f"{entry.name!r} is a reference to {entry.ref}: read it there", uri=entry.ref)
        key = (version.id, entry.name)
        with self._lock:
            at_s, url = self._addresses.get(key, (0.0, ""))
        if url and not refresh and time.monotonic() - at_s < ADDRESS_AGE_S:
            return url
        self.ask_addresses(version, [entry])
        return self._addresses[key][1]

    def ask_addresses(self, version: Version, entries: Iterable[Entry]) -> None:
        """Ask for the addresses of many files at once, so that nobody has to for each."""
        wanted = [
            WantedEntry(entry.name, entry.digest, entry.birth_id, entry.size_bytes)
            for entry in entries
            if entry.ref is None
        ]
        for start in range(0, len(wanted), urls_per_page()):
            some = wanted[start : start + urls_per_page()]
            found = self._session.artifact_files.urls_of_entries(
                version.id, some, layout=version.layout, region=version.region
            )
            now_s = time.monotonic()
            told = {one.name: one.url for one in found if one.url}
            for entry in some:
                if entry.name not in told:
                    raise NotFoundError(entry.name, within=version.place.path)
            with self._lock:
                self._addresses |= {(version.id, name): (now_s, str(url)) for name, url in told.items()}

    def prepare(self, version: Version, entries: Iterable[Entry]) -> None:
        """Ask for the addresses of those files that are not in the cache."""
        missing = [entry for entry in entries if entry.ref is None and self._kept(entry) is None]
        if len(missing) > 1:
            self.ask_addresses(version, missing)

    # --- contents ----------------------------------------------------------------------------------------------------

    def read(self, version: Version, entry: Entry, span: Span) -> bytes:
        """Part of a file, exactly.

        Raises:
            DigestMismatch: Something else came than the manifest promises.
            NotFoundError: It is gone.
        """
        self._note(version)
        if span.size_bytes == 0:
            return b""
        if entry.ref is not None:
            return self._read_reference(entry, span)
        kept = self._kept(entry)
        if kept is None and (span.size_bytes == entry.size_bytes or entry.size_bytes <= WHOLE_BYTES):
            content = self._fetch_whole(version, entry)
            return content if span.size_bytes == len(content) else content[span.start : span.start + span.size_bytes]
        if kept is not None:
            try:
                with open(kept, "rb", buffering=0) as file:
                    file.seek(span.start)
                    content = file.read(span.size_bytes)
            except FileNotFoundError:
                content = b""  # the cache made space for others this moment
            if len(content) == span.size_bytes:
                return content
        return self._ask(version, entry, span)

    def bring(self, version: Version, entry: Entry, target: Path, *, note: Note = int) -> None:
        """Have a whole file be at a path, checked, from the cache where it is there.

        Raises:
            DigestMismatch: Something else came than the manifest promises.
            OSError: It cannot be written.
        """
        self._note(version)
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.ref is not None:
            with written_whole(target) as file:
                for start in range(0, entry.size_bytes, WHOLE_BYTES):
                    piece = self._read_reference(entry, Span(start, min(WHOLE_BYTES, entry.size_bytes - start)))
                    file.write(piece)
                    note(len(piece))
            return
        wanted = FetchTarget(target, Digest(entry.digest), entry.algorithm, entry.size_bytes)
        if self._fetcher.take_cached(wanted):
            note(entry.size_bytes)
            return
        url = self.address(version, entry)
        wanted = replace(wanted, xxh128=stated_xxh128(url))
        self._fetcher.fetch(wanted, url, renew=lambda: self.address(version, entry, refresh=True), note=note)

    def copy_here(self, source: Path, target: Path) -> None:
        """Have a file of this machine be at another path, too.

        Raises:
            OSError: It cannot be written.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        place(source, target, may_share=False, mode=0o644)

    def close(self) -> None:
        """Release threads."""
        self._fetcher.close()

    def _kept(self, entry: Entry) -> str | None:
        cache = self._session.cache
        found = cache.find(cache.content_path(entry.digest, entry.algorithm), size_bytes=entry.size_bytes)
        return None if found is None else os.fspath(found)

    def _fetch_whole(self, version: Version, entry: Entry) -> bytes:
        with self._turn(entry.digest):
            kept = self._kept(entry)
            if kept is not None:
                content = Path(kept).read_bytes()
                if len(content) == entry.size_bytes:
                    return content
            content = self._ask(version, entry, None)
            found = digest_of(content, entry.algorithm)
            if found != entry.digest:
                raise DigestMismatch(entry.name, expected=entry.digest, actual=found)
            cache = self._session.cache
            if len(content) <= min(KEPT_BYTES, cache.max_bytes):
                with cache.writing(cache.content_path(entry.digest, entry.algorithm), size_bytes=len(content)) as file:
                    file.write(content)
            return content

    def _ask(self, version: Version, entry: Entry, span: Span | None) -> bytes:
        url = self.address(version, entry)
        for _ in range(ATTEMPTS - 1):
            try:
                return self._session.read(url, span)
            except (AuthError, NotFoundError):
                url = self.address(version, entry, refresh=True)
        return self._session.read(url, span)

    def _turn(self, digest: str) -> threading.Lock:
        """Of several who want one content, one fetches it and the others find it."""
        with self._lock:
            if len(self._busy) > 1_000:
                self._busy = {name: lock for name, lock in self._busy.items() if lock.locked()}
            return self._busy.setdefault(digest, threading.Lock())

    def _note(self, version: Version) -> None:
        collection = version.place.name
        note_read(
            ArtifactRead(
                self._session.client.base_url, version.id, version.artifact.type_name, f"{collection}:{version.name}"
            )
        )

    # --- references --------------------------------------------------------------------------------------------------

    def resolved(self, version: Version, entry: Entry) -> tuple[Version, Entry]:
        """A file with its size; for one of another artifact, that artifact's own.

        Manifests do not tell the size of what is in other artifacts, nor of what was tracked without a look.

        Raises:
            ReferenceNotFound: There is no such file any more, or it is a folder.
        """
        if entry.ref is None:
            return version, entry
        if entry.ref.startswith(f"{ARTIFACT_SCHEME}://"):
            _, _, path = split_address(entry.ref)
            other = self._versions.by_id(find_artifact_id(entry.ref) or "")
            found = other.tree.files.get(path)
            if found is None:
                raise ReferenceNotFound(f"{entry.ref}: that version has no {path!r}", uri=entry.ref)
            return self.resolved(other, found)
        if entry.size_bytes == 0:
            files, inside = _file_system_of(entry.ref)
            info = files.info(inside)
            if info["type"] != "file" or info.get("size") is None:
                raise ReferenceNotFound(f"{entry.ref} is no file; read it there", uri=entry.ref)
            return version, replace(entry, size_bytes=int(info["size"]))
        return version, entry

    def _read_reference(self, entry: Entry, span: Span) -> bytes:
        assert entry.ref is not None
        scheme, _, _ = split_address(entry.ref)
        files, inside = _file_system_of(entry.ref)
        content = bytes(files.cat_file(inside, span.start, span.start + span.size_bytes))
        is_checkable = scheme == "file" and span.size_bytes == entry.size_bytes
        if is_checkable and digest_of(content, DigestAlgorithm.MD5) != entry.digest:
            raise DigestMismatch(entry.ref, expected=entry.digest, actual=digest_of(content, DigestAlgorithm.MD5))
        return content


def _file_system_of(uri: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs  # type: ignore[import-untyped] # it has no types

    try:
        found: tuple[Any, str] = url_to_fs(uri)
    except ImportError as exc:
        raise MissingPackage(str(exc.name or "of its scheme"), purpose=uri, install=str(exc)) from exc
    except ValueError as exc:
        raise ReferenceNotFound(f"{uri}: there is no file system for it: {exc}", uri=uri) from exc
    return found
