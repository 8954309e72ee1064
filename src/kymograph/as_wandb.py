"""Runs a program that imports ``wandb``, with kymograph in its place: ``python -m kymograph.as_wandb train.py …``.

Nothing of the program is changed, and processes that it starts do the same.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from kymograph.drop_in import install_as_wandb
from kymograph.drop_in.finder import CHILD_PATH
from kymograph.errors import UsageError

USAGE = """\
usage: python -m kymograph.as_wandb PROGRAM [ARGUMENT]...
       python -m kymograph.as_wandb -m MODULE [ARGUMENT]...

Runs a program whose `import wandb` gets kymograph.
"""


def main(arguments: list[str]) -> int:
    """Run what the arguments say; returns an exit status if nothing could be run."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, end="", file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    is_module = arguments[0] == "-m"
    rest = arguments[1:] if is_module else arguments
    if not rest:
        print(f"-m wants the name of a module\n{USAGE}", end="", file=sys.stderr)
        return 2
    if not is_module and not Path(rest[0]).exists():
        print(f"there is no program {rest[0]!r}", file=sys.stderr)
        return 2
    try:
        install_as_wandb()
    except UsageError as exc:
        print(exc, file=sys.stderr)
        return 2
    # Workers that are started afresh (spawn, torchrun) find the way by their path.
    places = [str(CHILD_PATH), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(places)
    sys.path.insert(1, str(CHILD_PATH))  # multiprocessing hands on this list instead
    sys.argv = rest
    if is_module:
        sys.path[0] = os.getcwd()
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = str(Path(rest[0]).resolve().parent)
        runpy.run_path(rest[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
