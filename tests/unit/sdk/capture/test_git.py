"""What git says, by real repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kymograph.sdk.capture.git import GitRepository


def git(folder: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    settings = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main")
    command = ["git", *settings, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init")
    git(folder, "config", "user.email", "someone@example.org")
    (folder / "train.py").write_text("one\n")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    return folder


def found(folder: Path) -> GitRepository:
    repository = GitRepository.find(folder)
    assert repository is not None
    return repository


def test_facts_of_a_repository(repository: Path) -> None:
    git(repository, "remote", "add", "origin", "https://someone:secret@example.org/a/b.git")
    inner = repository / "inner"
    inner.mkdir()

    facts = found(inner).facts()

    assert facts.root == repository.resolve()
    assert facts.commit == git(repository, "rev-parse", "HEAD")
    assert facts.remote_url == "https://example.org/a/b.git"
    assert facts.branch == "main"
    assert facts.email == "someone@example.org"
    assert facts.is_dirty is False
    (repository / "train.py").write_text("two\n")
    assert found(repository).facts().is_dirty is True


def test_a_repository_without_commits(tmp_path: Path) -> None:
    git(tmp_path, "init")

    facts = found(tmp_path).facts()

    assert facts.commit is None
    assert facts.remote_url is None
    assert found(tmp_path).save_patches(tmp_path) == []


def test_no_repository_and_no_git(tmp_path: Path, repository: Path) -> None:
    assert GitRepository.find(tmp_path) is None
    assert GitRepository.find(repository, executable="no-such-program") is None
    assert GitRepository.find(repository / "no" / "such" / "folder") is None


def test_variables_of_a_hook_do_not_lead_elsewhere(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/no/such/folder")

    assert found(repository).root == repository.resolve()


def test_what_is_not_committed_is_a_patch(repository: Path, tmp_path: Path) -> None:
    assert found(repository).save_patches(tmp_path) == []
    (repository / "train.py").write_text("two\n")

    assert found(repository).save_patches(tmp_path) == ["diff.patch"]
    assert "-one\n+two\n" in (tmp_path / "diff.patch").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["diff.patch", "repository"]


def test_what_is_not_upstream_is_a_patch(repository: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", str(repository), str(clone))
    base = git(clone, "rev-parse", "HEAD")
    (clone / "train.py").write_text("two\n")
    git(clone, "commit", "-am", "second")
    (clone / "train.py").write_text("three\n")

    names = found(clone).save_patches(tmp_path)

    assert names == ["diff.patch", f"diff_{base}.patch"]
    assert "-two\n+three\n" in (tmp_path / names[0]).read_text()
    assert "-one\n+three\n" in (tmp_path / names[1]).read_text()
    assert found(clone).upstream_commit(fork_point=True) == base


def test_a_branch_that_follows_none_forks_from_those_that_do(repository: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", str(repository), str(clone))
    base = git(clone, "rev-parse", "HEAD")
    git(clone, "checkout", "--no-track", "-b", "topic")
    (clone / "train.py").write_text("two\n")
    git(clone, "commit", "-am", "second")

    assert found(clone).upstream_commit() is None
    assert found(clone).upstream_commit(fork_point=True) == base
    git(clone, "checkout", "--detach")
    assert found(clone).upstream_commit(fork_point=True) is None


def test_a_diff_against_nothing_leaves_no_file(repository: Path, tmp_path: Path) -> None:
    assert not found(repository).save_diff("no-such-commit", tmp_path / "x.patch")
    assert not found(repository).save_diff("HEAD", tmp_path / "no" / "folder" / "x.patch")
    assert not (tmp_path / "x.patch").exists()
