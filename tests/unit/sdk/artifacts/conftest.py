"""What tests of artifacts have in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymograph.sdk.artifacts.artifact import Artifact


@pytest.fixture(autouse=True)
def home(clean_process: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cache, data and settings of a user of its own; the current folder is another, and empty."""
    home = tmp_path / "home"
    monkeypatch.setenv("WANDB_CACHE_DIR", str(home / "cache"))
    monkeypatch.setenv("WANDB_DATA_DIR", str(home / "data"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(home / "config"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return home


@pytest.fixture
def artifact() -> Artifact:
    return Artifact("my-artifact", "dataset")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three files."""
    made = tmp_path / "folder"
    for name, content in {"a.txt": "hello", "b.txt": "world", "deep/c.txt": "deeper"}.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(content)
    return made
