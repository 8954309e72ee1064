"""Everything else that there is an fsspec file system for: ``sftp://``, ``abfs://``, ``hf://``, ``memory://``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from kymograph.errors import CommError, MissingPackage, ReferenceChanged, ReferenceNotFound
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.references.base import Tracking, copy_stream, is_unchecked
from kymograph.sdk.artifacts.references.tracking import TrackingHandler
from kymograph.sdk.artifacts.voice import current_voice
from kymograph.wire.artifact_addresses import split_address

_ETAGS = ("ETag", "etag", "content_md5", "contentMd5", "md5Hash", "md5", "sha256", "checksum", "blob_id", "oid")
"""Where file systems tell what names a content, the most telling first."""
_TIMES = ("mtime", "LastModified", "last_modified", "modified", "updated", "last_commit", "created")


def knows_scheme(scheme: str) -> bool:
    """Whether there is a file system for a scheme, installed or not."""
    from fsspec import available_protocols  # type: ignore[import-untyped] # it has no types

    return scheme in available_protocols()


class FilesystemHandler:
    """Files by what their file system tells of the content: an ETag, or size and time of the last change."""

    def track(self, tracking: Tracking) -> list[ArtifactManifestEntry]:
        """One entry for a file; for a folder one for each file below it."""
        scheme, _, _ = split_address(tracking.uri)
        if not tracking.checksum:
            return [tracking.unchecked(tracking.uri, _last(tracking.uri))]
        try:
            files, path = opened(tracking.uri)
        except MissingPackage as exc:
            if not tracking.name:
                raise
            current_voice().warn(f"{exc}; until then {scheme}:// references are noted and not checked")
            return TrackingHandler().track(tracking)
        with translated_errors(tracking.uri):
            info = files.info(path)
            if info["type"] != "directory":
                return [entry_of(files, info, tracking.uri, tracking.name or _last(tracking.uri))]
            base = str(info["name"]).rstrip("/")
            entries: list[ArtifactManifestEntry] = []
            for found in sorted(files.find(path, detail=True).values(), key=lambda item: str(item["name"])):
                relative = str(found["name"]).removeprefix(base).lstrip("/")
                name = f"{tracking.name.rstrip('/')}/{relative}" if tracking.name else relative
                entries.append(entry_of(files, found, f"{tracking.uri.rstrip('/')}/{relative}", name))
                tracking.check_count(len(entries))
            return entries

    def fetch(self, entry: ArtifactManifestEntry, target: Path) -> None:  # noqa: D102 — docstring inherited
        uri = str(entry.ref)
        files, path = opened(uri)
        with translated_errors(uri):
            info = files.info(path)
            actual = _digest(files, info)
            if actual != entry.digest and not is_unchecked(entry):
                raise ReferenceChanged(f"file {uri}", expected=entry.digest, actual=actual)
            with files.open(path, "rb") as source:
                copy_stream(source, target)


@contextmanager
def translated_errors(uri: str, *, verb: str = "read") -> Iterator[None]:
    """Errors of file systems as ours.

    Raises:
        ReferenceNotFound: There is nothing.
        CommError: Anything else that a file system says.
    """
    try:
        yield
    except (CommError, ReferenceNotFound):
        raise
    except FileNotFoundError as exc:
        raise ReferenceNotFound(f"there is nothing at {uri}", uri=uri) from exc
    except OSError as exc:
        raise CommError(f"{uri} cannot be {verb}: {exc}") from exc


def opened(uri: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it.

    Raises:
        MissingPackage: Its package is not installed.
    """
    from fsspec.core import url_to_fs  # type: ignore[import-untyped] # it has no types

    scheme, _, _ = split_address(uri)
    try:
        files, path = url_to_fs(uri)
    except (ImportError, ValueError) as exc:  # the second for file systems that were taken out of fsspec
        raise MissingPackage(f"for fsspec's {scheme}", purpose=f"a reference to {scheme}://", install=str(exc)) from exc
    return files, str(path)


def entry_of(files: Any, info: Mapping[str, Any], uri: str, name: str) -> ArtifactManifestEntry:
    """The entry of a file that a file system describes."""
    size = info.get("size")
    return ArtifactManifestEntry(name, _digest(files, info), ref=uri, size=size if isinstance(size, int) else None)


def _digest(files: Any, info: Mapping[str, Any]) -> str:
    for key in _ETAGS:
        if info.get(key):
            return str(info[key]).strip('"')
    for key in _TIMES:
        value = info.get(key)
        if value:
            return f"{info.get('size')}@{_moment(value)}"
    return str(files.ukey(info["name"]))


def _moment(value: Any) -> str:
    """A moment in one form: file systems tell it in one way of a file, and in another of files in a folder."""
    if isinstance(value, int | float):
        value = datetime.fromtimestamp(value, UTC)
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _last(uri: str) -> str:
    return PurePosixPath(uri.rstrip("/")).name
