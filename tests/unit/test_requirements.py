"""The locked requirements: complete for `pyproject.toml`, every file by its hashes, no package index named."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", re.MULTILINE)


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    groups = project["dependency-groups"].values()
    return [Requirement(line) for lines in (project["project"]["dependencies"], *extras, *groups) for line in lines]


def test_everything_in_pyproject_is_locked_at_a_version_it_allows() -> None:
    locked: dict[str, list[str]] = {}
    for name, version in PINNED.findall((ROOT / "requirements/dev.txt").read_text(encoding="utf-8")):
        locked.setdefault(canonicalize_name(name), []).append(version)

    stale = [
        str(requirement)
        for requirement in declared()
        if not (versions := locked.get(canonicalize_name(requirement.name)))
        or not all(requirement.specifier.contains(version, prereleases=True) for version in versions)
    ]

    assert not stale, f"requirements/dev.txt is older than pyproject.toml; run `make lock`: {stale}"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_locked_package_has_hashes(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    pins = re.split(r"\n(?=[A-Za-z0-9])", text[text.index("\n", text.index("make lock")) :].strip())

    without = [pin.splitlines()[0] for pin in pins if "--hash=sha256:" not in pin]

    assert without == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_no_lock_names_a_package_index(lock: Path) -> None:
    lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if "://" in line or "index-url" in line]

    assert lines == []
