"""The folder of a run."""

from __future__ import annotations

import shutil
from pathlib import Path

from kymograph.sdk.run_directory import create_run_directory
from kymograph.sdk.settings import Settings


def settings(root: Path, run_id: str = "abc") -> Settings:
    return Settings(root_dir=root, run_id=run_id, x_start_time=1_700_000_000.0, mode="offline")


def test_its_folders_are_there_and_the_latest_is_linked(tmp_path: Path) -> None:
    create_run_directory(settings(tmp_path, "first"))
    made = create_run_directory(settings(tmp_path))

    assert made.root.parent == tmp_path / "kymograph"
    assert made.root.name.startswith("offline-run-2023111")
    assert made.root.name.endswith("-abc")
    assert made.journal == made.root / "run-abc.wandb"
    assert sorted(path.name for path in made.root.iterdir()) == ["files", "logs", "tmp"]
    assert (tmp_path / "kymograph" / "latest-run").resolve() == made.root
    assert len(list((tmp_path / "kymograph").iterdir())) == 3


def test_it_may_go_without_links(tmp_path: Path) -> None:
    without = settings(tmp_path)
    without.symlink = False
    create_run_directory(without)

    assert not (tmp_path / "kymograph" / "latest-run").exists()


def test_where_nothing_can_be_written_it_is_temporary_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    chosen, warnings = settings(tmp_path / "file"), list[str]()
    made = create_run_directory(chosen, warn=warnings.append)

    try:
        assert made.files.is_dir()
        assert made.root.is_relative_to(chosen.root_dir)
        assert not made.root.is_relative_to(tmp_path)
        assert "WANDB_DIR" in warnings[0]
        assert str(tmp_path / "file" / "kymograph") in warnings[0]
    finally:
        shutil.rmtree(chosen.root_dir)
