"""Files that are saved with a run, and when a changing one is due."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.errors import InvalidValue, UsageError
from kymograph.sdk.capture.files import LiveFiles, SavedFile, plan_save


@pytest.fixture
def work(tmp_path: Path) -> Path:
    for name in ("these/are/a.txt", "these/are/b.txt", "model[1].h5", "top.txt"):
        path = tmp_path / "work" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "work"


def names(work: Path, *arguments: Any, **options: Any) -> list[str]:
    plan = plan_save(*arguments, cwd=work, **options)
    return [plan.name_of(source) for source in plan.sources]


def test_names_are_relative_to_the_base(work: Path) -> None:
    assert names(work, "these/are/*") == ["these/are/a.txt", "these/are/b.txt"]
    assert names(work, b"top.txt") == ["top.txt"]
    assert names(work, Path("these/are/a.txt"), "these") == ["are/a.txt"]
    assert names(work, work / "these" / "are" / "*.txt", work) == ["these/are/a.txt", "these/are/b.txt"]
    assert names(work, "nothing/*") == []


def test_of_an_absolute_path_one_folder_is_kept(work: Path) -> None:
    plan = plan_save(str(work / "these" / "are" / "a.txt"), cwd=work)

    assert [plan.name_of(source) for source in plan.sources] == ["are/a.txt"]
    assert "base_path" in plan.notes[0]


def test_a_pattern_and_a_name_that_looks_like_one(work: Path) -> None:
    plan = plan_save("model[1].h5", cwd=work)
    assert plan.sources == ()
    assert "glob=False" in plan.notes[0]
    assert names(work, "model[1].h5", glob=False) == ["model[1].h5"]

    plan = plan_save("model*", glob=False, cwd=work)
    assert plan.sources == ()
    assert "pattern" in plan.notes[0]


@pytest.mark.parametrize(
    ("path", "base", "message"),
    [
        ("../x", None, "globs can't walk above base_path"),
        ("these/../../x", "these", "Glob may not walk above the base path"),
        ("thesenot/x", "these", "Glob may not walk above the base path"),
        ("these", "these", "Glob cannot be the same as the base path"),
        ("*", None, "Glob may not start with"),
        ("these/*/a.txt", "these", "Glob may not start with"),
    ],
)
def test_paths_that_lead_elsewhere_are_refused(work: Path, path: str, base: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan_save(path, base, cwd=work)


def test_other_policies_and_types_are_refused(work: Path) -> None:
    with pytest.raises(UsageError, match='Only "live", "end" and "now" policies'):
        plan_save("top.txt", policy="later", cwd=work)
    with pytest.raises(InvalidValue, match="int"):
        plan_save(3, cwd=work)  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["s3://bucket/x", "gs://bucket/*"])
def test_cloud_addresses_are_refused_with_a_note(work: Path, url: str) -> None:
    plan = plan_save(url, cwd=work)

    assert plan.sources == ()
    assert plan.notes[0].startswith(f"{url} is a cloud storage url, can't save file")
    assert plan.place(work / "files") == []


def test_files_are_linked_into_the_run(work: Path, tmp_path: Path) -> None:
    files = tmp_path / "files"
    plan = plan_save("these/are/*", cwd=work)

    saved = plan.place(files)

    assert saved == [
        SavedFile("these/are/a.txt", files / "these/are/a.txt", "live"),
        SavedFile("these/are/b.txt", files / "these/are/b.txt", "live"),
    ]
    assert saved[0].path.is_symlink()
    assert plan.place(files) == saved


def test_without_symlinks_a_hard_link_does(work: Path, tmp_path: Path) -> None:
    saved = plan_save("top.txt", policy="live", cwd=work).place(tmp_path / "files", uses_symlinks=False)

    assert not saved[0].path.is_symlink()
    assert saved[0].path.samefile(work / "top.txt")
    assert saved[0].policy == "live"


def test_a_copy_is_not_live(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_link(*arguments: object) -> None:
        raise OSError("another volume")

    monkeypatch.setattr(os, "link", no_link)

    for policy, expected in (("live", "now"), ("end", "end")):
        saved = plan_save("top.txt", policy=policy, cwd=work).place(tmp_path / policy, uses_symlinks=False)
        assert saved[0].policy == expected
        assert saved[0].path.read_text() == "top.txt"
        assert [path.name for path in (tmp_path / policy).iterdir()] == ["top.txt"]


def test_what_is_under_a_name_is_replaced(work: Path, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "top.txt").write_text("old")

    plan_save("top.txt", cwd=work).place(files)

    assert (files / "top.txt").read_text() == "top.txt"
    assert (work / "top.txt").read_text() == "top.txt"


def test_a_file_of_the_run_itself_stays(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "own.txt").write_text("mine")

    saved = plan_save("own.txt", cwd=files).place(files)

    assert saved[0].path.read_text() == "mine"
    assert not saved[0].path.is_symlink()


# --- live files -------------------------------------------------------------------------------------------------------

MB = 1_000_000


def uploaded(size_bytes: int, **options: Any) -> LiveFiles:
    live = LiveFiles(**options)
    live.saw("f", size_bytes=size_bytes, modified=1.0)
    live.uploaded("f", now=100.0, size_bytes=size_bytes, modified=1.0)
    return live


def test_a_new_file_is_due_at_once_and_an_empty_one_never() -> None:
    live = LiveFiles()
    live.saw("a", size_bytes=1, modified=1.0)
    live.saw("empty", size_bytes=0, modified=1.0)

    assert live.due(0.0) == ["a"]
    assert live.due_at("unknown") is None


@pytest.mark.parametrize(
    ("size_bytes", "wait_s"),
    [(1, 60), (10 * MB - 1, 60), (10 * MB, 300), (100 * MB - 1, 300), (100 * MB, 600), (1000 * MB, 1200)],
)
def test_a_changed_file_waits_by_its_size(size_bytes: int, wait_s: float) -> None:
    live = uploaded(size_bytes)
    assert live.due(1e9) == []
    live.saw("f", size_bytes=size_bytes, modified=2.0)

    assert live.due(100 + wait_s - 0.1) == []
    assert live.due(100 + wait_s) == ["f"]
    assert live.changed() == ["f"]


def test_a_file_that_grows_waits_for_the_interval_only() -> None:
    live = uploaded(1000 * MB)
    live.saw("f", size_bytes=1200 * MB, modified=2.0)
    assert live.due_at("f") == 1300
    live.saw("f", size_bytes=1201 * MB, modified=2.0)
    assert live.due_at("f") == 115


def test_what_changes_during_an_upload_is_uploaded_again() -> None:
    live = uploaded(10)
    live.saw("f", size_bytes=11, modified=3.0)
    live.uploaded("f", now=200.0, size_bytes=10, modified=2.0)

    assert live.due_at("f") == 260
    live.forget("f")
    assert live.due(1e9) == []


def test_waits_can_be_set() -> None:
    live = uploaded(10, interval_s=1.0, wait_s=5.0)
    live.saw("f", size_bytes=10, modified=2.0)
    assert live.due_at("f") == 105
    live.saw("f", size_bytes=100, modified=2.0)
    assert live.due_at("f") == 101


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 2000 * MB)), max_size=40))
def test_uploads_are_never_closer_than_the_interval(changes: list[tuple[float, int]]) -> None:
    live, now, last = LiveFiles(), 0.0, float("-inf")
    for step, (pause, size_bytes) in enumerate(changes):
        now += pause
        live.saw("f", size_bytes=size_bytes, modified=float(step))
        if live.due(now):
            assert now - last >= 15
            last = now
            live.uploaded("f", now=now, size_bytes=size_bytes, modified=float(step))
