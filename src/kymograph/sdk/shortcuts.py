"""The module-level functions: each means the active run.

Functions rather than stand-ins that are replaced: what is imported before ``init`` is the same as after it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from kymograph.core.metric_definitions import MetricDefinition
from kymograph.errors import NoActiveRun
from kymograph.sdk.active import active_run, require_run, unfinished_runs
from kymograph.sdk.run import DEFAULT_ALERT_WAIT_S

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact
    from kymograph.sdk.watched_graph import WatchedGraph


def log(data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
    """`Run.log` of the active run."""
    require_run("log()").log(data, step, commit)


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
    """End the active run, if there is one."""
    run = active_run()
    if run is not None:
        run.finish(exit_code, quiet)


def define_metric(
    name: str,
    step_metric: str | MetricDefinition | None = None,
    step_sync: bool | None = None,
    hidden: bool | None = None,
    summary: str | None = None,
    goal: str | None = None,
    overwrite: bool | None = None,
) -> MetricDefinition:
    """`Run.define_metric` of the active run."""
    run = require_run("define_metric()")
    return run.define_metric(name, step_metric, step_sync, hidden, summary, goal, overwrite)


def alert(
    title: str, text: str = "", level: str | Any = None, wait_duration: float | Any = DEFAULT_ALERT_WAIT_S
) -> None:
    """`Run.alert` of the active run."""
    require_run("alert()").alert(title, text, level, wait_duration)


def save(
    glob_str: str | os.PathLike[str],
    base_path: str | os.PathLike[str] | None = None,
    policy: Literal["now", "live", "end"] = "live",
    glob: bool = True,
) -> list[str]:
    """`Run.save` of the active run."""
    return require_run("save()").save(glob_str, base_path, policy, glob)


def log_artifact(
    artifact_or_path: Artifact | str | os.PathLike[str],
    name: str | None = None,
    type: str | None = None,
    aliases: Sequence[str] | str | None = None,
    tags: Sequence[str] | str | None = None,
) -> Artifact:
    """`Run.log_artifact` of the active run."""
    return require_run("log_artifact()").log_artifact(artifact_or_path, name, type, aliases, tags)


def use_artifact(
    artifact_or_name: Artifact | str,
    type: str | None = None,
    aliases: Sequence[str] | str | None = None,
    use_as: str | None = None,
) -> Artifact:
    """`Run.use_artifact` of the active run."""
    return require_run("use_artifact()").use_artifact(artifact_or_name, type, aliases, use_as)


def log_model(
    path: str | os.PathLike[str], name: str | None = None, aliases: Sequence[str] | str | None = None
) -> None:
    """`Run.log_model` of the active run."""
    require_run("log_model()").log_model(path, name, aliases)


def use_model(name: str) -> str:
    """`Run.use_model` of the active run."""
    return require_run("use_model()").use_model(name)


def link_model(
    path: str | os.PathLike[str],
    registered_model_name: str,
    name: str | None = None,
    aliases: Sequence[str] | str | None = None,
) -> Artifact | None:
    """`Run.link_model` of the active run."""
    return require_run("link_model()").link_model(path, registered_model_name, name, aliases)


def mark_preempting() -> None:
    """`Run.mark_preempting` of the active run."""
    require_run("mark_preempting()").mark_preempting()


def write_logs(text: str) -> None:
    """`Run.write_logs` of the active run."""
    require_run("write_logs()").write_logs(text)


def pin_config_keys(keys: Sequence[str]) -> None:
    """`Run.pin_config_keys` of the active run."""
    require_run("pin_config_keys()").pin_config_keys(keys)


def watch(
    models: Any,
    criterion: Any = None,
    log: Literal["gradients", "parameters", "all"] | None = "gradients",
    log_freq: int = 1000,
    idx: int | None = None,
    log_graph: bool = False,
) -> list[WatchedGraph]:
    """`Run.watch` of the active run."""
    return require_run("watch()").watch(models, criterion, log, log_freq, idx, log_graph)


def unwatch(models: Any = None) -> None:
    """`Run.unwatch` of the active run."""
    require_run("unwatch()").unwatch(models)


def teardown(exit_code: int | None = None) -> None:
    """End all runs of this process."""
    for run in unfinished_runs():
        run.finish(exit_code)


class Unstarted:
    """What ``config`` and ``summary`` are before there is a run: every use says what to do."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        """Stand for something of a run."""
        object.__setattr__(self, "_name", name)

    def _refuse(self) -> NoReturn:
        raise NoActiveRun(f"kymograph.{self._name}")

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)
        self._refuse()

    def __setattr__(self, key: str, value: Any) -> None:
        self._refuse()

    def __getitem__(self, key: str) -> Any:
        self._refuse()

    def __setitem__(self, key: str, value: Any) -> None:
        self._refuse()

    def __repr__(self) -> str:
        return f"<kymograph.{self._name}: there is no run yet>"


def config_of_run() -> Any:
    """The active run's config."""
    run = active_run()
    return Unstarted("config") if run is None else run.config


def summary_of_run() -> Any:
    """The active run's summary."""
    run = active_run()
    return Unstarted("summary") if run is None else run.summary
