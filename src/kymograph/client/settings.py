"""Where the server is, who asks, and about which project: from the variables and files that the protocol's users have.

Source: protocol.md, "Client settings": ``WANDB_BASE_URL``, ``WANDB_API_KEY``, ``WANDB_ENTITY``, ``WANDB_PROJECT``; the
``settings`` files; ``netrc`` for the key.
"""

from __future__ import annotations

import netrc
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ConfigError
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from kymograph.errors import InvalidSetting, Unauthenticated

DEFAULT_BASE_URL = "http://localhost:8080"
"""Of `kymograph server`. Never an address of somebody else: a key would go there."""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """How to reach a server."""

    base_url: str
    """Without a slash at its end."""
    api_key: str
    entity: str | None = None
    project: str | None = None


def load_client_settings(environment: Mapping[str, str], *, home: Path, folder: Path) -> ClientSettings:
    """Put the settings together: a variable wins over a file, the file of this folder over that of the user.

    Args:
        environment: The process environment.
        home: Of the user.
        folder: Where the command runs.

    Raises:
        Unauthenticated: There is no key for this server.
        InvalidSetting: The address is none.
    """
    config_folder = Path(environment.get("WANDB_CONFIG_DIR") or home / ".config" / "wandb")
    local_folder = Path(environment.get("WANDB_DIR") or folder)
    filed = {**_settings_file(config_folder / "settings"), **_settings_file(local_folder / "wandb" / "settings")}

    def given(name: str) -> str | None:
        return environment.get(f"WANDB_{name.upper()}") or filed.get(name) or None

    base_url = (given("base_url") or DEFAULT_BASE_URL).rstrip("/")
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidSetting("WANDB_BASE_URL", base_url, rule="an http or https address, like http://localhost:8080")
    api_key = given("api_key") or _netrc_key(environment, home, parts.hostname)
    if not api_key:
        raise Unauthenticated(
            f"there is no API key for {base_url}; set WANDB_API_KEY, or WANDB_BASE_URL if another server is meant"
        )
    return ClientSettings(base_url, api_key, given("entity"), given("project"))


def _settings_file(path: Path) -> dict[str, str]:
    """What a settings file says; nothing if it is not there or no such file."""
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, ConfigError):
        return {}
    return dict(parser["default"]) if parser.has_section("default") else {}


def _netrc_key(environment: Mapping[str, str], home: Path, host: str) -> str | None:
    named = environment.get("NETRC")
    paths = [Path(named).expanduser()] if named else [home / ".netrc", home / "_netrc"]
    for path in paths:
        try:
            found = netrc.netrc(str(path)).authenticators(host)
        except (OSError, netrc.NetrcParseError):
            continue
        if found is not None:
            return found[2]
    return None
