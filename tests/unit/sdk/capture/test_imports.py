"""Importing what captures costs next to nothing: a training script pays for it at every start."""

from __future__ import annotations

import subprocess
import sys

MODULES = ("console", "environment", "system", "files", "notebook", "packages", "git", "code")
HEAVY = (
    "psutil",
    "pynvml",
    "google.protobuf",
    "IPython",
    "subprocess",
    "importlib.metadata",
    "urllib.request",
    "email",
)


def test_heavy_modules_are_loaded_where_they_are_used() -> None:
    imports = ", ".join(f"kymograph.sdk.capture.{module}" for module in MODULES)
    # Those that the interpreter has by itself, as for an editable install, do not count.
    script = (
        f"import sys; before = set(sys.modules); import {imports}; print(*(set({HEAVY!r}) & set(sys.modules) - before))"
    )

    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert answer.stdout.split() == []


def test_importing_hooks_nothing() -> None:
    script = (
        "import sys; out, hook = sys.stdout, sys.excepthook\n"
        "import kymograph.sdk.capture.console\n"
        "assert sys.stdout is out and sys.excepthook is hook and 'write' not in vars(out)\n"
        "import threading; assert threading.active_count() == 1"
    )

    subprocess.run([sys.executable, "-c", script], check=True)
