from __future__ import annotations

import os
import random
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from kymograph.client import fetching
from kymograph.core.digest import DigestAlgorithm, Hasher, digest_of, new_hasher
from kymograph.errors import ArtifactNotFound, DigestMismatch, InvalidArtifact, ReferenceNotFound
from kymograph.sdk import notices
from kymograph.sdk.artifacts.artifact import Artifact
from tests.unit.sdk.artifacts.version_server import VersionServer, md5

FILES = {"a.txt": b"first", "sub/b.txt": b"second", "sub/deep/c": b"", "same.txt": b"first"}


@pytest.fixture
def server() -> VersionServer:
    return VersionServer(FILES)


@pytest.fixture
def artifact(server: VersionServer, tmp_path: Path) -> Artifact:
    return server.artifact(tmp_path)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_files_come(artifact: Artifact, tmp_path: Path) -> None:
    folder = artifact.download(tmp_path / "there")

    assert folder == str(tmp_path / "there")
    assert contents(Path(folder)) == FILES


def test_what_is_there_is_neither_asked_for_nor_hashed(
    artifact: Artifact, server: VersionServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact.download(tmp_path / "there")
    before = dict(server.asked)
    hashed: list[str] = []
    monkeypatch.setattr("kymograph.sdk.artifacts.download.hash_file", lambda path, _how: hashed.append(path))

    artifact.download(tmp_path / "there")

    assert (dict(server.asked), hashed) == (before, [])


def test_a_file_that_was_changed_comes_again_and_others_stay(
    artifact: Artifact, server: VersionServer, tmp_path: Path
) -> None:
    folder = Path(artifact.download(tmp_path / "there"))
    (folder / "a.txt").write_bytes(b"other")
    (folder / "mine.txt").write_bytes(b"mine")
    server.urls_asked.clear()

    artifact.download(folder)

    assert contents(folder) == {**FILES, "mine.txt": b"mine"}
    assert server.urls_asked == []  # the cache had it


def test_changing_a_downloaded_file_does_not_change_the_cache(artifact: Artifact, tmp_path: Path) -> None:
    folder = Path(artifact.download(tmp_path / "there"))
    with (folder / "a.txt").open("r+b") as file:
        file.write(b"FIRST")

    artifact.download(tmp_path / "again")

    assert (tmp_path / "again/a.txt").read_bytes() == b"first"


def test_another_folder_is_filled_from_the_cache(artifact: Artifact, server: VersionServer, tmp_path: Path) -> None:
    artifact.download(tmp_path / "there")
    asked = server.asked["file"]

    artifact.download(tmp_path / "elsewhere")

    assert contents(tmp_path / "elsewhere") == FILES
    assert (server.asked["file"], len(server.urls_asked)) == (asked, 1)


def test_addresses_are_asked_for_by_pages(
    artifact: Artifact, server: VersionServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_ARTIFACT_FETCH_FILE_URL_BATCH_SIZE", "3")

    artifact.download(tmp_path / "there", skip_cache=True)

    assert server.urls_asked == [3, 1]
    assert not (tmp_path / "cache" / "obj").exists()


def test_a_server_that_knows_no_entries_is_asked_for_all_addresses(
    artifact: Artifact, server: VersionServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_ARTIFACT_FETCH_FILE_URL_BATCH_SIZE", "2")
    server.knows_entries = False

    artifact.download(tmp_path / "there")

    assert contents(tmp_path / "there") == FILES


@pytest.mark.parametrize(
    ("prefix", "names"),
    [("su", ["sub/b.txt", "sub/deep/c"]), ("*.txt", ["a.txt", "same.txt", "sub/b.txt"]), ("absent", [])],
)
def test_a_prefix_or_pattern_chooses(artifact: Artifact, tmp_path: Path, prefix: str, names: list[str]) -> None:
    artifact.download(tmp_path / "there", path_prefix=prefix)

    assert sorted(contents(tmp_path / "there")) == names


def test_a_folder_in_the_place_of_a_file_is_left_with_a_warning(
    artifact: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notices.forget()
    (tmp_path / "there/a.txt").mkdir(parents=True)
    (tmp_path / "there/sub").write_bytes(b"a file")

    artifact.download(tmp_path / "there")

    said = capsys.readouterr().err
    assert "'a.txt' as there is a directory with the same path, skipping" in said
    assert "'sub/b.txt' as there is a file with the same path as a directory" in said
    assert contents(tmp_path / "there") == {"same.txt": b"first", "sub": b"a file"}


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_nothing_is_written_through_a_link_that_leads_out(artifact: Artifact, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "there/sub").symlink_to(tmp_path / "outside")

    with pytest.raises(InvalidArtifact, match="leads out of"):
        artifact.download(tmp_path / "there")

    assert contents(tmp_path / "outside") == {}


def test_content_that_is_not_what_was_promised_is_refused(
    artifact: Artifact, server: VersionServer, tmp_path: Path
) -> None:
    server.contents[md5(b"first")] = b"FIRST"

    with pytest.raises(DigestMismatch):
        artifact.download(tmp_path / "there")

    assert not (tmp_path / "there/a.txt").exists()


def test_failures_of_a_server_only_delay(
    artifact: Artifact, server: VersionServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching.Fetcher.__init__, "__kwdefaults__", {**_defaults(), "sleep": lambda _s: None})
    chance = random.Random(1)

    def unwell(request: httpx.Request) -> httpx.Response | None:
        if not request.url.path.startswith("/blob/"):
            return None
        fate = chance.random()
        if fate < 0.2:
            raise httpx.ReadError("reset")
        return httpx.Response(503) if fate < 0.5 else None

    server.failure = unwell

    artifact.download(tmp_path / "there")

    assert contents(tmp_path / "there") == FILES


def test_an_address_that_has_expired_is_asked_for_again(
    artifact: Artifact, server: VersionServer, tmp_path: Path
) -> None:
    refusals = iter([True])

    def expired(request: httpx.Request) -> httpx.Response | None:
        is_meant = request.url.path.startswith("/blob/") and next(refusals, False)
        return httpx.Response(403) if is_meant else None

    server.failure = expired

    artifact.download(tmp_path / "there")

    assert contents(tmp_path / "there") == FILES


def test_a_large_file_comes_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PART_BYTES", 100)
    monkeypatch.setattr(fetching, "PARTS_FROM_BYTES", 1_000)
    content = random.Random(0).randbytes(1_250)
    server = VersionServer({"large": content, "small": b"s"})

    server.artifact(tmp_path).download(tmp_path / "there")

    assert contents(tmp_path / "there") == {"large": content, "small": b"s"}
    assert server.asked["file"] == 14


@pytest.mark.parametrize("multipart", [True, False])
def test_large_content_is_checked_by_what_the_server_states_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, multipart: bool
) -> None:
    monkeypatch.setattr(fetching, "PART_BYTES", 100)
    content = random.Random(0).randbytes(1_250)
    server = VersionServer({"large": content})
    stated = digest_of(content, DigestAlgorithm.XXH128)
    server.stated[md5(content)] = stated
    used: set[DigestAlgorithm] = set()

    def noted(algorithm: DigestAlgorithm) -> Hasher:
        used.add(algorithm)
        return new_hasher(algorithm)

    monkeypatch.setattr(fetching, "new_hasher", noted)

    server.artifact(tmp_path / "1").download(tmp_path / "there", multipart=multipart)
    assert contents(tmp_path / "there") == {"large": content}
    assert used == {DigestAlgorithm.XXH128}

    server.contents[md5(content)] = content[:-1] + b"x"
    with pytest.raises(DigestMismatch, match=re.escape(stated)):
        server.artifact(tmp_path / "2").download(tmp_path / "elsewhere", multipart=multipart)
    assert contents(tmp_path / "elsewhere") == {}


def test_parts_are_a_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PART_BYTES", 100)
    server = VersionServer({"large": bytes(250)})

    server.artifact(tmp_path / "1").download(tmp_path / "there", multipart=True)
    server.artifact(tmp_path / "2").download(tmp_path / "elsewhere", multipart=False)

    assert server.asked["file"] == 3 + 1


def test_references_that_lead_nowhere_fail_unless_that_is_allowed(tmp_path: Path) -> None:
    server = VersionServer({"a": b"a"}, refs={"gone": f"file://{tmp_path}/absent"})
    artifact = server.artifact(tmp_path)

    with pytest.raises(ReferenceNotFound):
        artifact.download(tmp_path / "there")
    artifact.download(tmp_path / "there", allow_missing_references=True)

    assert contents(tmp_path / "there") == {"a": b"a"}


def test_one_entry_comes_alone(artifact: Artifact, server: VersionServer, tmp_path: Path) -> None:
    path = artifact.get_entry("sub/b.txt").download(tmp_path / "there")

    assert Path(path).read_bytes() == b"second"
    assert server.urls_asked == [1]


def test_a_checkout_deletes_what_is_not_in_the_version(artifact: Artifact, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/mine.txt").write_bytes(b"mine")

    artifact.checkout(str(tmp_path / "there"))

    assert contents(tmp_path / "there") == FILES


def test_verifying_tells_other_files_and_other_content(artifact: Artifact, tmp_path: Path) -> None:
    folder = Path(artifact.download(tmp_path / "there"))
    artifact.verify(str(folder))
    (folder / "a.txt").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"Digest mismatch for file: a\.txt"):
        artifact.verify(str(folder))
    (folder / "more").write_bytes(b"")
    with pytest.raises(ValueError, match="more which is not a member of artifact data:v3"):
        artifact.verify(str(folder))


def test_only_a_single_file_is_the_file(artifact: Artifact, tmp_path: Path) -> None:
    single = VersionServer({"a.bin": b"x"}).artifact(tmp_path / "2")

    assert Path(single.file(str(tmp_path / "there"))).read_bytes() == b"x"
    with pytest.raises(ValueError, match="more than one file"):
        artifact.file()


def test_a_file_that_the_server_has_no_address_for_is_named(
    artifact: Artifact, server: VersionServer, tmp_path: Path
) -> None:
    def forgetful(request: httpx.Request) -> httpx.Response | None:
        if b"ByManifestEntries" not in request.content:
            return None
        return httpx.Response(200, json={"data": {"artifact": {"filesByManifestEntries": {"edges": []}}}})

    server.failure = forgetful

    with pytest.raises(ArtifactNotFound, match=r"a\.txt of data:v3"):
        artifact.download(tmp_path / "there")


def _defaults() -> dict[str, Any]:
    return dict(fetching.Fetcher.__init__.__kwdefaults__ or {})
