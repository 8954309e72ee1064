"""Notebooks for tests: cells that run one after the other in a shell of IPython, in a process of their own."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kymograph.errors import MissingPackage

TIMEOUT_S = 120.0
_SCRIPT = """\
import io, json, sys
from contextlib import redirect_stdout
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
shell = InteractiveShell.instance()
found = []
for cell in json.load(open(sys.argv[1])):
    with capture_output() as captured:
        result = shell.run_cell(cell, store_history=True)
    error = result.error_before_exec or result.error_in_exec
    found.append({
        "stdout": captured.stdout,
        "stderr": captured.stderr,
        "displayed": [output.data for output in captured.outputs],
        "error": None if error is None else f"{type(error).__name__}: {error}",
    })
    if error is not None:
        break
json.dump(found, open(sys.argv[2], "w"), default=str)
shell.atexit_operations()
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """What came of a cell."""

    stdout: str
    stderr: str
    displayed: list[dict[str, Any]]
    """What it showed, each by media type."""
    error: str | None
    """What it raised; the cells after it did not run."""


class Notebook:
    """Runs cells in a folder."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        """Prepare.

        Args:
            folder: Where the cells run.
            environment: Variables of theirs besides those of this process.
        """
        self._folder, self._environment = folder, dict(environment or {})

    def run(self, cells: Sequence[str]) -> list[Cell]:
        """What comes of cells that run one after the other.

        Raises:
            MissingPackage: IPython is not installed.
            AssertionError: The process ended in the middle.
        """
        if importlib.util.find_spec("IPython") is None:
            raise MissingPackage("IPython", purpose="running notebooks in tests", install="pip install ipython")
        script, source, target = (self._folder / name for name in ("shell.py", "cells.json", "outputs.json"))
        script.write_text(_SCRIPT, encoding="utf-8")
        source.write_text(json.dumps(list(cells)), encoding="utf-8")
        process = subprocess.run(
            [sys.executable, str(script), str(source), str(target)],
            cwd=self._folder,
            env={**os.environ, "IPYTHONDIR": str(self._folder / "ipython"), **self._environment},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert target.exists(), f"exit status {process.returncode}\n{process.stdout}\n{process.stderr}"
        return [Cell(**found) for found in json.loads(target.read_text(encoding="utf-8"))]
