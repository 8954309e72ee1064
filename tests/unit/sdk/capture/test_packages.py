"""Packages of the environment."""

from __future__ import annotations

from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from kymograph.sdk.capture.packages import conda_environment_text, installed_packages, requirements_text


class FakeDistribution(Distribution):
    def __init__(self, text: str | None) -> None:
        self._text = text

    def read_text(self, filename: str) -> str | None:
        return self._text

    def locate_file(self, path: Any) -> Any:
        return path


def distribution(name: str, version: str) -> FakeDistribution:
    return FakeDistribution(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_each_package_once_and_in_order() -> None:
    packages = installed_packages(
        [
            distribution("zlib-ng", "1"),
            distribution("My_Pkg", "2"),
            distribution("my-pkg", "1"),
            distribution("a", "0.1"),
        ]
    )

    assert requirements_text(packages) == "a==0.1\nMy_Pkg==2\nzlib-ng==1\n"


def test_what_has_no_metadata_is_left_out() -> None:
    assert installed_packages([FakeDistribution(None), FakeDistribution("Metadata-Version: 2.1\n")]) == []


def test_packages_of_this_process() -> None:
    names = [name for name, _ in installed_packages()]

    assert "pytest" in names
    assert names == sorted(names, key=lambda name: name.lower().replace("_", "-"))


def test_conda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    assert conda_environment_text() is None

    program = tmp_path / "conda"
    program.write_text("#!/bin/sh\necho name: $2\n")
    program.chmod(0o755)
    monkeypatch.setenv("CONDA_PREFIX", str(tmp_path))
    monkeypatch.setenv("CONDA_EXE", str(program))
    assert conda_environment_text() == "name: export\n"

    monkeypatch.setenv("CONDA_EXE", str(tmp_path / "none"))
    assert conda_environment_text() is None
