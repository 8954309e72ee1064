"""What configs are read from: mappings, namespaces of arguments, objects, YAML files.

Source: seeds.md E.7 and E.9.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from kymograph.errors import ConfigError, UsageError

DEFAULTS_FILE = "config-defaults.yaml"
"""Read from the folder of a run before anything else, if it is there."""


def read_config(
    source: Any, *, include: Collection[str] | None = None, exclude: Collection[str] | None = None
) -> dict[str, Any]:
    """A config's top-level names and values.

    Args:
        source: A mapping, an ``argparse`` or ``absl`` namespace, a dataclass or another object with attributes, the
            path of a YAML file; None gives nothing.
        include: Only these names.
        exclude: All but these.

    Raises:
        ConfigError: The file is not there, is no YAML, or holds no mapping.
        UsageError: Both `include` and `exclude` are given.
        TypeError: The source is none of these.
    """
    if include and exclude:
        raise UsageError("give config_include_keys or config_exclude_keys, not both")
    found = _read(source)
    if include:
        return {key: value for key, value in found.items() if key in include}
    if exclude:
        return {key: value for key, value in found.items() if key not in exclude}
    return found


def _read(source: Any) -> dict[str, Any]:
    if source is None:
        return {}
    if isinstance(source, (str, os.PathLike)):
        return read_config_file(Path(source))
    if isinstance(source, Mapping) or (hasattr(source, "keys") and hasattr(source, "__getitem__")):
        return {str(key): source[key] for key in source.keys()}  # noqa: SIM118 - a Config has no iterator of a mapping
    flags = _absl_flags(source)
    if flags is not None:
        return flags
    if hasattr(source, "__dict__") and not isinstance(source, type):
        return dict(vars(source))
    if hasattr(source, "__dataclass_fields__") and not isinstance(source, type):  # with slots
        return {name: getattr(source, name) for name in source.__dataclass_fields__}
    raise TypeError(
        f"config must be a dict or have a __dict__ attribute; {type(source).__name__} is neither, nor a path of a file"
    )


def _absl_flags(source: Any) -> dict[str, Any] | None:
    """The values of ``absl.flags.FLAGS``, or of the module that holds it."""
    if getattr(source, "__name__", None) in ("absl.flags", "tensorflow.python.platform.flags"):
        source = source.FLAGS
    if type(source).__module__ != "absl.flags._flagvalues":
        return None
    return {name: source[name].value for name in dir(source)}


def read_config_file(path: Path) -> dict[str, Any]:
    """The config in a YAML file: ``name: value``, or ``name: {value: …, desc: …}`` as the protocol's clients write it.

    Raises:
        ConfigError: It is not there, cannot be read, is no YAML, or holds no mapping.
    """
    import yaml

    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise ConfigError(f"config file {path} doesn't exist; check the path, it is taken from {Path.cwd()}") from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"Couldn't read config file: {path}: {exc}") from exc
    except yaml.YAMLError as exc:
        raise ConfigError(f"Invalid YAML in config file {path}: {exc}") from exc
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ConfigError(f"config file {path} holds a {type(loaded).__name__}; write `name: value` lines")
    version = loaded.pop("wandb_version", None)
    if version not in (None, 1):
        raise ConfigError(f"config file {path} is of version {version!r}; only version 1 is known")
    return {str(key): _unwrapped(item) for key, item in loaded.items() if key != "_wandb"}


def _unwrapped(item: Any) -> Any:
    if isinstance(item, dict) and "value" in item and item.keys() <= {"value", "desc"}:
        return item["value"]
    return item
