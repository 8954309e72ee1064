"""Things that packages take from the inside of the protocol's own client, and that ours has in another form."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from kymograph.sdk.run import Run
from kymograph.sdk.settings_values import RunMoment

__all__ = ["RunDisabled", "RunMoment", "context"]


class _DisabledRuns(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Run) and instance.disabled


class RunDisabled(metaclass=_DisabledRuns):
    """For ``isinstance``: a run with the mode disabled. Ours is a `Run` like any other."""


class Flags:
    """Takes what a package notes about its use of the client. It is kept nowhere and sent to nobody."""

    def __getattr__(self, name: str) -> Flags:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        """Forgotten."""


class context:  # noqa: N801 - the name that packages call
    """``with telemetry.context() as flags``."""

    def __init__(self, run: Any = None, obj: Any = None) -> None:
        """Of any run."""

    def __enter__(self) -> Flags:
        return Flags()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None
