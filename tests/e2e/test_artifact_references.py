"""What lies elsewhere, from logging to download, through our server: both clients, with real places."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import NEWEST
from tests.e2e.fixtures import ClientFactory
from tests.e2e.server import ServerProcess
from tests.e2e.training import Training
from tests.e2e.web_files import WebFiles, web_files

HEAD = """
import json, os, pathlib, sys
import IMPORT
seen = {}
def tell():
    pathlib.Path("seen.json").write_text(json.dumps(seen))
def refused(call):
    try:
        call()
    except Exception as exc:
        return type(exc).__name__ + ": " + str(exc)
    return None
"""
Runner = Callable[..., Any]


@pytest.fixture
def web() -> Iterator[WebFiles]:
    with web_files() as found:
        yield found


@pytest.fixture(params=["ours", "theirs"])
def run(
    request: pytest.FixtureRequest, server: ServerProcess, make_client: ClientFactory, tmp_path: Path, project: str
) -> Runner:
    """Runs a script with one of the clients; each time with an empty cache. Gives what it tells."""
    numbers = iter(range(100))

    def run(script: str, *arguments: str, **environment: str) -> Any:
        home = tmp_path / f"home{next(numbers)}"
        given = {
            "WANDB_PROJECT": project.split("/")[1],
            "WANDB_ENTITY": "admin",
            "WANDB_CONSOLE": "off",
            "WANDB_CACHE_DIR": str(home / "cache"),
            "WANDB_DATA_DIR": str(home / "data"),
            **environment,
        }
        if request.param == "ours":
            Training(home, url=server.url).run(
                HEAD.replace("IMPORT", "kymograph as wandb") + script, *arguments, environment=given
            )
        else:
            client = make_client(NEWEST)
            home = client.home
            given = {**given, "WANDB_CACHE_DIR": str(home / f"cache-{next(numbers)}")}
            client.run(HEAD.replace("IMPORT", "wandb") + script, *arguments, environment=given)
        return json.loads((home / "seen.json").read_text())

    return run


LOG_WEB = """
with wandb.init() as run:
    artifact = wandb.Artifact("web", "dataset")
    artifact.add_reference(sys.argv[1] + "/large.bin")
    artifact.add_reference(sys.argv[1] + "/small.txt?version=1", name="folder/named.txt")
    artifact.add_reference(sys.argv[1] + "/unchecked.txt", checksum=False)
    run.log_artifact(artifact).wait()
    seen["version"] = artifact.version
    seen["files"] = {path: [entry.size, entry.extra.get("etag"), entry.ref] for path, entry in
                     artifact.manifest.entries.items()}
tell()
"""
FETCH_WEB = """
with wandb.init() as run:
    artifact = run.use_artifact("web:latest")
    for path in ("large.bin", "folder/named.txt"):
        def fetch():
            local = artifact.get_entry(path).download("there")
            seen[path] = [pathlib.Path(local).stat().st_size, pathlib.Path(local).read_bytes()[-5:].decode()]
        seen["refused " + path] = refused(fetch)
tell()
"""


def test_files_in_the_web_are_what_was_logged_or_refused(run: Runner, web: WebFiles) -> None:
    web.files["/large.bin"] = b"0123456789" * 500_000
    web.files["/small.txt"] = b"small"

    logged = run(LOG_WEB, web.url)
    fetched = run(FETCH_WEB)
    again = run(LOG_WEB, web.url)
    web.files["/small.txt"] = b"other"
    changed = run(FETCH_WEB)
    del web.files["/large.bin"]
    gone = run(FETCH_WEB)
    web.files["/large.bin"] = b"new"
    anew = run(LOG_WEB, web.url)

    size, etag, ref = logged["files"]["large.bin"]
    assert (size, etag.startswith('"'), ref) == (5_000_000, True, f"{web.url}/large.bin")
    assert logged["files"]["unchecked.txt"][1] is None
    assert fetched["large.bin"] == [5_000_000, "56789"]
    assert fetched["folder/named.txt"] == [5, "small"]
    assert (logged["version"], again["version"], anew["version"]) == ("v0", "v0", "v1")
    assert changed["large.bin"] == [5_000_000, "56789"]
    assert changed["refused folder/named.txt"] is not None
    assert gone["refused large.bin"] is not None


LOG_FILES = """
with wandb.init() as run:
    artifact = wandb.Artifact("files", "dataset")
    artifact.add_reference("file://" + sys.argv[1], name="all")
    artifact.add_reference("file://" + sys.argv[1] + "/one.txt")
    run.log_artifact(artifact).wait()
    seen["version"], seen["digest"] = artifact.version, artifact.digest
    seen["files"] = sorted(artifact.manifest.entries)
tell()
"""
FETCH_FILES = """
with wandb.init() as run:
    artifact = run.use_artifact("files:latest")
    seen["refused"] = refused(lambda: artifact.download("there"))
    seen["files"] = {path.relative_to("there").as_posix(): path.read_text()
                     for path in sorted(pathlib.Path("there").rglob("*")) if path.is_file()}
tell()
"""


def test_files_on_a_shared_disk_are_what_was_logged_or_refused(run: Runner, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    (shared / "deep").mkdir(parents=True)
    (shared / "one.txt").write_text("one")
    (shared / "deep/two.txt").write_text("two")

    logged = run(LOG_FILES, str(shared))
    fetched = run(FETCH_FILES)
    (shared / "deep/two.txt").write_text("TWO")
    changed = run(FETCH_FILES)
    anew = run(LOG_FILES, str(shared))

    assert logged["files"] == ["all/deep/two.txt", "all/one.txt", "one.txt"]
    assert fetched == {"refused": None, "files": {"all/deep/two.txt": "two", "all/one.txt": "one", "one.txt": "one"}}
    assert changed["refused"] is not None
    assert "all/deep/two.txt" not in changed["files"]
    assert (logged["version"], anew["version"]) == ("v0", "v1")


LOG_SOURCE = """
with wandb.init() as run:
    artifact = wandb.Artifact("source", "dataset")
    for name in ("a.txt", "deep/b.txt"):
        with artifact.new_file(name) as file:
            file.write("content of " + name)
    run.log_artifact(artifact).wait()
tell()
"""
LOG_DEPENDENT = """
with wandb.init() as run:
    source = run.use_artifact(sys.argv[1] + "/source:v0")
    artifact = wandb.Artifact("dependent", "dataset")
    artifact.add_reference(source.get_entry("a.txt"), "linked.txt")
    artifact.add_reference(source.get_entry("deep/b.txt"))
    run.log_artifact(artifact).wait()
    further = wandb.Artifact("further", "dataset")
    further.add_reference(artifact.get_entry("linked.txt"), "twice.txt")
    run.log_artifact(further).wait()
    seen["files"] = {path: entry.ref.split(":")[0] for path, entry in artifact.manifest.entries.items()}
    seen["digests"] = [artifact.manifest.entries["linked.txt"].digest == source.manifest.entries["a.txt"].digest,
                       further.manifest.entries["twice.txt"].ref == artifact.manifest.entries["linked.txt"].ref]
tell()
"""
FETCH_DEPENDENT = """
with wandb.init() as run:
    for name in ("dependent", "further"):
        folder = pathlib.Path(run.use_artifact(sys.argv[1] + "/" + name + ":latest").download(name))
        for path in sorted(folder.rglob("*.txt")):
            seen[name + "/" + path.relative_to(folder).as_posix()] = path.read_text()
tell()
"""
DELETE_SOURCE = """
with wandb.init() as run:
    run.use_artifact(sys.argv[1] + "/source:v0").delete(delete_aliases=True)
    seen["gone"] = refused(lambda: run.use_artifact(sys.argv[1] + "/source:v0"))
tell()
"""


def test_files_of_an_artifact_in_another_project_are_found_even_when_it_was_deleted(run: Runner, project: str) -> None:
    elsewhere = f"{project.split('/')[1]}-dependent"

    run(LOG_SOURCE)
    logged = run(LOG_DEPENDENT, project, WANDB_PROJECT=elsewhere)
    fetched = run(FETCH_DEPENDENT, f"admin/{elsewhere}", WANDB_PROJECT=f"{elsewhere}-reader")
    deleted = run(DELETE_SOURCE, project)
    again = run(FETCH_DEPENDENT, f"admin/{elsewhere}", WANDB_PROJECT=f"{elsewhere}-reader")

    assert logged == {
        "files": {"linked.txt": "wandb-artifact", "b.txt": "wandb-artifact"},
        "digests": [True, True],
    }
    assert fetched == {
        "dependent/b.txt": "content of deep/b.txt",
        "dependent/linked.txt": "content of a.txt",
        "further/twice.txt": "content of a.txt",
    }
    assert deleted["gone"] is not None
    assert again == fetched
