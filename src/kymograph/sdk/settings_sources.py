"""Where settings are read from: the environment, settings files, and the arguments of `init`.

Source: seeds.md E.2, E.7, Appendix 2.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kymograph.client.settings_files import SettingsFile, read_settings_file, system_path, workspace_paths
from kymograph.errors import InvalidChoice, InvalidName, InvalidSetting
from kymograph.sdk.notices import Voice
from kymograph.sdk.settings import FIELD_NAMES, Settings, Source, canonical_name, parse_setting
from kymograph.sdk.settings_fields import REMOVED
from kymograph.sdk.settings_values import parse_bool

_PREFIX = "WANDB_"
_OWN_PREFIX = "KYMOGRAPH_"
OWN_FIELDS = (
    "durability",
    "step_order",
    "detach_on_finish",
    "finish_timeout",
    "artifact_cache_max_bytes",
    "fs_lineage",
)
"""Also read from variables of our own name."""

_SPECIAL = {
    "WANDB_DESCRIPTION": "run_notes",  # older than WANDB_NOTES, which wins
    "WANDB_NAME": "run_name",
    "WANDB_NOTES": "run_notes",
    "WANDB_TAGS": "run_tags",
    "WANDB_JOB_TYPE": "run_job_type",
    "WANDB_DIR": "root_dir",
    "WANDB_APP_URL": "app_url_override",
    "WANDB_USER_EMAIL": "email",
    "WANDB_HTTP_TIMEOUT": "x_graphql_timeout_seconds",
    "WANDB_FILE_PUSHER_TIMEOUT": "x_file_transfer_timeout_seconds",
    "WANDB_SERVICE_TRANSPORT": "x_service_transport",
}
VARIABLES: dict[str, str] = {
    **{f"{_PREFIX}{name.upper()}": name for name in FIELD_NAMES},
    **{f"{_PREFIX}_{name[2:].upper()}": name for name in FIELD_NAMES if name.startswith("x_")},
    **_SPECIAL,
    **{f"{_OWN_PREFIX}{name.upper()}": name for name in OWN_FIELDS},
}
"""Environment variable → setting."""
_ORDER = {variable: number for number, variable in enumerate(VARIABLES)}

NOT_IN_FILES = frozenset({"root_dir", "settings_system"})
"""Say where files are, and cannot stand in one."""

INIT_ARGUMENTS = {
    "dir": "root_dir",
    "id": "run_id",
    "name": "run_name",
    "notes": "run_notes",
    "tags": "run_tags",
    "group": "run_group",
    "job_type": "run_job_type",
    "tensorboard": "sync_tensorboard",
}
"""Arguments of ``init`` that have another name than their setting; the others have the same."""


def load_settings(
    *,
    init: Mapping[str, Any] | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    setup: Settings | Mapping[str, Any] | None = None,
    arguments: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    home: Path | None = None,
    warn: Callable[[str], object] | None = None,
) -> Settings:
    """The settings that hold for a run, out of all sources.

    Args:
        init: Arguments of ``init``, by the names it has for them; those it has no setting for are not to be among them.
        settings: Its ``settings`` argument.
        setup: What ``setup`` was given.
        arguments: Of the command line, by the names of settings.
        environment: Default: that of the process.
        home: Of the user. Default: known to the system.
        warn: Told what a settings file says that cannot be used. Default: the user is, unless the settings forbid it.

    Raises:
        UnknownSetting: There is no such setting, and never was.
        InvalidSetting: A value cannot be used; if a variable says so, it is named.
    """
    environment = os.environ if environment is None else environment
    home = Path.home() if home is None else home
    found = Settings()
    named = {INIT_ARGUMENTS.get(name, name): value for name, value in (init or {}).items() if value is not None}
    variables, names = read_environment(environment)
    given = (settings or {}, named, setup or {}, variables)
    root_dir = next((known for known in map(_root_of, given) if known is not None), found.root_dir)

    system = Path(variables["settings_system"]) if "settings_system" in variables else system_path(environment, home)
    found.set_defaults(settings_system=str(system), credentials_file=str(system.with_name("credentials.json")))
    problems: list[str] = []
    _read_file(found, read_settings_file(system), Source.SYSTEM, problems.append)
    for path in workspace_paths(Path(root_dir).expanduser()):
        _read_file(found, read_settings_file(path), Source.WORKSPACE, problems.append)
    found.update(variables, source=Source.ENV, details=names)
    found.update(setup, source=Source.SETUP)
    found.update(named, source=Source.INIT)
    found.update(settings, source=Source.SETTINGS)
    found.update(arguments, source=Source.ARGS)
    for problem in problems:
        (warn or Voice.of(found).warn)(problem)
    return found


def _root_of(given: Settings | Mapping[str, Any]) -> str | None:
    values = given.given() if isinstance(given, Settings) else given
    root = values.get("root_dir")
    return None if root is None else str(os.fspath(root))


def read_environment(environment: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The settings that variables give, and the variable of each. An empty variable is none.

    Raises:
        InvalidSetting: A value cannot be used; the message names the variable.
    """
    values: dict[str, Any] = {}
    names: dict[str, str] = {}
    for variable in sorted(_ORDER.keys() & environment.keys(), key=_ORDER.__getitem__):
        text = environment[variable]
        if not text.strip():
            continue
        name = VARIABLES[variable]
        try:
            values[name] = parse_setting(name, text)
        except (InvalidSetting, InvalidName) as exc:
            raise _blamed(exc, f"{name}, from the variable {variable},", text) from exc
        names[name] = variable
    # Older than the settings: the one allows to save code, the other forbids it.
    allowed, forbidden = environment.get("WANDB_SAVE_CODE"), environment.get("WANDB_DISABLE_CODE")
    if allowed or forbidden:
        values["save_code"] = _is_true(allowed) and not _is_true(forbidden)
        names["save_code"] = "WANDB_DISABLE_CODE" if forbidden and _is_true(forbidden) else "WANDB_SAVE_CODE"
    return values, names


def _is_true(text: str | None) -> bool:
    return bool(text) and parse_bool("save_code", text)


def _blamed(problem: InvalidSetting | InvalidName, name: str, text: str) -> InvalidSetting:
    value = "…" if isinstance(problem, InvalidSetting) and problem.value == "…" else text
    kind = InvalidChoice if isinstance(problem, InvalidChoice) else InvalidSetting
    return kind(name, value, rule=problem.rule)


def _read_file(found: Settings, file: SettingsFile, source: Source, warn: Callable[[str], object]) -> None:
    """Take in what a file says; what it says that cannot be used is told, and stops nobody's training."""
    if file.problem is not None:
        warn(f"settings file {file.path} cannot be read, and is as good as none: {file.problem}")
    for name, text in file.values.items():
        known = canonical_name(name)
        if known in REMOVED or not text:
            continue
        if known in NOT_IN_FILES or known not in FIELD_NAMES:
            reason = "cannot stand in a file" if known in NOT_IN_FILES else "is none that we know"
            warn(f"setting {name!r} in {file.path} {reason}; remove it there")
            continue
        try:
            found.update({known: text}, source=source, details={known: str(file.path)})
        except (InvalidSetting, InvalidName) as exc:
            warn(f"{file.path}: {exc}; it is ignored")
