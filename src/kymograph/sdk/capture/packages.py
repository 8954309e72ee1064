"""The Python packages of a run's environment, as lines of a requirements file.

Source: seeds.md E.3 (file names); the form is the vendor's, ``name==version``.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import Distribution

REQUIREMENTS_FILE_NAME = "requirements.txt"
CONDA_FILE_NAME = "conda-environment.yaml"
CONDA_TIMEOUT_S = 60.0

_log = logging.getLogger(__name__)


def installed_packages(found: Iterable[Distribution] | None = None) -> list[tuple[str, str]]:
    """Names and versions of what can be imported, each name once, in alphabetical order.

    Args:
        found: Distributions in the order of the import path; by default those of this process.
    """
    from importlib.metadata import distributions

    versions = dict[str, tuple[str, str]]()
    for distribution in distributions() if found is None else found:
        try:
            name, version = distribution.metadata["Name"], distribution.version
        # Half-removed packages leave folders without metadata, or with bytes that are no text.
        except (KeyError, TypeError, UnicodeDecodeError, OSError):
            continue
        if name and version:
            # The first on the path is the one that is imported.
            versions.setdefault(name.lower().replace("_", "-"), (name, version))
    return [versions[key] for key in sorted(versions)]


def requirements_text(packages: Iterable[tuple[str, str]]) -> str:
    """The content of `requirements.txt`."""
    return "".join(f"{name}=={version}\n" for name, version in packages)


def conda_environment_text() -> str | None:
    """The content of `conda-environment.yaml`, if this process runs in such an environment; takes seconds."""
    if not os.environ.get("CONDA_PREFIX"):
        return None
    import shutil
    import subprocess

    conda = os.environ.get("CONDA_EXE") or shutil.which("conda")
    if conda is None:
        return None
    try:
        done = subprocess.run(
            [conda, "env", "export"], stdin=subprocess.DEVNULL, capture_output=True, timeout=CONDA_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        _log.debug("conda env export: %s", error)
        return None
    return done.stdout.decode("utf-8", "replace") or None
