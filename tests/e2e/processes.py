"""Programs that are run to their end."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

TIMEOUT_S = 90.0


def run_to_end(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a program without input; its end may be of any kind, but has to come.

    Args:
        command: The program and its arguments.
        folder: Where it runs.
        environment: All that it sees of one.

    Raises:
        subprocess.TimeoutExpired: It takes longer than `TIMEOUT_S`.
    """
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
