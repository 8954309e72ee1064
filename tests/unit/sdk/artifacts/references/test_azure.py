"""References to blobs of Azure: Azure's own client, against a small server of its REST interface.

Its emulator needs Node and minutes to install; the server here answers the requests that are sent (properties, a
listing, a content) with the headers and documents of the service's reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from kymograph.errors import InvalidReference, ReferenceChanged, ReferenceNotFound
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.references.azure import AzureHandler, parse_address
from kymograph.sdk.artifacts.references.base import Tracking

ACCOUNT = "https://account.blob.core.windows.net"
MODIFIED = "Wed, 09 Sep 2026 09:09:09 GMT"


@dataclass
class Blob:
    content: bytes
    version: str
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return f"0x{self.version}"


@dataclass
class Service:
    """Blobs of the container ``c``: name → versions, the newest last."""

    blobs: dict[str, list[Blob]] = field(default_factory=dict)
    address: str = ""
    has_versions: bool = True
    credentials: list[Any] = field(default_factory=list)

    def put(self, name: str, content: bytes, **metadata: str) -> Blob:
        held = self.blobs.setdefault(name, [])
        held.append(Blob(content, f"v{sum(map(len, self.blobs.values()))}", metadata))
        return held[-1]

    def listing(self, prefix: str, *, all_versions: bool) -> bytes:
        blobs = "".join(
            f"<Blob><Name>{escape(name)}</Name><VersionId>{blob.version}</VersionId>"
            f"<Properties><Etag>{blob.etag}</Etag><Content-Length>{len(blob.content)}</Content-Length>"
            f"<Last-Modified>{MODIFIED}</Last-Modified><BlobType>BlockBlob</BlobType></Properties><Metadata>"
            + "".join(f"<{key}>{value}</{key}>" for key, value in blob.metadata.items())
            + "</Metadata></Blob>"
            for name, held in sorted(self.blobs.items())
            for blob in (held if all_versions else held[-1:])
            if name.startswith(prefix)
        )
        return (
            f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="c"><Blobs>{blobs}</Blobs>'
            "<NextMarker/></EnumerationResults>"
        ).encode()


@pytest.fixture
def service() -> Iterator[Service]:
    found = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer_blob(with_body=False)

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            if query.get("comp") == ["list"]:
                prefix = query.get("prefix", [""])[0]
                wants_all = "versions" in query.get("include", [""])[0]
                content = found.listing(prefix, all_versions=wants_all)
                self.send_response(200)
                self.send_header("Content-Type", "application/xml")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            else:
                self.answer_blob(with_body=True)

        def answer_blob(self, *, with_body: bool) -> None:
            parts = urlsplit(self.path)
            wanted = parse_qs(parts.query).get("versionid")
            held = found.blobs.get(unquote(parts.path).removeprefix("/account/c/"), [])
            matching = [blob for blob in held if wanted is None or blob.version == wanted[0]]
            if not matching:
                self.send_response(404)
                self.send_header("x-ms-error-code", "BlobNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            blob = matching[-1]
            self.send_response(206 if with_body else 200)
            self.send_header("ETag", f'"{blob.etag}"')
            self.send_header("Last-Modified", MODIFIED)
            self.send_header("x-ms-blob-type", "BlockBlob")
            if found.has_versions:
                self.send_header("x-ms-version-id", blob.version)
            for key, value in blob.metadata.items():
                self.send_header(f"x-ms-meta-{key}", value)
            if with_body:
                self.send_header("Content-Range", f"bytes 0-{len(blob.content) - 1}/{len(blob.content)}")
            self.send_header("Content-Length", str(len(blob.content)))
            self.end_headers()
            if with_body:
                self.wfile.write(blob.content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        found.address = f"http://127.0.0.1:{server.server_address[1]}/account"
        yield found
        server.shutdown()


@pytest.fixture
def handler(service: Service) -> AzureHandler:
    from azure.storage.blob import BlobServiceClient

    def connect(account: str, credential: Any) -> Any:
        service.credentials.append((account, credential))
        return BlobServiceClient(service.address, credential={"account_name": "account", "account_key": "a2V5"})

    return AzureHandler({ACCOUNT: "the key"}, connect=connect)


def track(handler: AzureHandler, blob: str, **more: Any) -> list[ArtifactManifestEntry]:
    return handler.track(Tracking(f"{ACCOUNT}/c/{blob}", **more))


def test_a_blob_is_known_by_etag_and_version(service: Service, handler: AzureHandler) -> None:
    blob = service.put("d/a.txt", b"hello")

    assert track(handler, "d/a.txt") == [
        ArtifactManifestEntry(
            "a.txt",
            blob.etag,
            ref=f"{ACCOUNT}/c/d/a.txt",
            size=5,
            extra={"etag": blob.etag, "versionID": blob.version},
        )
    ]
    assert track(handler, "d/a.txt", name="x")[0].path == "x"
    assert service.credentials == [(ACCOUNT, "the key")], "one connection, with the key of the settings"


def test_a_version_is_tracked_and_has_to_be_there(service: Service, handler: AzureHandler) -> None:
    old = service.put("a", b"one")
    service.put("a", b"second")

    assert track(handler, f"a?versionId={old.version}")[0].size == 3
    with pytest.raises(ReferenceNotFound, match="there is no version"):
        track(handler, "a?versionId=none")


def test_a_folder_gives_an_entry_for_each_blob(
    service: Service, handler: AzureHandler, capsys: pytest.CaptureFixture[str]
) -> None:
    service.put("d", b"", hdi_isfolder="true")
    service.put("d/e", b"", hdi_isfolder="true")
    for name in ("d/a", "d/e/b", "dx"):
        service.put(name, b"x")

    assert {entry.path: entry.ref for entry in track(handler, "d")} == {
        "a": f"{ACCOUNT}/c/d/a",
        "e/b": f"{ACCOUNT}/c/d/e/b",
    }
    assert [entry.path for entry in track(handler, "d", name="n")] == ["n/a", "n/e/b"]
    assert [entry.path for entry in track(handler, "d", max_objects=1)] == ["a"]
    assert "Found more than 1 objects under path" in capsys.readouterr().err


def test_content_is_fetched_by_its_version(service: Service, handler: AzureHandler, tmp_path: Path) -> None:
    service.put("a", b"one")
    [entry] = track(handler, "a")
    service.put("a", b"two")
    handler.fetch(entry, tmp_path / "target")

    assert (tmp_path / "target").read_bytes() == b"one"


def test_an_older_version_is_found_by_its_etag(service: Service, handler: AzureHandler, tmp_path: Path) -> None:
    service.put("a", b"one")
    [entry] = track(handler, "a")
    service.put("a", b"two")
    del entry.extra["versionID"]
    handler.fetch(entry, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"one"

    entry.digest = "0xother"
    with pytest.raises(ReferenceNotFound, match=r"Couldn't find blob version for .* matching etag 0xother"):
        handler.fetch(entry, tmp_path / "target")


def test_a_version_with_another_etag_is_refused(service: Service, handler: AzureHandler, tmp_path: Path) -> None:
    service.put("a", b"one")
    [entry] = track(handler, "a")
    entry.digest = "0xother"
    with pytest.raises(ReferenceChanged):
        handler.fetch(entry, tmp_path / "target")
    service.blobs.clear()
    with pytest.raises(ReferenceNotFound, match="Unable to find a at"):
        handler.fetch(entry, tmp_path / "target")


def test_accounts_without_versions_are_known_by_etags(service: Service, handler: AzureHandler) -> None:
    service.has_versions = False
    blob = service.put("a", b"one")

    assert track(handler, "a")[0].extra == {"etag": blob.etag}


def test_unchecked_blobs_are_not_asked_for(service: Service, handler: AzureHandler) -> None:
    [entry] = track(handler, "d/a", checksum=False)

    assert (entry.path, entry.digest, service.credentials) == ("d/a", f"{ACCOUNT}/c/d/a", [])


def test_an_address_names_a_container() -> None:
    assert parse_address(f"{ACCOUNT}/c/a%20b?versionId=v") == (ACCOUNT, "c", "a b", "v")
    with pytest.raises(InvalidReference):
        parse_address(ACCOUNT)
