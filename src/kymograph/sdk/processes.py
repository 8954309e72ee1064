"""Processes that stand beside a training: modules of this package, run by this interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

from kymograph import __file__ as package_file


def start_module(name: str, *arguments: str, errors: IO[bytes] | int) -> subprocess.Popen[bytes]:
    """Start a module, with pipes to its standard input and from its standard output.

    Args:
        name: Of the module.
        arguments: Of its command line. No secrets: everybody on the machine can read them.
        errors: Where its standard error goes.

    Raises:
        OSError: No process can be started.
    """
    # It shall find this very package, wherever it was found here.
    places = [str(Path(package_file).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    environment.pop("PYTHONINSPECT", None)
    return subprocess.Popen(
        [sys.executable, "-m", name, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=environment,
        # Ctrl-C in the terminal is for the training.
        start_new_session=True,
    )
