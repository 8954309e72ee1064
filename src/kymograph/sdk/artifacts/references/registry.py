"""Which handler an address is for. Source: seeds.md C.7."""

from __future__ import annotations

import re
from pathlib import Path

from kymograph.client.artifact_cache import ArtifactCache
from kymograph.errors import InvalidReference
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.references.base import ReferenceContext, ReferenceHandler, Tracking
from kymograph.wire.artifact_addresses import ARTIFACT_SCHEME, CLIENT_SCHEME

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_AZURE_HOST = re.compile(r"https://[^/?#]*\.blob\.core\.windows\.net(?=[:/?#]|$)", re.IGNORECASE)


class References:
    """Tracks and fetches what artifacts refer to; keeps connections. Safe to share between threads."""

    def __init__(self, context: ReferenceContext | None = None) -> None:
        """Prepare; nothing is loaded yet."""
        self._context = context or ReferenceContext()
        self._handlers: dict[str, ReferenceHandler] = {}

    def track(self, tracking: Tracking) -> list[ArtifactManifestEntry]:
        """The entries of what is at an address; see `ReferenceHandler.track`.

        Raises:
            InvalidReference: It is no address.
        """
        return self._handler(tracking.uri).track(tracking)

    def fetch(self, entry: ArtifactManifestEntry, target: Path) -> None:
        """Write the content of an entry to a file; see `ReferenceHandler.fetch`."""
        self._handler(str(entry.ref)).fetch(entry, target)

    def fetch_through(self, entry: ArtifactManifestEntry, target: Path, cache: ArtifactCache) -> None:
        """As `fetch`, once for all artifacts that refer to the same content."""
        known = cache.reference_path(str(entry.ref), entry.digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.size and cache.take(known, target, size_bytes=entry.size, may_share=False):
            return
        self.fetch(entry, target)
        if entry.size:  # of unknown size: it could not be told whether it is whole
            cache.keep(known, target, is_ours=False)

    def _handler(self, uri: str) -> ReferenceHandler:
        kind = kind_of(uri)
        if kind not in self._handlers:
            self._handlers[kind] = _make(kind, self._context)
        return self._handlers[kind]


def kind_of(uri: str) -> str:
    """Names the kind of place that an address is in: the name of a module here.

    Raises:
        InvalidReference: It has no scheme.
    """
    found = _SCHEME.match(uri)
    if found is None:
        raise InvalidReference("References must be URIs. To reference a local file, use file://")
    scheme = found[1].lower()
    kind = {
        "s3": "s3",
        "gs": "gcs",
        "http": "http",
        "https": "azure" if _AZURE_HOST.match(uri) else "http",
        ARTIFACT_SCHEME: "artifact",
        CLIENT_SCHEME: "client_artifact",
        "file": "file",
    }.get(scheme)
    if kind is not None:
        return kind
    if "://" in uri:
        from kymograph.sdk.artifacts.references.filesystem import knows_scheme

        if knows_scheme(scheme):
            return "filesystem"
    return "tracking"


def _make(kind: str, context: ReferenceContext) -> ReferenceHandler:
    """A handler; its module is loaded now."""
    if kind == "s3":
        from kymograph.sdk.artifacts.references.s3 import S3Handler

        return S3Handler()
    if kind == "gcs":
        from kymograph.sdk.artifacts.references.gcs import GcsHandler

        return GcsHandler()
    if kind == "azure":
        from kymograph.sdk.artifacts.references.azure import AzureHandler

        return AzureHandler(context.azure_keys)
    if kind == "http":
        from kymograph.sdk.artifacts.references.http import HttpHandler

        return HttpHandler()
    if kind == "file":
        from kymograph.sdk.artifacts.references.file import FileHandler

        return FileHandler()
    if kind == "filesystem":
        from kymograph.sdk.artifacts.references.filesystem import FilesystemHandler

        return FilesystemHandler()
    if kind in ("artifact", "client_artifact"):
        from kymograph.sdk.artifacts.references.artifact import ArtifactHandler, ClientArtifactHandler

        return ArtifactHandler(context) if kind == "artifact" else ClientArtifactHandler(context)
    from kymograph.sdk.artifacts.references.tracking import TrackingHandler

    return TrackingHandler()
