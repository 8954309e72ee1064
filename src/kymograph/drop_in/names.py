"""Import paths of the protocol's own client, and what of ours stands there.

Source: seeds.md F.12, and which paths Lightning 2.6, transformers 5.24, Accelerate 1.15, optuna-integration 5.0,
Ray and Ultralytics import; names compared with the client 0.31.0 by tests/protocol/surface.
"""

from __future__ import annotations

VERSION = "0.31.0"
"""The client whose names these are: what packages that ask for a version are told."""

_MEDIA = "kymograph.sdk.media"
_STAND_INS = "kymograph.drop_in.stand_ins"

MODULES: dict[str, str] = {
    "data_types": _MEDIA,
    "errors": "kymograph.errors",
    "errors.term": "kymograph.sdk.terminal_messages",
    "gym": "kymograph.sdk.gym",
    "integration.gym": "kymograph.sdk.gym",
    "integration.keras": "kymograph.integrations.keras",
    "integration.lightgbm": "kymograph.integrations.lightgbm",
    "integration.sb3": "kymograph.integrations.sb3",
    "integration.sb3.sb3": "kymograph.integrations.sb3",
    "integration.sklearn": "kymograph.integrations.sklearn",
    "integration.tensorboard": "kymograph.sdk.tensorboard",
    "integration.tensorboard.log": "kymograph.sdk.tensorboard.summaries",
    "integration.tensorboard.monkeypatch": "kymograph.sdk.tensorboard.writers",
    "integration.xgboost": "kymograph.integrations.xgboost",
    "keras": "kymograph.integrations.keras",
    "lightgbm": "kymograph.integrations.lightgbm",
    "plot": "kymograph.sdk.media.plot",
    "sdk": "kymograph",
    "sdk.data_types": _MEDIA,
    "sdk.data_types.base_types": _MEDIA,
    "sdk.lib": _STAND_INS,
    "sdk.lib.telemetry": _STAND_INS,
    "sdk.wandb_settings": "kymograph.sdk.settings",
    "sdk.wandb_summary": "kymograph.sdk.summary",
    "sklearn": "kymograph.integrations.sklearn",
    "tensorboard": "kymograph.sdk.tensorboard",
    "util": "kymograph.sdk.util",
    "xgboost": "kymograph.integrations.xgboost",
}
"""Paths below ``wandb`` → the module whose names are found there."""

NAMES: dict[str, dict[str, str]] = {
    "data_types": {"WBValue": f"{_MEDIA}:Value"},
    "errors.errors": {
        name: f"kymograph.errors:{name}"
        for name in ("AuthenticationError", "CommError", "Error", "UnsupportedError", "UsageError")
    },
    "sdk.data_types.audio": {"Audio": f"{_MEDIA}:Audio"},
    "sdk.data_types.base_types.media": {name: f"{_MEDIA}:{name}" for name in ("BatchableMedia", "Media")},
    "sdk.data_types.base_types.wb_value": {"WBValue": f"{_MEDIA}:Value"},
    "sdk.data_types.bokeh": {"Bokeh": f"{_MEDIA}:Bokeh"},
    "sdk.data_types.eval_table": {"EvalTable": f"{_MEDIA}:EvalTable"},
    "sdk.data_types.graph": {name: f"{_MEDIA}:{name}" for name in ("Edge", "Graph", "Node")},
    "sdk.data_types.helper_types.bounding_boxes_2d": {"BoundingBoxes2D": f"{_MEDIA}:BoundingBoxes2D"},
    "sdk.data_types.helper_types.classes": {"Classes": f"{_MEDIA}:Classes"},
    "sdk.data_types.helper_types.image_mask": {"ImageMask": f"{_MEDIA}:ImageMask"},
    "sdk.data_types.histogram": {"Histogram": f"{_MEDIA}:Histogram"},
    "sdk.data_types.html": {"Html": f"{_MEDIA}:Html"},
    "sdk.data_types.image": {"Image": f"{_MEDIA}:Image"},
    "sdk.data_types.molecule": {"Molecule": f"{_MEDIA}:Molecule"},
    "sdk.data_types.object_3d": {name: f"{_MEDIA}:{name}" for name in ("Object3D", "box3d")},
    "sdk.data_types.plotly": {"Plotly": f"{_MEDIA}:Plotly"},
    "sdk.data_types.table": {name: f"{_MEDIA}:{name}" for name in ("JoinedTable", "PartitionedTable", "Table")},
    "sdk.data_types.video": {"Video": f"{_MEDIA}:Video"},
    "sdk.lib.config_util": {"ConfigError": "kymograph.errors:ConfigError", "Error": "kymograph.errors:Error"},
    "sdk.lib.disabled": {"RunDisabled": f"{_STAND_INS}:RunDisabled"},
    "sdk.lib.run_moment": {"RunMoment": "kymograph.sdk.settings_values:RunMoment"},
    "sdk.lib.runid": {"generate_id": "kymograph.sdk.util:generate_id"},
    "sdk.wandb_alerts": {"AlertLevel": "kymograph.sdk.alerts:AlertLevel"},
    "sdk.wandb_config": {"Config": "kymograph.sdk.config:Config", "ConfigStatic": "kymograph.sdk.config:StaticConfig"},
    "sdk.wandb_init": {"init": "kymograph.sdk.init:init"},
    "sdk.wandb_login": {"login": "kymograph.sdk.login:login"},
    "sdk.wandb_metric": {"Metric": "kymograph.core.metric_definitions:MetricDefinition"},
    "sdk.wandb_run": {
        "Run": "kymograph.sdk.run:Run",
        "finish": "kymograph.sdk.shortcuts:finish",
        "restore": "kymograph.sdk.restore:restore",
    },
    "sdk.wandb_setup": {"setup": "kymograph.sdk.process:setup", "singleton": "kymograph.sdk.process:setup"},
    "wandb_run": {"Run": "kymograph.sdk.run:Run"},
}
"""Paths below ``wandb`` → names there that are not simply those of a module of ours → ``module:name``."""

ROOT_NAMES = {
    "_attach": "kymograph.sdk.attach:attach",
    "wandb_lib": "wandb.sdk.lib",
    "wandb_sdk": "wandb.sdk",
}
"""What ``wandb`` itself has besides the names of ``kymograph``."""

PACKAGES = frozenset({"wabucketref"})
"""Other packages whose names are found in ours: each is a module in the folder ``path``. Source: seeds.md B.3."""


def all_paths() -> frozenset[str]:
    """Every path that can be imported, the packages on the way included; ``""`` is ``wandb`` itself."""
    paths = {""}
    for path in (*MODULES, *NAMES):
        parts = path.split(".")
        paths.update(".".join(parts[:end]) for end in range(1, len(parts) + 1))
    return frozenset(paths)
