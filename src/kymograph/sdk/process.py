"""What scripts may do once in a process, before there is a run: `setup` and `require`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kymograph.errors import UsageError
from kymograph.sdk.active import active_run
from kymograph.sdk.notices import PLAIN_VOICE, Voice
from kymograph.sdk.settings import Settings
from kymograph.sdk.settings_sources import load_settings

_REQUIREMENTS = frozenset({"service", "core", "legacy-service", "require", "nexus", "report-editing"})
"""Parts of the protocol's own client that one could ask for. We have none of them, or always."""

_given: dict[str, Any] = {}
"""What `setup` was given: defaults for the runs of this process."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What holds in this process."""

    settings: Settings


def setup(settings: Settings | Mapping[str, Any] | None = None) -> Setup:
    """Say what holds for all runs of this process. Nothing is started; `init` does not need it.

    Args:
        settings: Below the arguments of `init`, and above the environment.

    Returns:
        The settings that hold now.

    Raises:
        UsageError: One of them cannot be used, named.
    """
    if settings is not None:
        new = settings.given() if isinstance(settings, Settings) else dict(settings)
        load_settings(setup=new)  # what cannot be used is told here, where it was said
        _given.update(new)
    return Setup(load_settings(setup=_given))


def voice_here() -> Voice:
    """How much is said: what the active run's settings make of it, or those of the process if there is none."""
    run = active_run()
    if run is not None:
        return run._voice
    try:
        return Voice.of(load_settings(setup=_given))
    except UsageError:  # init() will say so
        return PLAIN_VOICE


def given_settings() -> Mapping[str, Any]:
    """What `setup` was given."""
    return _given


def forget_setup() -> None:
    """Hold to nothing that `setup` was given."""
    _given.clear()


def require(requirement: str | Iterable[str] | None = None, experiment: str | Iterable[str] | None = None) -> None:
    """Ask for a part of the client; accepted for old scripts, whose parts we have always.

    Raises:
        UsageError: There is no such part.
    """
    asked = requirement if requirement is not None else experiment
    for name in [asked] if isinstance(asked, str) else list(asked or ()):
        if name.partition(":")[0] not in _REQUIREMENTS:
            raise UsageError(f"require({name!r}): there is no such part; leave the call out")
