"""The open experiment tracker and artifact store.

Every name is loaded when it is first used: importing the package does nothing else, and takes no time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from kymograph import errors
    from kymograph.drop_in import install_as_wandb
    from kymograph.errors import CommError, UsageError
    from kymograph.errors import KymographError as Error
    from kymograph.integrations import keras as keras
    from kymograph.integrations import lightgbm as lightgbm
    from kymograph.integrations import sklearn as sklearn
    from kymograph.integrations import xgboost as xgboost
    from kymograph.sdk import gym as gym
    from kymograph.sdk import media as data_types
    from kymograph.sdk import tensorboard as tensorboard
    from kymograph.sdk import util
    from kymograph.sdk.alerts import AlertLevel
    from kymograph.sdk.api.api import Api, AsyncApi
    from kymograph.sdk.artifacts.artifact import Artifact
    from kymograph.sdk.artifacts.ttl import ArtifactTTL
    from kymograph.sdk.attach import attach
    from kymograph.sdk.config import Config
    from kymograph.sdk.init import init
    from kymograph.sdk.login import login
    from kymograph.sdk.media import (
        Audio,
        Bokeh,
        BoundingBoxes2D,
        Classes,
        EvalTable,
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
        box3d,
        plot,
    )
    from kymograph.sdk.media.charts import plot_table, visualize
    from kymograph.sdk.process import require, setup
    from kymograph.sdk.restore import restore
    from kymograph.sdk.run import Run
    from kymograph.sdk.settings import Settings
    from kymograph.sdk.shortcuts import (
        alert,
        define_metric,
        finish,
        link_model,
        log,
        log_artifact,
        log_model,
        mark_preempting,
        pin_config_keys,
        save,
        teardown,
        unwatch,
        use_artifact,
        use_model,
        watch,
        write_logs,
    )
    from kymograph.sdk.shortcuts import finish as join
    from kymograph.sdk.summary import Summary
    from kymograph.sdk.terminal_messages import termerror, termlog, termwarn

    run: Run | None
    """The active run."""
    config: Config
    """The active run's config."""
    summary: Summary
    """The active run's summary."""

__all__ = [
    "AlertLevel",
    "Api",
    "Artifact",
    "ArtifactTTL",
    "AsyncApi",
    "Audio",
    "Bokeh",
    "BoundingBoxes2D",
    "Classes",
    "CommError",
    "Config",
    "Error",
    "EvalTable",
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
    "attach",
    "box3d",
    "config",
    "data_types",
    "define_metric",
    "errors",
    "finish",
    "init",
    "install_as_wandb",
    "join",
    "link_model",
    "log",
    "log_artifact",
    "log_model",
    "login",
    "mark_preempting",
    "pin_config_keys",
    "plot",
    "plot_table",
    "require",
    "restore",
    "run",
    "save",
    "setup",
    "summary",
    "teardown",
    "termerror",
    "termlog",
    "termwarn",
    "unwatch",
    "use_artifact",
    "use_model",
    "util",
    "visualize",
    "watch",
    "write_logs",
]

_MEDIA = (
    "Audio Bokeh BoundingBoxes2D Classes EvalTable Graph Histogram Html Image ImageMask JoinedTable Molecule Object3D "
    "PartitionedTable Plotly Table Video box3d"
)
_SHORTCUTS = (
    "alert define_metric finish join link_model log log_artifact log_model mark_preempting pin_config_keys save "
    "teardown unwatch use_artifact use_model watch write_logs"
)
_HOMES = {
    **dict.fromkeys(_MEDIA.split(), "kymograph.sdk.media"),
    **dict.fromkeys(_SHORTCUTS.split(), "kymograph.sdk.shortcuts"),
    **dict.fromkeys(("plot_table", "visualize"), "kymograph.sdk.media.charts"),
    **dict.fromkeys(("require", "setup"), "kymograph.sdk.process"),
    **dict.fromkeys(("termerror", "termlog", "termwarn"), "kymograph.sdk.terminal_messages"),
    **dict.fromkeys(("CommError", "Error", "UsageError"), "kymograph.errors"),
    "AlertLevel": "kymograph.sdk.alerts",
    **dict.fromkeys(("Api", "AsyncApi"), "kymograph.sdk.api.api"),
    "Artifact": "kymograph.sdk.artifacts.artifact",
    "ArtifactTTL": "kymograph.sdk.artifacts.ttl",
    "Config": "kymograph.sdk.config",
    "Run": "kymograph.sdk.run",
    "Settings": "kymograph.sdk.settings",
    "Summary": "kymograph.sdk.summary",
    "attach": "kymograph.sdk.attach",
    "init": "kymograph.sdk.init",
    "install_as_wandb": "kymograph.drop_in",
    "load_ipython_extension": "kymograph.sdk.notebooks",
    "login": "kymograph.sdk.login",
    "restore": "kymograph.sdk.restore",
}
_NAMES_THERE = {"join": "finish"}
_MODULES = {
    "data_types": "kymograph.sdk.media",
    "errors": "kymograph.errors",
    "gym": "kymograph.sdk.gym",
    "plot": "kymograph.sdk.media.plot",
    "tensorboard": "kymograph.sdk.tensorboard",
    "util": "kymograph.sdk.util",
    **{name: f"kymograph.integrations.{name}" for name in ("keras", "lightgbm", "sklearn", "xgboost")},
}
_NOT_YET = "agent controller sweep"


def __getattr__(name: str) -> Any:
    from importlib import import_module

    home = _HOMES.get(name)
    if home is not None:
        found = getattr(import_module(home), _NAMES_THERE.get(name, name))
        globals()[name] = found
        return found
    if name in _MODULES:
        return import_module(_MODULES[name])
    # Not kept: what they are changes with the active run.
    if name == "run":
        return import_module("kymograph.sdk.active").active_run()
    if name in ("config", "summary"):
        return getattr(import_module("kymograph.sdk.shortcuts"), f"{name}_of_run")()
    if name in _NOT_YET.split():
        raise AttributeError(f"kymograph has no {name} yet; hasattr() tells, and scripts can do without")
    raise AttributeError(f"module 'kymograph' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
