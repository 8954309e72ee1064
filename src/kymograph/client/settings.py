"""Where the server is, who asks, and about which project: from the variables and files that the protocol's users have.

Source: protocol.md, "Client settings": ``WANDB_BASE_URL``, ``WANDB_API_KEY``, ``WANDB_ENTITY``, ``WANDB_PROJECT``; the
``settings`` files; ``netrc`` for the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from kymograph.client.credentials import find_credential, no_credential
from kymograph.client.settings_files import read_settings_file, system_path, workspace_paths
from kymograph.errors import InvalidSetting

DEFAULT_BASE_URL = "http://localhost:8080"
"""Of `kymograph server`. Never an address of somebody else: a key would go there."""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """How to reach a server."""

    base_url: str
    """Without a slash at its end."""
    api_key: str
    """Or the access token that an identity token was exchanged for."""
    entity: str | None = None
    project: str | None = None
    is_access_token: bool = False


def load_client_settings(environment: Mapping[str, str], *, home: Path, folder: Path) -> ClientSettings:
    """Put the settings together: a variable wins over a file, the file of this folder over that of the user.

    Args:
        environment: The process environment.
        home: Of the user.
        folder: Where the command runs.

    Raises:
        Unauthenticated: There is no key for this server.
        InvalidSetting: The address is none.
        Unreachable: An identity token was to be exchanged, and the server does not answer.
    """
    files = [system_path(environment, home), *workspace_paths(Path(environment.get("WANDB_DIR") or folder))]
    filed = {
        name: (value, str(path)) for path in files for name, value in read_settings_file(path).values.items() if value
    }

    def given(name: str) -> str | None:
        return environment.get(f"WANDB_{name.upper()}") or filed.get(name, ("", ""))[0] or None

    base_url = check_base_url(given("base_url") or DEFAULT_BASE_URL)
    credential = find_credential(base_url, environment=environment, home=home, filed=filed)
    if credential is None:
        raise no_credential(base_url, app_url=environment.get("WANDB_APP_URL"))
    entity, project = given("entity"), given("project")
    if credential.api_key is not None:
        return ClientSettings(base_url, credential.api_key, entity, project)
    from kymograph.client.identity import AccessTokens

    cache = given("credentials_file")
    tokens = AccessTokens(
        base_url,
        credential.identity_token_file or Path(),
        Path(cache).expanduser() if cache else system_path(environment, home).with_name("credentials.json"),
    )
    return ClientSettings(base_url, tokens.token(), entity, project, is_access_token=True)


def check_base_url(text: str, *, setting: str = "WANDB_BASE_URL") -> str:
    """The address of a server, without a slash at its end.

    Raises:
        InvalidSetting: It is none.
    """
    rule = "an http or https address, like http://localhost:8080"
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as exc:
        raise InvalidSetting(setting, text, rule=rule) from exc
    if not is_address or any(character.isspace() or not character.isprintable() for character in text):
        raise InvalidSetting(setting, text, rule=rule)
    return text.rstrip("/")
