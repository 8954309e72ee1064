"""Which files are a run's code."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kymograph.sdk.capture.code import (
    Program,
    code_artifact_name,
    find_program,
    iter_code_files,
    safe_artifact_name,
    save_program,
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in (
        "train.py",
        "data.csv",
        "requirements.txt",
        "docker/Dockerfile.gpu",
        "models/net.py",
        "wandb/run-1/files/code/train.py",
        ".wandb/run-1/x.py",
        "kymograph/run-20260101_000000-abc/files/code/train.py",
        "kymograph/core.py",
        "wandb.py",
        ".git/hooks/hook.py",
        "models/__pycache__/net.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return tmp_path


def names(*arguments: Any, **options: Any) -> list[str]:
    return [name for _, name in iter_code_files(*arguments, **options)]


def test_code_is_what_python_and_docker_read(project: Path) -> None:
    assert sorted(names(project)) == [
        "docker/Dockerfile.gpu",
        "kymograph/core.py",
        "models/net.py",
        "requirements.txt",
        "train.py",
        "wandb.py",
    ]


def test_filters_take_the_path_or_the_root_too(project: Path) -> None:
    assert names(project, include=lambda path: path.endswith(".csv")) == ["data.csv"]
    assert names(project, include=lambda path, root: path == f"{root}/train.py") == ["train.py"]
    assert names(project, exclude=lambda path, root="": "models" not in path) == ["models/net.py"]
    assert names(project, include=lambda *both: len(both) == 2 and both[0].endswith(".csv")) == ["data.csv"]


def test_a_script_is_found_relative_to_repository_and_folder(project: Path) -> None:
    main = SimpleNamespace(__spec__=None, __file__="net.py")

    program = find_program(root=project, cwd=project / "models", main=main)

    assert program == Program("net.py", project / "models" / "net.py", "models/net.py", "net.py")


def test_a_script_outside_has_no_relative_path(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    program = find_program(root=elsewhere, cwd=elsewhere, name=str(project / "train.py"))

    assert program == Program(str(project / "train.py"), project / "train.py")


def test_a_module_and_an_interactive_session(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_PROGRAM", raising=False)

    assert find_program(cwd=project, main=SimpleNamespace(__spec__=SimpleNamespace(name="pkg.train"))) == Program(
        "-m pkg.train"
    )
    assert find_program(cwd=project, main=SimpleNamespace(__spec__=None)) is None
    monkeypatch.setenv("WANDB_PROGRAM", "train.py")
    assert find_program(cwd=project, main=SimpleNamespace()) == Program(
        "train.py", project / "train.py", "train.py", "train.py"
    )


def test_a_saved_program_keeps_its_path(project: Path, tmp_path: Path) -> None:
    files = tmp_path / "files"

    assert (
        save_program(Program("net.py", project / "models" / "net.py", "models/net.py"), files) == "code/models/net.py"
    )
    assert (files / "code" / "models" / "net.py").read_text() == "x"
    assert save_program(Program("-m pkg"), files) is None


def test_names_of_code_artifacts() -> None:
    assert code_artifact_name("my project", "src/train.py") == "source-my_project-src_train.py"
    assert len(safe_artifact_name("ä" * 500)) == 128
    assert safe_artifact_name("a" * 128) == "a" * 128
