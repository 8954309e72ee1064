"""What artifacts are made of: the newest client builds the same ones, and manifests and digests must be equal."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from kymograph.sdk import media
from kymograph.sdk.artifacts.artifact import Artifact
from tests.e2e import artifact_cases
from tests.e2e.client import NEWEST, Client

FACE = SimpleNamespace(Artifact=Artifact, data_types=media, **{name: getattr(media, name) for name in media.__all__})
SCRIPT = f"""
import pathlib, sys
sys.path.insert(0, {str(Path(artifact_cases.__file__).parent)!r})
import artifact_cases, wandb
report(artifact_cases.described(wandb, pathlib.Path(sys.argv[1]), sys.argv[2]))
"""


class _Files(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        if "tagged" in self.path:
            self.send_header("ETag", '"the-tag"')
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"12345")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Files) as found:
        Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_address[1]}"
        found.shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("files")
    artifact_cases.make_files(made)
    return made


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory, folder: Path, server: str) -> Any:
    client = Client(NEWEST, tmp_path_factory.mktemp("theirs"), url="http://127.0.0.1:9", key="0" * 40)
    return client.run(SCRIPT, str(folder), server, environment={"WANDB_MODE": "offline"}).reported


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, folder: Path, server: str) -> Iterator[dict[str, Any]]:
    home = tmp_path_factory.mktemp("ours")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_CACHE_DIR", str(home / "cache"))
        patch.setenv("WANDB_DATA_DIR", str(home / "data"))
        yield artifact_cases.described(FACE, folder, server)


@pytest.mark.parametrize("algorithm", artifact_cases.ALGORITHMS)
@pytest.mark.parametrize("case", list(artifact_cases.artifacts(FACE, Path(), "")))
def test_the_manifest_is_that_of_the_client(theirs: Any, ours: Any, case: str, algorithm: str) -> None:
    [digest, manifest, size] = ours[f"{case} {algorithm}"]
    [their_digest, their_manifest, their_size] = theirs[f"{case} {algorithm}"]

    assert manifest["contents"] == their_manifest["contents"]
    assert (digest, size) == (their_digest, their_size)
    assert {**manifest, "contents": {}} == {**their_manifest, "contents": {}}
