"""Build a virtual environment from a hash-locked requirements file.

Run by the Makefile with whatever Python 3.11+ the machine has, so it uses the standard library only.
``uv`` is the one package that pip installs (pinned, with hashes, from ``requirements/uv.txt``); uv then
installs everything else, many times faster than pip. Where uv cannot reach the package index but pip is
configured for one (a mirror in ``pip.conf``), pip installs the same locked files.

    python3.11 tools/make_venv.py .venv requirements/dev.txt --editable .
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
MAIN_VENV = ROOT / ".venv"


def python_of(environment: Path) -> Path:
    """Return the interpreter inside a virtual environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(*command: str | Path) -> bool:
    """Run a command with its output shown; return whether it succeeded."""
    return subprocess.run([str(part) for part in command], cwd=ROOT, stdin=subprocess.DEVNULL).returncode == 0


def create(environment: Path) -> None:
    """Create the environment unless it works already."""
    python = python_of(environment)
    if python.exists() and subprocess.run([str(python), "-c", ""], capture_output=True).returncode == 0:
        return
    try:
        venv.create(environment, with_pip=True, clear=environment.exists(), symlinks=os.name != "nt")
    except subprocess.CalledProcessError:
        sys.exit(
            f"could not create {environment}: this Python cannot make environments with pip; "
            "on Debian or Ubuntu install python3-venv"
        )


def has_uv() -> bool:
    """Tell whether the main environment's uv is there, installing it first."""
    pip = (python_of(MAIN_VENV), "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    create(MAIN_VENV)
    return run(*pip, "--no-deps", "--require-hashes", "-r", REQUIREMENTS / "uv.txt")


def install(environment: Path, lock: Path, editable: Path | None) -> bool:
    """Install a locked file, then this package without touching its locked dependencies."""
    uv = python_of(MAIN_VENV).with_name("uv.exe" if os.name == "nt" else "uv")
    python = python_of(environment)
    # Compiled once here, not at every start: where Python may write no bytecode, all starts would be twice as slow.
    by_uv = (uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python)
    by_pip = (python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    # The build backend is locked with the rest, so an isolated (unlocked) build environment is not wanted.
    package = ("--no-deps", "--no-build-isolation", "--editable", editable) if editable else ()

    for installer in (by_uv, by_pip) if has_uv() else (by_pip,):
        if run(*installer, "--require-hashes", "-r", lock) and (not package or run(*installer, *package)):
            return True
    return False


def main() -> None:
    """Parse the command line and build the environment."""
    parser = argparse.ArgumentParser(description="Build a virtual environment from a hash-locked file.")
    parser.add_argument("environment", type=Path)
    parser.add_argument("lock", type=Path)
    parser.add_argument("--editable", type=Path, help="a project to install in development mode")
    options = parser.parse_args()

    environment = options.environment.absolute()
    create(environment)
    if not install(environment, options.lock, options.editable):
        sys.exit(f"could not install {options.lock} into {options.environment}; the reason is above")


if __name__ == "__main__":
    main()
