"""Runs and artifacts as file systems of fsspec: ``wandbfs://`` for the files of runs, ``wandbas://`` for artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kymograph.fs.artifacts import ArtifactFileSystem
    from kymograph.fs.files import BlockFile
    from kymograph.fs.run_files import RunFileSystem

__all__ = ["ArtifactFileSystem", "BlockFile", "RunFileSystem"]

_HOMES = {"ArtifactFileSystem": "artifacts", "BlockFile": "files", "RunFileSystem": "run_files"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
