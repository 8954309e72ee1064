"""The code of a run, as an artifact of its own: runs of the same code share one version."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from kymograph.sdk.artifacts.internal import InternalArtifact
from kymograph.sdk.artifacts.voice import current_voice
from kymograph.sdk.capture.code import PathFilter, code_artifact_name, find_program, iter_code_files

if TYPE_CHECKING:
    from kymograph.sdk.settings import Settings

CODE_TYPE = "code"


def code_artifact(
    settings: Settings,
    *,
    root: str | os.PathLike[str],
    name: str | None,
    include: PathFilter,
    exclude: PathFilter,
) -> InternalArtifact | None:
    """An artifact of the code in a folder; None if there is none.

    Args:
        settings: Of the run: they name its project and program.
        root: The folder where the code is.
        name: Of the artifact; by default equal for all runs of the program in the project.
        include: Says of a path, or of a path and the root, that the file is code.
        exclude: The same, that it is not.

    Source: the vendor's `Run.log_code`.
    """
    artifact = InternalArtifact(name or code_artifact_name(str(settings.project), _program(settings)), CODE_TYPE)
    for path, relative in iter_code_files(root, include=include, exclude=exclude):
        artifact.add_file(path, name=relative)
    if not len(artifact.manifest):
        current_voice().warn(
            "No relevant files were detected in the specified directory. No code will be logged to your run."
        )
        return None
    return artifact


def _program(settings: Settings) -> str | None:
    if settings.notebook_name:
        return settings.notebook_name
    if settings.program_relpath:
        return settings.program_relpath
    program = find_program(cwd=Path.cwd(), name=settings.program or None)
    return None if program is None else program.relative or program.name
