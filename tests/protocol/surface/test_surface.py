"""Our public surface beside that of the installed ``wandb``: every difference is listed, with its reason.

A new version of the client, or a change of ours, makes a difference that is not listed, or one that is no more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.e2e.client import NEWEST, ROOT

HERE = Path(__file__).parent
SCRIPT = HERE / "describe.py"
Surface = dict[str, str]


def described(python: Path | str, package: str, *, path: str = "") -> Surface:
    """What `describe.py` tells in an environment."""
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONWARNINGS": "ignore"}
    answer = subprocess.run(
        [str(python), str(SCRIPT), package],
        env={**environment, **({"PYTHONPATH": path} if path else {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    surface: Surface = json.loads(answer.stdout)
    return surface


@pytest.fixture(scope="module")
def theirs() -> Surface:
    python = ROOT / ".cache" / "clients" / NEWEST / "bin" / "python"
    assert python.exists(), f"client {NEWEST} is not installed; run `make clients`"
    return described(python, "wandb")


@pytest.fixture(scope="module")
def ours() -> Surface:
    return described(sys.executable, "kymograph", path=str(ROOT / "src"))


@pytest.fixture(scope="module")
def reasons() -> dict[str, str]:
    """Pattern of differences → why they are there."""
    document = tomllib.loads((HERE / "differences.toml").read_text(encoding="utf-8"))
    found: dict[str, str] = {}
    for group in document["difference"]:
        assert group["reason"].strip()
        for pattern in group["items"]:
            assert pattern not in found, f"{pattern} is listed twice"
            found[pattern] = group["reason"]
    return found


def differences(theirs: Surface, ours: Surface) -> list[str]:
    """One line for each: what is missing, what only we have, and what is not the same."""
    lines = []
    for name in sorted(theirs.keys() | ours.keys()):
        owner = name.partition("(")[0]
        if name in theirs and name in ours:
            if theirs[name] != ours[name]:
                lines.append(f"~ {name}: {theirs[name]} → {ours[name]}")
        # Of what one side lacks, or has alone, the parameters go without saying.
        elif name in theirs and (owner == name or owner in ours or owner not in theirs):
            lines.append(f"- {name}")
        elif name in ours and (owner == name or owner in theirs or owner not in ours):
            lines.append(f"+ {name}")
    for function in sorted({name.partition("(")[0] for name in theirs.keys() & ours.keys() if "(" in name}):
        common = [name for name in theirs if name.startswith(f"{function}(") and name in ours]
        if common != [name for name in ours if name.startswith(f"{function}(") and name in theirs]:
            lines.append(f"~ {function}: the order of parameters")
    return lines


def test_every_difference_is_listed_with_its_reason(theirs: Surface, ours: Surface, reasons: dict[str, str]) -> None:
    unlisted = [line for line in differences(theirs, ours) if not any(fnmatchcase(line, it) for it in reasons)]

    assert not unlisted, "differences.toml does not have:\n" + "\n".join(unlisted)


def test_every_listed_difference_is_there(theirs: Surface, ours: Surface, reasons: dict[str, str]) -> None:
    found = differences(theirs, ours)

    gone = [pattern for pattern in reasons if not any(fnmatchcase(line, pattern) for line in found)]

    assert not gone, "differences.toml has what is no difference any more:\n" + "\n".join(gone)


def test_every_setting_of_theirs_but_a_removed_one_is_one_of_ours(theirs: Surface, ours: Surface) -> None:
    settings = {name for name, kind in theirs.items() if kind == "setting"}

    assert settings - ours.keys() == {"Settings.anonymous"}
    assert len(settings) > 150


def test_differences_are_told_by_kind() -> None:
    theirs = {"f": "function", "f(a)": "required", "f(b)": "= 1", "g": "function", "g(x)": "= 1"}
    ours = {"f": "function", "f(b)": "= 2", "f(a)": "required", "h": "function", "h(x)": "= 1"}

    assert differences(theirs, ours) == ["~ f(b): = 1 → = 2", "- g", "+ h", "~ f: the order of parameters"]
