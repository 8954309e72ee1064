"""Names, metadata and paths of artifacts."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.core.artifact_rules import (
    check_aliases,
    check_artifact_name,
    check_artifact_type,
    check_entry_path,
    check_tags,
    check_ttl,
    clean_metadata,
)
from kymograph.core.names import parse_file_path
from kymograph.errors import InvalidArtifact, InvalidValue


@pytest.mark.parametrize("name", ["a", "A-b_c.d", "0" * 128])
def test_names_are_taken(name: str) -> None:
    assert check_artifact_name(name) == name


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a:v0", "ü", "a\n", "a\0"])
def test_other_characters_are_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match="Artifact name may only contain alphanumeric characters, dashes"):
        check_artifact_name(name)


def test_a_long_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Artifact name is longer than 128 characters: 'a+ ...'"):
        check_artifact_name("a" * 129)


@pytest.mark.parametrize(
    ("type_name", "name"), [("job", "x"), ("wandb-history", "x"), ("run_table", "run-x"), ("code", "source-x")]
)
def test_types_of_the_client_itself_are_refused(type_name: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"Artifact type '{type_name}' is reserved for internal use"):
        check_artifact_type(type_name, name)


@pytest.mark.parametrize(("type_name", "name"), [("wandbtype", "x"), ("code", "x"), ("run_table", "x"), ("a b", "x")])
def test_other_types_are_taken(type_name: str, name: str) -> None:
    assert check_artifact_type(type_name, name) == type_name


@pytest.mark.parametrize("type_name", ["", "a/b", "a:b", "x" * 129])
def test_types_that_break_addresses_are_refused(type_name: str) -> None:
    with pytest.raises(InvalidArtifact, match="Artifact type"):
        check_artifact_type(type_name, "x")


def test_an_alias_has_no_separator() -> None:
    assert check_aliases("best") == ["best"]
    with pytest.raises(InvalidArtifact, match="Aliases must not contain any of the following characters: '/', ':'"):
        check_aliases(["best", "a/b"])


def test_tags_are_words_and_come_once() -> None:
    assert check_tags(["b b", "a-1", "b b"]) == ["b b", "a-1"]
    for wrong in ("", " a", "a ", "a/b", "a\n"):
        with pytest.raises(InvalidArtifact, match="Invalid tag"):
            check_tags([wrong])


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (None, {}),
        ("", {}),
        ('{"a": [1, null]}', {"a": [1, None]}),
        ({"a": math.nan, "b": {"c": (1, 2)}}, {"a": None, "b": {"c": [1, 2]}}),
        ({1: "x"}, {"1": "x"}),
    ],
)
def test_metadata_become_plain(given: Any, wanted: Any) -> None:
    assert clean_metadata(given) == wanted


def test_metadata_have_bounds() -> None:
    clean_metadata({str(index): index for index in range(100)})
    with pytest.raises(InvalidArtifact, match="Artifact must not have more than 100 metadata keys"):
        clean_metadata({str(index): index for index in range(101)})
    with pytest.raises(InvalidArtifact, match=r"metadata a.b is inf"):
        clean_metadata({"a": {"b": math.inf}})
    with pytest.raises(InvalidArtifact, match="not JSON"):
        clean_metadata("{")
    with pytest.raises(InvalidValue):
        clean_metadata([1])  # type: ignore[arg-type] # on purpose
    with pytest.raises(TypeError):
        clean_metadata("[1]")


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("file.txt", "file.txt"),
        ("a//b/./c", "a/b/c"),
        ("./a", "a"),
        ("a/..b", "a/..b"),
        (".hidden/x", ".hidden/x"),
        ("ü 1", "ü 1"),
        (Path("nested/file.txt"), "nested/file.txt"),
        (PurePosixPath("a/b"), "a/b"),
        (PureWindowsPath(r"nested\file.txt"), "nested/file.txt"),
    ],
)
def test_paths_are_made_canonical(path: Any, wanted: str) -> None:
    assert check_entry_path(path) == wanted


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "..",
        "../file.txt",
        "nested/../file.txt",
        "/file.txt",
        "//server/share/file.txt",
        r"\file.txt",
        r"C:\file.txt",
        r"C:file.txt",
        r"a\..\b",
        "a\0b",
        "a\nb",
        "x" * 1025,
        PurePosixPath("/file.txt"),
        PureWindowsPath(r"..\file.txt"),
        PureWindowsPath(r"C:\file.txt"),
    ],
)
def test_paths_that_could_leave_their_folder_are_refused(path: Any) -> None:
    with pytest.raises(ValueError, match="Invalid artifact path"):
        check_entry_path(path)


@given(st.text(alphabet="aB0 _-./:\\\0ü~", max_size=12))
def test_what_is_taken_could_be_stored(path: str) -> None:
    """The short way for plain paths takes nothing that the rules refuse."""
    try:
        checked = check_entry_path(path)
    except InvalidArtifact:
        return

    assert parse_file_path(checked) == checked
    assert check_entry_path(checked) == checked


def test_a_time_to_live_is_positive() -> None:
    assert check_ttl(timedelta(days=2)) == 172_800
    assert check_ttl(timedelta(seconds=0.5)) == 1
    for wrong in (timedelta(0), timedelta(seconds=-1)):
        with pytest.raises(ValueError, match=r"Artifact TTL Duration has to be positive. ttl: "):
            check_ttl(wrong)
