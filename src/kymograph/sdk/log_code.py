"""The code of a run, kept among its files below ``code/``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from kymograph.sdk.capture.code import CODE_FOLDER, PathFilter, is_code_file, is_run_folder_file, iter_code_files


def copy_code(
    files_folder: Path,
    *,
    root: str | os.PathLike[str] = ".",
    include: PathFilter = is_code_file,
    exclude: PathFilter = is_run_folder_file,
) -> list[str]:
    """Copy files of code to where a run keeps them.

    Args:
        files_folder: The run's ``files`` folder.
        root: The folder where the code is.
        include: Says of a path, or of a path and the root, that the file is code.
        exclude: The same, that it is not.

    Returns:
        Their names among the run's files.
    """
    names = []
    for path, relative in iter_code_files(root, include=include, exclude=exclude):
        name = f"{CODE_FOLDER}/{relative}"
        target = files_folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        names.append(name)
    return names
