"""What the environment and the settings files say of a server, for those who have no settings of a run.

Source: seeds.md F.8, A.8; the same files and variables, in the same order, as the settings of a run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

from kymograph.client.addresses import DEFAULT_BASE_URL, check_base_url
from kymograph.client.connection import Connection
from kymograph.client.credentials import find_credential, no_credential
from kymograph.client.settings_files import read_settings_file, system_path, workspace_paths
from kymograph.client.user_folders import user_folder

_OF_TRANSPORTS = (
    *("username", "email", "http_proxy", "https_proxy", "x_proxies", "x_extra_http_headers"),
    *("insecure_disable_ssl", "credentials_file"),
    *(
        f"x_{part}_{what}"
        for part in ("graphql", "file_stream", "file_transfer")
        for what in ("timeout_seconds", "retry_max", "retry_wait_min_seconds", "retry_wait_max_seconds")
    ),
    *("x_file_stream_max_bytes", "x_file_stream_transmit_interval"),
)
"""Settings that `Connection.from_settings` reads."""
_TEXTS = frozenset({"username", "email", "http_proxy", "https_proxy", "credentials_file"})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Variables, files, and the folder that a process was started in."""

    environment: Mapping[str, str]
    home: Path
    folder: Path
    filed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """What settings files say, each with the file that says so."""

    @classmethod
    def here(cls) -> Surroundings:
        """Those of this process."""
        environment, home, folder = os.environ, Path.home(), Path.cwd()
        filed: dict[str, tuple[str, str]] = {}
        for path in (system_path(environment, home), *workspace_paths(folder)):
            found = read_settings_file(path)
            filed |= {name: (value, str(path)) for name, value in found.values.items()}
        return cls(environment, home, folder, filed)

    def value(self, setting: str) -> str | None:
        """What a setting is set to; None if it is not."""
        names = [f"WANDB_{setting.upper()}", *([f"WANDB_{setting[1:].upper()}"] if setting.startswith("x_") else [])]
        told = next(filter(None, map(self.environment.get, names)), None)
        return told or self.filed.get(setting, ("", ""))[0] or None

    def base_url(self) -> str:
        """Address of the server that is meant.

        Raises:
            InvalidSetting: It is none.
        """
        told = self.value("base_url")
        return DEFAULT_BASE_URL if told is None else check_base_url(told)

    def connection(self, base_url: str | None = None, api_key: str | None = None) -> Connection:
        """How to reach a server, and as whom.

        Args:
            base_url: Of the server, unless it is the one that is set.
            api_key: Of the user, unless it is the one that is set, or logged in.

        Raises:
            Unauthenticated: There is no key, or it has no key's form.
            InvalidSetting: The address, or a setting, cannot be used.
        """
        configured = self.base_url()
        url = configured if base_url is None else check_base_url(base_url, setting="base_url")
        # A key that is set is for the server that is set, and no other may see it.
        is_configured = url == configured
        credential = find_credential(
            url,
            key=api_key,
            environment=self.environment if is_configured else {**self.environment, **_WITHOUT_KEYS},
            home=self.home,
            filed=self.filed if is_configured else None,
        )
        if credential is None:
            raise no_credential(url)
        return Connection.from_settings(self._of_transports(configured), url, credential)

    def cache_folder(self) -> Path:
        """Where contents of artifacts are kept."""
        told = self.value("cache_dir")
        return (Path(told).expanduser() if told else user_folder("cache")).absolute() / "artifacts"

    def _of_transports(self, base_url: str) -> SimpleNamespace:
        values = {name: self.value(name) for name in _OF_TRANSPORTS}
        parsed = {name: value if name in _TEXTS or value is None else _parsed(value) for name, value in values.items()}
        return SimpleNamespace(base_url=base_url, **parsed)


_WITHOUT_KEYS = {"WANDB_API_KEY": "", "WANDB_IDENTITY_TOKEN_FILE": ""}


def _parsed(text: str) -> object:
    """A value as JSON has it: a number, a truth value, a mapping; any other text as it is."""
    import orjson

    try:
        return orjson.loads(text.lower() if text.lower() in ("true", "false") else text)
    except ValueError:
        return text
