"""Which program a run is of, and which files are its code.

Source: the vendor's client 0.31.0: `save_code` keeps the program as ``code/<path>``; `log_code` makes an artifact of
the type `code`.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

CODE_FOLDER = "code"
INTERACTIVE = "<python with no main file>"
"""In place of a program. Source: the vendor's client 0.31.0."""
MAX_ARTIFACT_NAME = 128

PathFilter = Callable[..., bool]
"""Takes a path, or a path and the root, both absolute texts."""


@dataclass(frozen=True, slots=True)
class Program:
    """What was started."""

    name: str
    """As it was started: a path, ``-m package.module``, or a notebook."""
    path: Path | None = None
    """Where it is, if it is a file."""
    relative: str | None = None
    """Below the root of the repository, or below the current folder where there is none; None if it is in neither."""
    relative_to_cwd: str | None = None


def find_program(
    *,
    root: Path | None = None,
    cwd: Path | None = None,
    name: str | None = None,
    main: Any = None,
) -> Program | None:
    """Find out what was started.

    Args:
        root: Of the repository.
        cwd: The current folder, by default this process's.
        name: As the user or a notebook names it; by default ``WANDB_PROGRAM``, else the main module.
        main: The module that was started, by default this process's.

    Returns:
        None in an interactive session.
    """
    cwd = cwd or Path.cwd()
    name = (
        name or os.environ.get("WANDB_PROGRAM") or name_of_main(sys.modules.get("__main__") if main is None else main)
    )
    if not name:
        return None
    path = Path(os.path.abspath(cwd / name))
    if not path.is_file():
        return Program(name)
    return Program(name, path, relative=_below(path, root or cwd), relative_to_cwd=_below(path, cwd))


def name_of_main(main: Any = None) -> str | None:
    """What was started, as the main module says: its file, or ``-m`` and its name; None in an interactive session."""
    main = sys.modules.get("__main__") if main is None else main
    spec = getattr(main, "__spec__", None)
    if spec is not None and getattr(spec, "name", None):
        return f"-m {spec.name}"
    file = getattr(main, "__file__", None)
    return None if file is None else str(file)


def _below(path: Path, root: Path) -> str | None:
    for base in (root, root.resolve()):
        for candidate in (path, path.resolve()):
            if candidate.is_relative_to(base):
                return candidate.relative_to(base).as_posix()
    return None


def save_program(program: Program, files_folder: Path) -> str | None:
    """Copy the program to where a run keeps it.

    Returns:
        Its name among the run's files, or None if it is no file below the root.
    """
    if program.path is None or program.relative is None:
        return None
    import shutil

    name = f"{CODE_FOLDER}/{program.relative}"
    target = files_folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(program.path, target)
    return name


def is_code_file(path: str) -> bool:
    """The files that are code unless the caller says otherwise: Python, requirements, Dockerfiles."""
    return path.endswith((".py", "requirements.txt")) or PurePath(path).name.startswith("Dockerfile")


def is_run_folder_file(path: str, root: str) -> bool:
    """Tell whether a file lies in a folder where runs are kept, which hold copies of code."""
    first, *rest = PurePath(os.path.relpath(path, root)).parts
    if first in ("wandb", ".wandb"):
        return bool(rest)
    # Ours may be a folder of code as well: only what is named like a run is one.
    return first == "kymograph" and bool(rest) and rest[0].startswith(("run-", "offline-run-", "latest-run"))


def iter_code_files(
    root: str | os.PathLike[str] = ".",
    *,
    include: PathFilter = is_code_file,
    exclude: PathFilter = is_run_folder_file,
) -> Iterator[tuple[Path, str]]:
    """The files below a folder that are code: each with its name, relative to the folder, in alphabetical order.

    Symbolic links to folders are not followed, and folders of caches are left out.

    Args:
        root: The folder.
        include: Says of a path, or of a path and the root, that the file is code.
        exclude: The same, that it is not; wins over `include`.
    """
    folder = os.path.abspath(root)
    included, excluded = _with_root(include, folder), _with_root(exclude, folder)
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in ("__pycache__", ".git"))
        for name in sorted(names):
            path = os.path.join(parent, name)
            if included(path) and not excluded(path) and os.path.isfile(path):
                yield Path(path), PurePath(os.path.relpath(path, folder)).as_posix()


def _with_root(function: PathFilter, root: str) -> Callable[[str], bool]:
    """Filters take the path alone, or the root, too; a function that does not tell is given both."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return lambda path: function(path, root)
    positional = [it for it in parameters if it.kind in (it.POSITIONAL_ONLY, it.POSITIONAL_OR_KEYWORD)]
    takes_root = len(positional) >= 2 or any(it.kind is it.VAR_POSITIONAL for it in parameters)
    return (lambda path: function(path, root)) if takes_root else function


def code_artifact_name(project: str, program: str | None) -> str:
    """The name that the artifact of a run's code gets by itself: equal for all runs of a program in a project."""
    return safe_artifact_name(f"source-{project}-{program}")


def safe_artifact_name(name: str) -> str:
    """A name of an artifact made of any text: other characters become ``_``, and the middle of a long one dots."""
    cleaned = re.sub(r"[^a-zA-Z0-9_\-.]", "_", name)
    half = (MAX_ARTIFACT_NAME - 2) // 2
    return cleaned if len(cleaned) <= MAX_ARTIFACT_NAME else f"{cleaned[:half]}..{cleaned[-half:]}"
