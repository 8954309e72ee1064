"""Files on web servers, known by their ETags: ``http://``, ``https://``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from kymograph import __version__
from kymograph.client.placing import written_whole
from kymograph.errors import CommError, InvalidReference, ReferenceChanged, ReferenceNotFound, Unreachable
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.references.base import Tracking, is_unchecked

if TYPE_CHECKING:
    import httpx

MAX_REDIRECTS = 10
MAX_ATTEMPTS = 4
"""Of one file: a connection that breaks is taken up where it broke, if the server can."""
_TIMEOUT_S = 60.0


class HttpHandler:
    """Files by address. What is tracked is the address that was given, not where it leads to."""

    def __init__(self, *, transport: httpx.BaseTransport | None = None) -> None:
        """Prepare; nothing is asked yet.

        Args:
            transport: Carries the requests instead of the network.
        """
        self._transport = transport
        self._client: httpx.Client | None = None

    def track(self, tracking: Tracking) -> list[ArtifactManifestEntry]:  # noqa: D102 — docstring inherited
        uri = tracking.uri
        name = uri.rstrip("/").rsplit("/", 1)[-1]
        if not tracking.checksum:
            return [tracking.unchecked(uri, name)]
        with self._opened(uri) as response:
            etag = response.headers.get("ETag")
            size = response.headers.get("Content-Length", "")
            return [
                ArtifactManifestEntry(
                    tracking.name or name,
                    digest_of_answer(response, uri),
                    ref=uri,
                    size=int(size) if size.isdigit() else None,
                    extra={"etag": etag} if etag else {},
                )
            ]

    def fetch(self, entry: ArtifactManifestEntry, target: Path) -> None:  # noqa: D102 — docstring inherited
        with written_whole(target) as file:
            for attempt in range(MAX_ATTEMPTS):
                try:
                    self._continue(entry, file)
                except Unreachable:
                    if attempt + 1 == MAX_ATTEMPTS:
                        raise
                else:
                    return

    def _continue(self, entry: ArtifactManifestEntry, file: BinaryIO) -> None:
        """Write what is missing of a content.

        Raises:
            Unreachable: The connection broke; what was written is right as far as it goes.
        """
        import httpx

        uri = str(entry.ref)
        done = file.tell()
        etag = entry.extra.get("etag")
        headers = {"Range": f"bytes={done}-", "If-Range": etag} if done and etag else {}
        with self._opened(uri, headers=headers) as response:
            actual = digest_of_answer(response, uri)
            if actual != entry.digest and not is_unchecked(entry):
                raise ReferenceChanged(f"url {uri!r}", expected=entry.digest, actual=actual)
            if response.status_code != httpx.codes.PARTIAL_CONTENT:
                file.seek(0)
                file.truncate()
            try:
                for piece in response.iter_raw():  # as it comes: gathered pieces would be lost when it breaks
                    file.write(piece)
            except httpx.HTTPError as exc:
                raise Unreachable(uri, problem=str(exc) or type(exc).__name__) from exc

    @contextmanager
    def _opened(self, uri: str, *, headers: dict[str, str] | None = None) -> Iterator[httpx.Response]:
        """The beginning of an answer, after redirections.

        Raises:
            InvalidReference: A redirection leads to another scheme, or there are too many.
            ReferenceNotFound: There is nothing.
            CommError: The server says something else is wrong.
            Unreachable: There is no server.
        """
        import httpx

        client = self._connected()
        url = httpx.URL(uri)
        for _ in range(MAX_REDIRECTS + 1):
            # As it is: a compressed answer has another length, and often another ETag.
            request = client.build_request("GET", url, headers={"Accept-Encoding": "identity", **(headers or {})})
            try:
                response = client.send(request, stream=True)
            except httpx.HTTPError as exc:
                raise Unreachable(uri, problem=str(exc) or type(exc).__name__) from exc
            if response.next_request is None:
                try:
                    _check(response, uri)
                    yield response
                finally:
                    response.close()
                return
            response.close()
            following = response.next_request.url
            if following.scheme != url.scheme and (url.scheme, following.scheme) != ("http", "https"):
                raise InvalidReference(
                    f"{uri} redirects to {following}: from {url.scheme} to {following.scheme} is refused"
                )
            url = following
        raise InvalidReference(f"{uri} redirects more than {MAX_REDIRECTS} times")

    def _connected(self) -> httpx.Client:
        if self._client is None:
            import httpx

            auth: httpx.Auth | None = None
            with suppress(OSError, SyntaxError):  # NetrcParseError is one
                auth = httpx.NetRCAuth()
            self._client = httpx.Client(
                follow_redirects=False,
                timeout=_TIMEOUT_S,
                headers={"User-Agent": f"kymograph/{__version__}"},
                auth=auth,
                transport=self._transport,
            )
        return self._client


def digest_of_answer(response: httpx.Response, uri: str) -> str:
    """The ETag without quotes; the address itself if there is none."""
    etag = response.headers.get("ETag")
    return etag.strip('"') if etag else uri


def _check(response: httpx.Response, uri: str) -> None:
    if response.status_code in (404, 410):
        raise ReferenceNotFound(f"there is nothing at {uri} ({response.status_code})", uri=uri)
    if response.status_code >= 300:
        raise CommError(f"{uri} cannot be read: {response.status_code} {response.reason_phrase}")
