"""What a workflow that runs an upload is told: lines on standard output, and the file of outputs where there is one.

Source: seeds.md B.3, "Workflow outputs", and B.5.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

OUTPUT_VARIABLE = "GITHUB_OUTPUT"
"""Names a file for ``name=value`` lines. Source: the reference of GitHub's workflow commands."""
JOB_VARIABLE = "NEURO_JOB_ID"
PAUSE_S = 1.0
"""After the lines, within a job of the platform that reads them as they come; nobody else needs it."""


def tell_workflow(
    name: str, type_name: str, alias: str, *, suffix: str | None = None, sleep: Callable[[float], object] = time.sleep
) -> None:
    """Tell of an artifact that was made.

    Args:
        name: Its name.
        type_name: Its type.
        alias: Its alias.
        suffix: Put behind the names of the outputs, for workflows that make several.
        sleep: Waits for some s.
    """
    tail = f"_{suffix}" if suffix else ""
    outputs = {f"artifact_name{tail}": name, f"artifact_type{tail}": type_name, f"artifact_alias{tail}": alias}
    lines = "".join(f"::set-output name={key}::{value}\n" for key, value in outputs.items())
    # They count only at the beginning of a line, and nobody knows where the last print ended.
    sys.stdout.write(f"\n{lines}")
    sys.stdout.flush()
    _write_file(outputs)
    if os.environ.get(JOB_VARIABLE):
        sleep(PAUSE_S)


def _write_file(outputs: Mapping[str, str]) -> None:
    path = os.environ.get(OUTPUT_VARIABLE)
    if not path:
        return
    with suppress(OSError), open(path, "a", encoding="utf-8") as file:  # the upload is done, whoever listens
        file.writelines(f"{key}={value}\n" for key, value in outputs.items())
