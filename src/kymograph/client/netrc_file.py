"""API keys in netrc files: found by the host and port of a server, and written without harm to what is there.

Source: protocol.md §1.5.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from kymograph.client.files import replace_file
from kymograph.errors import UsageError

LOGIN = "user"
"""The name that goes with a key; it says nothing."""


def netrc_path(environment: Mapping[str, str], home: Path) -> Path:
    """The file that counts: the named one, one that is there, or the usual one of this system."""
    named = environment.get("NETRC")
    if named:
        return Path(named).expanduser()
    dotted, underscored = home / ".netrc", home / "_netrc"
    for path in (dotted, underscored):
        if path.exists():
            return path
    return underscored if sys.platform == "win32" else dotted


def machine_of(base_url: str) -> str:
    """The name of a server in netrc: its host, and its port if that is not the usual one of the address."""
    return urlsplit(base_url).netloc.rpartition("@")[2]


def read_key(path: Path, base_url: str) -> str | None:
    """The key of a server.

    The entry of its host and port counts; one of its host alone is the next best, as other programs write it.

    Returns:
        None if there is no file, no entry, or a file that is none.
    """
    import netrc

    try:
        entries = netrc.netrc(str(path))
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return None
    for machine in (machine_of(base_url), urlsplit(base_url).hostname or ""):
        # Not `authenticators`, which gives the default entry: that is not known to be meant for us.
        found = entries.hosts.get(machine)
        if found is not None and found[2]:
            return found[2]
    return None


def write_key(path: Path, base_url: str, key: str) -> None:
    """Put a key in, instead of an older one of the same server; every other line stays as it is.

    The file is replaced in one step, and only its owner may read it.

    Raises:
        UsageError: It cannot be read or written.
    """
    machine = machine_of(base_url)
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        # Unquoted: keys and machines need no quotes, and readers differ in those that they know.
        entry = [f"machine {machine}", f"  login {LOGIN}", f"  password {key}"]
        replace_file(path, "\n".join([*_without(lines, machine), *entry, ""]), is_private=True)
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(
            f"the key could not be kept in {path}: {exc}; set WANDB_API_KEY, or NETRC to a file that can be written"
        ) from exc


def _without(lines: list[str], machine: str) -> list[str]:
    kept: list[str] = []
    is_old = False
    for line in lines:
        tokens = _tokens(line)
        if tokens[:1] in (["machine"], ["default"], ["macdef"]):
            is_old = tokens[:2] == ["machine", machine]
        if not is_old:
            kept.append(line)
    return kept


def _tokens(line: str) -> list[str]:
    import shlex

    try:
        return shlex.split(line)
    except ValueError:
        return line.split()  # quotes that do not match: no entry of ours
