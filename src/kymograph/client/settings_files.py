"""Settings files: INI with one section, of the user and of a folder, shared with the protocol's own client.

Source: seeds.md E.2; protocol.md §1.5.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kymograph.client.files import replace_file
from kymograph.errors import InvalidSetting

SECTION = "default"
OWN_FOLDER = "kymograph"
"""Where runs are kept, and where our commands write the settings of a folder."""
FOREIGN_FOLDERS = ("wandb", ".wandb")
"""Where the protocol's own client keeps its runs and settings: read, never written."""


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What one file says."""

    path: Path
    values: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None
    """Why it could not be read; None also if it is not there."""


def system_path(environment: Mapping[str, str], home: Path) -> Path:
    """The settings file of the user."""
    named = environment.get("WANDB_CONFIG_DIR")
    return (Path(named).expanduser() if named else home / ".config" / "wandb") / "settings"


def workspace_paths(root: Path) -> tuple[Path, ...]:
    """The settings files of a folder, the one that counts most last."""
    return tuple(root / name / "settings" for name in (*FOREIGN_FOLDERS, f".{OWN_FOLDER}", OWN_FOLDER))


def read_settings_file(path: Path) -> SettingsFile:
    """What a settings file says; nothing if it is not there, and why if it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return SettingsFile(path)
    except (OSError, ValueError) as exc:
        return SettingsFile(path, problem=str(exc))
    from configparser import ConfigParser, Error  # only where there is a file: importing this package is to be cheap

    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except (ValueError, Error) as exc:
        return SettingsFile(path, problem=str(exc).replace("\n", " "))
    return SettingsFile(path, dict(parser[SECTION]) if parser.has_section(SECTION) else {})


def change_settings_file(path: Path, changes: Mapping[str, str | None]) -> None:
    """Set values in a settings file, and take out those that are None; the others stay.

    The file is replaced in one step: a reader sees it before or after.

    Raises:
        InvalidSetting: It cannot be read, and would be lost; or not written.
    """
    from configparser import ConfigParser

    known = read_settings_file(path)
    if known.problem is not None:
        raise InvalidSetting("settings file", str(path), rule=f"it cannot be read ({known.problem}); mend or remove it")
    values = {**known.values, **{name: value for name, value in changes.items() if value is not None}}
    parser = ConfigParser(interpolation=None)
    parser[SECTION] = {name: value for name, value in values.items() if changes.get(name, "") is not None}
    text = io.StringIO()
    parser.write(text)
    try:
        replace_file(path, text.getvalue())
    except OSError as exc:
        raise InvalidSetting("settings file", str(path), rule=f"it cannot be written: {exc.strerror or exc}") from exc
