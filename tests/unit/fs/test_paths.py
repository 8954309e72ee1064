"""Paths of the file systems."""

from __future__ import annotations

import pytest

from kymograph.errors import InvalidName
from kymograph.fs import ArtifactFileSystem, RunFileSystem
from kymograph.fs.paths import ArtifactPath, RunFilePath


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("", (None, None, None, None)),
        ("e", ("e", None, None, None)),
        ("wandbfs://e/p", ("e", "p", None, None)),
        ("wandbfs:///e/p/r/", ("e", "p", "r", None)),
        ("wandbfs:e/p/r/a", ("e", "p", "r", "a")),
        ("/e/p/r/a/b c#d?e%20f", ("e", "p", "r", "a/b c#d?e%20f")),
    ],
)
def test_a_path_of_a_run_file_in_all_its_forms(path: str, parts: tuple[str | None, ...]) -> None:
    assert RunFileSystem.split_path(path) == parts


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("wandbas://", (None,) * 6),
        ("wandbas://e/p/t", ("e", "p", "t", None, None, None)),
        ("e/p/t/n/v3", ("e", "p", "t", "n", "v3", None)),
        ("wandbas:e/p/t/n/best/a/b", ("e", "p", "t", "n", "best", "a/b")),
        ("wandbas://e/p/n:best", ("e", "p", None, "n", "best", None)),
        ("e/p/n:v0/a/b:c", ("e", "p", None, "n", "v0", "a/b:c")),
    ],
)
def test_a_path_of_an_artifact_in_all_its_forms(path: str, parts: tuple[str | None, ...]) -> None:
    assert ArtifactFileSystem.split_path(path) == parts


@pytest.mark.parametrize("path", ["e/../f", "e/p/r/..", "./e", "e//p", "e/p/r/a/./b"])
def test_a_path_that_could_mean_another_place_is_refused(path: str) -> None:
    for kind in (RunFileSystem, ArtifactFileSystem):
        with pytest.raises(InvalidName):
            kind.split_path(path)


def test_a_path_is_written_as_it_was_read() -> None:
    for text in ("", "e", "e/p/r/a/b"):
        assert str(RunFilePath.parse(text)) == text
    for text in ("e/p/t", "e/p/t/n/v1/a", "e/p/n:v1/a/b"):
        assert str(ArtifactPath.parse(text)) == text


def test_forms_that_fsspec_asks_for() -> None:
    assert RunFileSystem._strip_protocol(["wandbfs://e/p/", "e"]) == ["e/p", "e"]
    assert RunFileSystem._parent("wandbfs://e/p/r") == "e/p"
    assert RunFileSystem._parent("e") == ""
    fs = RunFileSystem(base_url="http://localhost:1", skip_instance_cache=True)
    assert fs.unstrip_protocol("e/p") == "wandbfs://e/p"
    assert fs.unstrip_protocol("wandbfs://e/p") == "wandbfs://e/p"
