"""Addresses of servers."""

from __future__ import annotations

from urllib.parse import urlsplit

from kymograph.errors import InvalidSetting

DEFAULT_BASE_URL = "http://localhost:8080"
"""Of `kymograph server`. Never an address of somebody else: a key would go there."""


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
