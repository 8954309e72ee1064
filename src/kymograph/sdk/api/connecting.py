"""Which server an `Api` asks, how, and as whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kymograph.client.addresses import check_base_url
from kymograph.client.connection import Connection
from kymograph.client.credentials import Credential, check_key
from kymograph.sdk.artifacts.folders import current_settings
from kymograph.sdk.login import connection_of
from kymograph.sdk.settings import Settings


def api_settings(overrides: Mapping[str, Any] | None, *, timeout: float | None) -> Settings:
    """The settings that hold, with what a call says in their place.

    Args:
        overrides: Settings by name.
        timeout: How long the server may say nothing, in s.

    Raises:
        UnknownSetting: There is no such setting.
        InvalidSetting: A value cannot be used.
    """
    settings = current_settings().copy()
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    if "base_url" in given:
        given["base_url"] = check_base_url(str(given["base_url"]), setting="base_url")
    if timeout is not None:
        given["x_graphql_timeout_seconds"] = float(timeout)
    settings.update(given, override=True)
    return settings


def connection_for(settings: Settings, api_key: str | None) -> Connection:
    """How to reach the server that settings mean, with a key in place of the one that is set.

    Raises:
        Unauthenticated: There is no key, and nobody to ask; or it is none.
    """
    if api_key is None:
        return connection_of(settings)
    credential = Credential("the call", check_key(api_key.strip(), source="the call"))
    return Connection.from_settings(settings, settings.base_url, credential)
