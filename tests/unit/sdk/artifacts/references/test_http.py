"""References to files on web servers: a real one, with ETags, ranges, redirections and broken connections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from kymograph.errors import CommError, InvalidReference, ReferenceChanged, ReferenceNotFound, Unreachable
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.references.base import Tracking
from kymograph.sdk.artifacts.references.http import MAX_ATTEMPTS, HttpHandler

CONTENT = bytes(range(256)) * 4096


@dataclass
class Site:
    """What a server has, and what it was asked."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    breaks_after: list[int] = field(default_factory=list)
    """How many bytes each of the next answers has before its connection breaks."""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Path and range of each request."""


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site(files={"/file.bin": CONTENT}, etags={"/file.bin": '"tag-1"'})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            found.asked.append((self.path, wanted))
            if self.path in found.redirects:
                self.send_response(302)
                self.send_header("Location", found.redirects[self.path])
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content = found.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            etag = found.etags.get(self.path)
            start = 0
            if wanted and self.headers.get("If-Range") == etag:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
            body = content[start:]
            # Decided before the client hears anything: it may hang up after the headers, and the test go on.
            sent = body[: found.breaks_after.pop(0)] if found.breaks_after else body
            self.send_response(206 if start else 200)
            if etag:
                self.send_header("ETag", etag)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        found.address = f"http://127.0.0.1:{server.server_address[1]}"
        yield found
        server.shutdown()


@pytest.fixture
def handler() -> HttpHandler:
    return HttpHandler()


def track(handler: HttpHandler, uri: str, **more: Any) -> ArtifactManifestEntry:
    [entry] = handler.track(Tracking(uri, **more))
    return entry


def test_a_file_is_known_by_its_etag(site: Site, handler: HttpHandler) -> None:
    uri = f"{site.address}/file.bin"

    assert track(handler, uri) == ArtifactManifestEntry(
        "file.bin", "tag-1", ref=uri, size=len(CONTENT), extra={"etag": '"tag-1"'}
    )
    assert track(handler, uri, name="x/y").path == "x/y"


def test_without_an_etag_the_address_stands_for_it(site: Site, handler: HttpHandler) -> None:
    del site.etags["/file.bin"]
    uri = f"{site.address}/file.bin"

    assert (track(handler, uri).digest, track(handler, uri).extra) == (uri, {})


def test_an_unchecked_file_is_not_asked_for(site: Site, handler: HttpHandler) -> None:
    entry = track(handler, f"{site.address}/nothing", checksum=False)

    assert (entry.digest, entry.size, site.asked) == (entry.ref, None, [])


def test_content_is_fetched(site: Site, handler: HttpHandler, tmp_path: Path) -> None:
    handler.fetch(track(handler, f"{site.address}/file.bin"), tmp_path / "deep" / "target")

    assert (tmp_path / "deep" / "target").read_bytes() == CONTENT


def test_content_that_changed_is_not_fetched(site: Site, handler: HttpHandler, tmp_path: Path) -> None:
    entry = track(handler, f"{site.address}/file.bin")
    site.etags["/file.bin"] = '"tag-2"'
    with pytest.raises(ReferenceChanged, match=r"Digest mismatch for url .*: expected 'tag-1' but found 'tag-2'"):
        handler.fetch(entry, tmp_path / "target")

    assert list(tmp_path.glob("*target*")) == []


def test_a_broken_connection_is_taken_up_where_it_broke(site: Site, handler: HttpHandler, tmp_path: Path) -> None:
    entry = track(handler, f"{site.address}/file.bin")
    site.breaks_after = [300_000, 200_000]
    handler.fetch(entry, tmp_path / "target")

    assert (tmp_path / "target").read_bytes() == CONTENT
    ranges = [wanted for _, wanted in site.asked[1:]]
    assert ranges[0] is None
    assert all(wanted is not None for wanted in ranges[1:])


def test_a_file_that_changes_between_two_parts_is_not_put_together(
    site: Site, handler: HttpHandler, tmp_path: Path
) -> None:
    entry = track(handler, f"{site.address}/file.bin")
    site.breaks_after = [1000]

    class Changing(dict[str, str]):
        def get(self, key: str, default: Any = None) -> Any:
            return '"tag-1"' if len(site.asked) <= 2 else '"tag-2"'

    site.etags = Changing()
    with pytest.raises(ReferenceChanged):
        handler.fetch(entry, tmp_path / "target")


def test_a_connection_that_always_breaks_is_given_up(site: Site, handler: HttpHandler, tmp_path: Path) -> None:
    entry = track(handler, f"{site.address}/file.bin")
    site.breaks_after = [10] * 10
    with pytest.raises(Unreachable):
        handler.fetch(entry, tmp_path / "target")

    assert len(site.asked) == 1 + MAX_ATTEMPTS


def test_redirections_are_followed_and_not_tracked(site: Site, handler: HttpHandler) -> None:
    site.redirects["/old"] = "/file.bin"
    entry = track(handler, f"{site.address}/old")

    assert (entry.ref, entry.digest, entry.path) == (f"{site.address}/old", "tag-1", "old")


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.com/x", "gopher://x/"])
def test_a_redirection_to_another_scheme_is_refused(site: Site, handler: HttpHandler, target: str) -> None:
    site.redirects["/old"] = target
    with pytest.raises((InvalidReference, CommError)):
        track(handler, f"{site.address}/old")


def test_a_redirection_away_from_encryption_is_refused() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"Location": "http://example.com/x"})

    with pytest.raises(InvalidReference, match="from https to http is refused"):
        track(HttpHandler(transport=httpx.MockTransport(answer)), "https://example.com/x")


def test_a_redirection_to_encryption_is_followed() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.scheme == "http":
            return httpx.Response(301, headers={"Location": "https://example.com/x"})
        return httpx.Response(200, headers={"ETag": '"t"'}, content=b"x")

    assert track(HttpHandler(transport=httpx.MockTransport(answer)), "http://example.com/x").digest == "t"


def test_redirections_in_a_circle_end(site: Site, handler: HttpHandler) -> None:
    site.redirects["/a"] = "/a"
    with pytest.raises(InvalidReference, match="redirects more than 10 times"):
        track(handler, f"{site.address}/a")


def test_what_is_not_there_is_told(site: Site, handler: HttpHandler) -> None:
    with pytest.raises(ReferenceNotFound):
        track(handler, f"{site.address}/nothing")
    with pytest.raises(CommError, match="no answer"):
        track(handler, "http://127.0.0.1:1/x")
