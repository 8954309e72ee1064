"""References to objects of Google Cloud Storage: Google's own client, against a small server of its JSON interface.

No emulator of it is in the package index; the server here answers the three requests that are sent (one object, a
listing, a content) with the fields of the service's reference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from kymograph.errors import CommError, InvalidReference, ReferenceChanged, ReferenceNotFound
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.references.base import Tracking
from kymograph.sdk.artifacts.references.gcs import GcsHandler, parse_address

# Google's package says so of itself when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore:Please install grpcio-status:ImportWarning")


@dataclass
class Service:
    """Objects: name → contents by generation, the newest last."""

    objects: dict[str, dict[int, bytes]] = field(default_factory=dict)
    address: str = ""

    def put(self, name: str, content: bytes) -> int:
        generations = self.objects.setdefault(name, {})
        generations[1000 + sum(map(len, self.objects.values()))] = content
        return max(generations)

    def resource(self, name: str, generation: int) -> dict[str, Any]:
        return {
            "kind": "storage#object",
            "name": name,
            "bucket": "b",
            "generation": str(generation),
            "size": str(len(self.objects[name][generation])),
            "etag": f"etag-{name}-{generation}",
            "mediaLink": f"{self.address}/download/storage/v1/b/b/o/{name}?generation={generation}&alt=media",
        }


@pytest.fixture
def service() -> Iterator[Service]:
    found = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            _, _, name = parts.path.partition("/b/b/o")
            if "/b/b/o" not in parts.path:
                self.send_error(404)
                return
            if not name:
                prefix = query.get("prefix", [""])[0]
                items = [
                    found.resource(key, max(held)) for key, held in found.objects.items() if key.startswith(prefix)
                ]
                self.answer(json.dumps({"kind": "storage#objects", "items": items}).encode())
                return
            held = found.objects.get(unquote(name[1:]), {})
            generation = int(query.get("generation", [max(held, default=0)])[0])
            if generation not in held:
                self.send_error(404)
            elif query.get("alt") == ["media"]:
                self.answer(held[generation])
            else:
                self.answer(json.dumps(found.resource(unquote(name[1:]), generation)).encode())

        def answer(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        found.address = f"http://127.0.0.1:{server.server_address[1]}"
        yield found
        server.shutdown()


@pytest.fixture
def handler(service: Service) -> GcsHandler:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage  # type: ignore[import-untyped] # it has no types

    def connect() -> Any:
        nobody = AnonymousCredentials()  # type: ignore[no-untyped-call] # it has no types
        return storage.Client(project="p", credentials=nobody, client_options={"api_endpoint": service.address})

    return GcsHandler(connect=connect)


def track(handler: GcsHandler, uri: str, **more: Any) -> list[ArtifactManifestEntry]:
    return handler.track(Tracking(uri, **more))


def test_an_object_is_known_by_etag_and_generation(service: Service, handler: GcsHandler) -> None:
    generation = service.put("d/a.txt", b"hello")

    assert track(handler, "gs://b/d/a.txt") == [
        ArtifactManifestEntry(
            "a.txt", f"etag-d/a.txt-{generation}", ref="gs://b/d/a.txt", size=5, extra={"versionID": generation}
        )
    ]
    assert track(handler, "gs://b/d/a.txt", name="x")[0].path == "x"


def test_a_generation_is_tracked_and_has_to_be_there(service: Service, handler: GcsHandler) -> None:
    old = service.put("a", b"one")
    service.put("a", b"second")

    assert track(handler, f"gs://b/a#{old}")[0].size == 3
    with pytest.raises(ReferenceNotFound, match="Object does not exist: gs://b/a#7"):
        track(handler, "gs://b/a#7")


def test_a_prefix_is_a_folder(service: Service, handler: GcsHandler) -> None:
    for name in ("d/", "d/a", "d/e/b", "dx"):
        service.put(name, b"x")

    assert {entry.path: entry.ref for entry in track(handler, "gs://b/d")} == {"a": "gs://b/d/a", "e/b": "gs://b/d/e/b"}
    assert [entry.path for entry in track(handler, "gs://b/d/", name="n")] == ["n/a", "n/e/b"]
    with pytest.raises(InvalidReference, match="Exceeded 1 objects tracked"):
        track(handler, "gs://b/d", max_objects=1)


def test_content_is_fetched_by_its_generation(service: Service, handler: GcsHandler, tmp_path: Path) -> None:
    service.put("a", b"one")
    [entry] = track(handler, "gs://b/a")
    service.put("a", b"two")
    handler.fetch(entry, tmp_path / "target")

    assert (tmp_path / "target").read_bytes() == b"one"


def test_content_that_changed_is_not_fetched(service: Service, handler: GcsHandler, tmp_path: Path) -> None:
    service.put("a", b"one")
    [entry] = track(handler, "gs://b/a")
    service.objects["a"] = {77: b"two"}
    with pytest.raises(ReferenceChanged, match="Digest mismatch for object 'gs://b/a'"):
        handler.fetch(entry, tmp_path / "target")
    del service.objects["a"]
    with pytest.raises(ReferenceNotFound, match="Unable to download object 'gs://b/a' with generation"):
        handler.fetch(entry, tmp_path / "target")


def test_unchecked_objects_are_not_asked_for(handler: GcsHandler) -> None:
    [entry] = GcsHandler(connect=lambda: pytest.fail("asked")).track(Tracking("gs://b/k#12", checksum=False))

    assert (entry.path, entry.digest, entry.ref) == ("k", "gs://b/k", "gs://b/k")


def test_a_bucket_that_is_not_there_is_told(handler: GcsHandler) -> None:
    with pytest.raises((ReferenceNotFound, CommError)):
        track(handler, "gs://other/folder/")


@pytest.mark.parametrize(
    ("uri", "parts"),
    [("gs://b/k", ("b", "k", None)), ("GS://b/a/k#12", ("b", "a/k", 12)), ("gs://b", ("b", "", None)),
     ("gs://b/a#b", ("b", "a#b", None))],
)  # fmt: skip
def test_addresses_are_read(uri: str, parts: tuple[str, str, int | None]) -> None:
    assert parse_address(uri) == parts
