"""The open experiment tracker and artifact store.

Every name is loaded when it is first used: importing the package does nothing else, and takes no time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from kymograph.errors import KymographError as Error
    from kymograph.errors import UsageError
    from kymograph.sdk.config import Config
    from kymograph.sdk.init import init
    from kymograph.sdk.login import login
    from kymograph.sdk.media import (
        Audio,
        Bokeh,
        BoundingBoxes2D,
        Classes,
        Graph,
        Histogram,
        Html,
        Image,
        ImageMask,
        JoinedTable,
        Molecule,
        Object3D,
        PartitionedTable,
        Plotly,
        Table,
        Video,
    )
    from kymograph.sdk.run import Run
    from kymograph.sdk.settings import Settings
    from kymograph.sdk.shortcuts import (
        alert,
        define_metric,
        finish,
        log,
        mark_preempting,
        pin_config_keys,
        save,
        teardown,
        write_logs,
    )
    from kymograph.sdk.summary import Summary

    run: Run | None
    """The active run."""
    config: Config
    """The active run's config."""
    summary: Summary
    """The active run's summary."""

__all__ = [
    "Audio",
    "Bokeh",
    "BoundingBoxes2D",
    "Classes",
    "Config",
    "Error",
    "Graph",
    "Histogram",
    "Html",
    "Image",
    "ImageMask",
    "JoinedTable",
    "Molecule",
    "Object3D",
    "PartitionedTable",
    "Plotly",
    "Run",
    "Settings",
    "Summary",
    "Table",
    "UsageError",
    "Video",
    "alert",
    "config",
    "define_metric",
    "finish",
    "init",
    "log",
    "login",
    "mark_preempting",
    "pin_config_keys",
    "plot",
    "run",
    "save",
    "summary",
    "teardown",
    "write_logs",
]

_MEDIA = (
    "Audio Bokeh BoundingBoxes2D Classes Graph Histogram Html Image ImageMask JoinedTable Molecule Object3D "
    "PartitionedTable Plotly Table Video"
)
_SHORTCUTS = "alert define_metric finish log mark_preempting pin_config_keys save teardown write_logs"
_HOMES = {
    **dict.fromkeys(_MEDIA.split(), "kymograph.sdk.media"),
    **dict.fromkeys(_SHORTCUTS.split(), "kymograph.sdk.shortcuts"),
    "Config": "kymograph.sdk.config",
    "Error": "kymograph.errors",
    "Run": "kymograph.sdk.run",
    "Settings": "kymograph.sdk.settings",
    "Summary": "kymograph.sdk.summary",
    "UsageError": "kymograph.errors",
    "init": "kymograph.sdk.init",
    "login": "kymograph.sdk.login",
}
_NAMES_THERE = {"Error": "KymographError"}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    home = _HOMES.get(name)
    if home is not None:
        found = getattr(import_module(home), _NAMES_THERE.get(name, name))
        globals()[name] = found
        return found
    if name == "plot":
        return import_module("kymograph.sdk.media.plot")
    # Not kept: what they are changes with the active run.
    if name == "run":
        return import_module("kymograph.sdk.active").active_run()
    if name in ("config", "summary"):
        return getattr(import_module("kymograph.sdk.shortcuts"), f"{name}_of_run")()
    raise AttributeError(f"module 'kymograph' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
