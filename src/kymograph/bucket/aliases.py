"""Which alias an upload gets. Source: seeds.md B.3, "Alias rules"."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from kymograph.errors import InvalidArtifact

CONFIG_HASH = "!run-config-hash"


def chosen_alias(alias: object, config: Callable[[], Mapping[str, Any]]) -> str:
    """The alias that is meant.

    Args:
        alias: A text; None for a random one; ``!run-config-hash`` for one that the config of the run gives.
        config: Gives that config.

    Raises:
        InvalidArtifact: It is something else, or the config is empty, so that its hash would say nothing.
    """
    if alias is None:
        return str(uuid4())
    if not isinstance(alias, str) or not alias:
        raise InvalidArtifact(f"Wrong value for artifact alias: {alias!r}; give a text, None or {CONFIG_HASH!r}")
    if alias != CONFIG_HASH:
        return alias
    values = config()
    if not values:
        raise InvalidArtifact(
            f"the alias {CONFIG_HASH!r} is a hash of the run's config, and that is empty; give the run a config "
            "(--run_args, run_args=), or another alias"
        )
    return config_hash(values)


def config_hash(config: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of the sorted ``key=value`` pairs with spaces between them."""
    pairs = sorted(f"{key}={value}" for key, value in config.items())
    return hashlib.sha256(" ".join(pairs).encode()).hexdigest()
