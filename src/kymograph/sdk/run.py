"""A run, as a training script holds it.

Everything that is said to it goes into its journal before the call returns; a sender, if there is one, moves it on. So
no method waits for a server, and none raises for what a network or a disk does.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Literal, Self

from kymograph.core.metric_definitions import MetricDefinition, define_metric
from kymograph.errors import InvalidChoice, RunFinished, UsageError
from kymograph.sdk import records
from kymograph.sdk.config import Config
from kymograph.sdk.journal import Journal
from kymograph.sdk.notices import Voice
from kymograph.sdk.rows import RowWriter
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.run_members import ArtifactMembers
from kymograph.sdk.settings import Settings
from kymograph.sdk.summary import Summary
from kymograph.types import JsonValue
from kymograph.wire.metric_records import encode_definition
from kymograph.wire.records_pb2 import FilesItem, Record, RunRecord, SummaryRecord

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact
    from kymograph.sdk.capture.session import CaptureSession
    from kymograph.sdk.link import SenderLink
    from kymograph.sdk.run_artifacts import RunArtifacts
    from kymograph.sdk.tensorboard.follower import EventFollower
    from kymograph.sdk.watch import Watcher
    from kymograph.sdk.watched_graph import WatchedGraph

_log = logging.getLogger(__name__)
ALERT_LEVELS = ("INFO", "WARN", "ERROR")
MAX_TITLE = 64
DEFAULT_ALERT_WAIT_S = 60.0


class Run(ArtifactMembers):
    """One execution of a program. Made by `init`; safe to share between threads."""

    def __init__(
        self,
        settings: Settings,
        folder: RunFolder,
        journal: Journal,
        record: RunRecord,
        *,
        config: Config,
        rows: RowWriter,
        link: SenderLink | None,
        is_resumed: bool = False,
    ) -> None:
        """Put together by `init`; scripts do not call this."""
        self._settings, self._folder, self._journal, self._record = settings, folder, journal, record
        self._voice = Voice.of(settings)
        self._config, self._rows, self._link = config, rows, link
        self._is_resumed = is_resumed
        self._starting_step = rows.step
        self._started_at = record.start_time.ToDatetime(UTC).timestamp()
        self._is_finished = False
        self._exit_code: int | None = None
        self._pid = os.getpid()
        self._is_guest = False  # another process began it, and ends it
        self._watcher: Watcher | None = None
        self._artifact_operations: RunArtifacts | None = None
        self._follower: EventFollower | None = None
        self._captures: CaptureSession | None = None
        self._lock = threading.RLock()
        self._last_alerts: dict[str, float] = {}
        self._on_finish: list[Callable[[], None]] = []
        self._summary = Summary(
            pull=rows.pull,
            on_change=lambda path, value: self._append(records.summary_change(path, value)),
            on_remove=lambda path: self._append(records.summary_removal(path)),
            prepare=rows.prepare,
        )
        rows.fold_into(self._fold_rows)

    def _fold_rows(self, rows: Any) -> None:
        for row in rows:
            self._summary._builder.add_row(row)
        self._summary.invalidate()

    # --- what it is --------------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """Short id, unique in the project."""
        return self._record.run_id

    @property
    def name(self) -> str | None:
        """What people call it; may be changed. None while no name is known."""
        return self._record.display_name or None

    @name.setter
    def name(self, name: str) -> None:
        self._change(display_name=name)

    @property
    def notes(self) -> str | None:
        """Free text; may be changed."""
        return self._record.notes or None

    @notes.setter
    def notes(self, notes: str) -> None:
        self._change(notes=notes)

    @property
    def tags(self) -> tuple[str, ...]:
        """Labels; may be replaced."""
        return tuple(self._record.tags)

    @tags.setter
    def tags(self, tags: Sequence[str]) -> None:
        self._change(tags=tuple(tags))

    @property
    def config(self) -> Config:
        """Inputs of the run, a mapping that is also an object."""
        return self._config

    @property
    def config_static(self) -> Any:
        """A copy of the config that cannot be changed."""
        from kymograph.sdk.config import StaticConfig

        return StaticConfig(self._config.as_dict())

    @property
    def summary(self) -> Summary:
        """One value per metric: the last that was logged, unless it was set or defined otherwise."""
        return self._summary

    @property
    def entity(self) -> str:
        """Whose project it is in; empty while no server has said."""
        return self._record.entity

    @property
    def project(self) -> str:
        """The project it is in."""
        return self._record.project or "uncategorized"

    @property
    def group(self) -> str:
        """What it belongs together with."""
        return self._record.run_group

    @property
    def job_type(self) -> str:
        """What kind of work it does."""
        return self._record.job_type

    @property
    def path(self) -> str:
        """Entity, project and id, as an address."""
        return "/".join(part for part in (self.entity, self.project, self.id) if part)

    @property
    def dir(self) -> str:
        """The folder whose files belong to the run."""
        return str(self._folder.files)

    @property
    def sync_dir(self) -> str:
        """The folder of everything that is kept of the run; ``kymograph sync`` takes it."""
        return str(self._folder.path)

    @property
    def url(self) -> str | None:
        """Its page; None if nothing is sent, or no server has said yet."""
        return None if self.offline or not self.entity else f"{self._project_url}/runs/{self.id}"

    @property
    def project_url(self) -> str | None:
        """The page of its project."""
        return None if self.offline or not self.entity else self._project_url

    @property
    def _project_url(self) -> str:
        return f"{self._settings.app_url}/{self.entity}/{self.project}"

    @property
    def sweep_id(self) -> str | None:
        """The sweep it is part of."""
        return self._record.sweep_id or None

    @property
    def sweep_url(self) -> str | None:
        """The page of that sweep."""
        if self.sweep_id is None or self.project_url is None:
            return None
        return f"{self.project_url}/sweeps/{self.sweep_id}"

    @property
    def start_time(self) -> float:
        """When it began, in s since the epoch."""
        return self._started_at

    @property
    def starting_step(self) -> int:
        """The first step that this process writes."""
        return self._starting_step

    @property
    def step(self) -> int:
        """The step that the next row gets."""
        return self._rows.step

    @property
    def resumed(self) -> bool:
        """Whether it goes on with a run that was there."""
        return self._is_resumed

    @property
    def offline(self) -> bool:
        """Whether nothing is sent now."""
        return self._settings.is_offline

    @property
    def disabled(self) -> bool:
        """Whether nothing is kept at all."""
        return self._settings.is_disabled

    @property
    def settings(self) -> Settings:
        """A copy of the settings that hold for it."""
        return self._settings.copy()

    def __repr__(self) -> str:
        return f"<Run {self.path}{' (finished)' if self._is_finished else ''}>"

    # --- logging -----------------------------------------------------------------------------------------------------

    def log(self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
        """Write values of metrics.

        Args:
            data: Names to numbers, texts, media, tables, or mappings of such.
            step: Of the row; default: the present one. Steps may come in any order.
            commit: Whether the row is whole, so that the next goes to the next step. Default: without a `step`.

        Raises:
            InvalidValue: Something that cannot be logged, named; then nothing of the call is.
            RunFinished: The run has ended.
        """
        if self._is_finished:
            raise RunFinished(self.id, "log()")
        self._rows.log(data, step, commit)

    def define_metric(
        self,
        name: str,
        step_metric: str | MetricDefinition | None = None,
        step_sync: bool | None = None,
        hidden: bool | None = None,
        summary: str | None = None,
        goal: str | None = None,
        overwrite: bool | None = None,
    ) -> MetricDefinition:
        """Say how a metric, or all that a name ending in ``*`` fits, is summarised and drawn.

        Args:
            name: Of the metric.
            step_metric: Its x axis.
            step_sync: Whether rows without the x axis get its last value. Default: with a `step_metric`.
            hidden: Whether charts leave it out.
            summary: Any of min, max, mean, last, first, best, none, separated by commas.
            goal: Of "best": minimize or maximize.
            overwrite: Whether what was said of the name before is void.

        Raises:
            UsageError: An argument that cannot be used, named.
        """
        self._check_running("define_metric()")
        x_name = step_metric.name if isinstance(step_metric, MetricDefinition) else step_metric
        definition = define_metric(
            name, step_metric=x_name, step_sync=step_sync, hidden=hidden, summary=summary, goal=goal
        )
        defined = self._rows.define(definition, overwrite=bool(overwrite))
        self._summary._document()
        self._summary._builder.define(definition, overwrite=bool(overwrite))
        self._summary.invalidate()
        self._append(Record(metric=encode_definition(definition, overwrite=bool(overwrite))))
        return defined

    def alert(
        self, title: str, text: str = "", level: str | Any = None, wait_duration: float | Any = DEFAULT_ALERT_WAIT_S
    ) -> None:
        """Tell the people who follow the run something.

        Args:
            title: Of the message, below 64 characters.
            text: Of the message.
            level: INFO (default), WARN or ERROR.
            wait_duration: How long another of that title is held back: s, or a timedelta.

        Raises:
            UsageError: The title is too long, or the level unknown.
        """
        self._check_running("alert()")
        shown = str(getattr(level, "value", level) or "INFO").upper()
        if shown not in ALERT_LEVELS:
            raise InvalidChoice("level", level, rule=f"one of {', '.join(ALERT_LEVELS)}")
        if len(title) >= MAX_TITLE:
            raise UsageError(f"alert(title=…) has {len(title)} characters; keep it below {MAX_TITLE}")
        wait_s = wait_duration.total_seconds() if hasattr(wait_duration, "total_seconds") else float(wait_duration or 0)
        now = time.monotonic()
        if now - self._last_alerts.get(title, -wait_s) < wait_s:
            return
        self._last_alerts[title] = now
        self._append(records.alert(title, text, shown, int(wait_s * 1000)))

    def write_logs(self, text: str) -> None:
        """Add text to the run's console, and print it nowhere."""
        self._check_running("write_logs()")
        self._print("stdout", text if text.endswith("\n") else text + "\n")

    def mark_preempting(self) -> None:
        """Say that the machine is about to be taken away: the run then counts as preempted, not as failed."""
        self._check_running("mark_preempting()")
        self._append(records.preempting())

    def pin_config_keys(self, keys: Sequence[str]) -> None:
        """Show some keys of the config first."""
        self._check_running("pin_config_keys()")
        self._append(records.config_change(("_wandb", "pinned_config_keys"), [*keys]))

    def status(self) -> dict[str, Any]:
        """How far the sender is: rows acknowledged, files done, and what keeps it from sending, if anything does."""
        if self._link is None:
            return {"is_sent": False}
        return {"is_sent": True, "trouble": self._link.trouble or None, **self._link.progress}

    # --- showing -----------------------------------------------------------------------------------------------------

    def to_html(self, height: int = 420, hidden: bool = False) -> str:
        """The run's page as HTML for a notebook: a frame, behind a button if `hidden`."""
        from kymograph.sdk.showing import run_html

        return run_html(self, height, hidden)

    def display(self, height: int = 420, hidden: bool = False) -> bool:
        """Show the run's page in a notebook; returns whether there is one to show it in."""
        from kymograph.sdk.showing import display_run

        return display_run(self, height, hidden)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.to_html(hidden=True), "text/plain": repr(self)}

    # --- files -------------------------------------------------------------------------------------------------------

    def save(
        self,
        glob_str: str | os.PathLike[str],
        base_path: str | os.PathLike[str] | None = None,
        policy: Literal["now", "live", "end"] = "live",
        glob: bool = True,
    ) -> list[str]:
        """Have files kept with the run.

        Args:
            glob_str: A path, or a pattern of paths.
            base_path: What their names on the server are relative to.
            policy: When they are sent: once, at the end, or whenever they change.
            glob: Whether `glob_str` is a pattern.

        Returns:
            Their paths in the run's folder.

        Raises:
            UsageError: The policy is unknown, or the pattern leaves `base_path`.
        """
        self._check_running("save()")
        from kymograph.sdk.capture.files import plan_save

        plan = plan_save(glob_str, base_path=base_path, policy=policy, glob=glob)
        for note in plan.notes:
            self._voice.warn(note)
        if self.disabled:
            return []
        saved = plan.place(self._folder.files, uses_symlinks=self._settings.symlink)
        for file in saved:
            self._append(records.files([file.name], file.policy))
        return [str(file.path) for file in saved]

    # --- artifacts ---------------------------------------------------------------------------------------------------

    def _artifacts(self, member: str) -> RunArtifacts:
        self._check_running(member)
        return self._operate_on_artifacts()

    def _operate_on_artifacts(self) -> RunArtifacts:
        with self._lock:
            if self._artifact_operations is None:
                from kymograph.sdk.run_artifacts import RunArtifacts

                self._artifact_operations = RunArtifacts(self)
            return self._artifact_operations

    # --- the end -----------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.finish(exit_code=0 if kind is None else 1)

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        """End the run: what is left is sent, for `finish_timeout` seconds here, then by the sender alone.

        Args:
            exit_code: 0 is success; default: 0, or what `sys.exit` was given.
            quiet: Whether to say nothing about it.
        """
        with self._lock:
            if self._is_finished:
                return
            if os.getpid() != self._pid:
                return  # a forked child does not end what its parent runs
            for hook in self._on_finish:
                try:
                    hook()
                # Of parts of the SDK that follow what others write: none of their troubles keeps the run from ending.
                except Exception as error:
                    self._voice.warn(f"something of run {self.id} may be missing: {error}")
                    _log.debug("why a part of the run could not end", exc_info=True)
            if self._captures is not None:
                self._captures.stop()
            code = exit_code or 0
            if not self._is_guest:
                self._append_summary()
                self._append(records.exit_of(code, self._rows.runtime_s()))
            self._is_finished, self._exit_code = True, code
            self._journal.close()
            if self._is_guest:
                return
        if self._settings.resume == "auto" and code == 0:
            from kymograph.sdk.auto_resume import forget_run

            forget_run(Path(self._settings.resume_fname))
        from kymograph.sdk.ending import end

        end(self, is_quiet=bool(quiet))

    def join(self, exit_code: int | None = None) -> None:
        """`finish`, by its old name."""
        self.finish(exit_code)

    # --- models and code ---------------------------------------------------------------------------------------------

    def watch(
        self,
        models: Any,
        criterion: Any = None,
        log: Literal["gradients", "parameters", "all"] | None = "gradients",
        log_freq: int = 1000,
        idx: int | None = None,
        log_graph: bool = False,
    ) -> list[WatchedGraph]:
        """Log histograms of the parameters and gradients of PyTorch models while they train.

        Args:
            models: One, or a list of several.
            criterion: Not needed; accepted for old scripts.
            log: What is logged; None for neither. Nothing is where the setting `watch` is false.
            log_freq: After how many batches.
            idx: Number of the first model, for the names of metrics.
            log_graph: Whether the layers are put into the summary.

        Returns:
            The graphs of the layers, with `log_graph`; empty until data goes through.

        Raises:
            UsageError: Something is no model, is watched already, or `log` is unknown.
        """
        self._check_running("watch()")
        if str(self._settings.watch or "").lower() in ("false", "0", "no"):
            return []
        if self._watcher is None:
            from kymograph.sdk.watch import Watcher

            self._watcher = Watcher(self)
        return self._watcher.watch(models, what=log, every=log_freq, index=idx, with_graph=log_graph)

    def unwatch(self, models: Any = None) -> None:
        """Stop watching some models, or all."""
        if self._watcher is not None:
            self._watcher.unwatch(models)
        elif models is not None:
            self._voice.warn("unwatch(): no model is watched")

    def log_code(
        self,
        root: str | os.PathLike[str] | None = ".",
        name: str | None = None,
        include_fn: Callable[..., bool] | None = None,
        exclude_fn: Callable[..., bool] | None = None,
    ) -> Artifact | None:
        """Log the code of the run as an artifact of type ``code``.

        Args:
            root: The folder where it is.
            name: Of the artifact; default: ``source-<project>-<program>``.
            include_fn: Says of a path, or of a path and the root, that the file is code. Default: Python files,
                requirements and Dockerfiles.
            exclude_fn: The same, that it is not. Default: folders of runs.

        Returns:
            The artifact; None if there is no code.
        """
        operations = self._artifacts("log_code()")
        from kymograph.sdk.capture.code import is_code_file, is_run_folder_file
        from kymograph.sdk.log_code import code_artifact

        if self.disabled:
            return None
        artifact = code_artifact(
            self._settings,
            root=root or ".",
            name=name,
            include=include_fn or is_code_file,
            exclude=exclude_fn or is_run_folder_file,
        )
        if artifact is None:
            return None
        operations.log_own(artifact)
        self._set_config(("_wandb", "code_path"), artifact.name)
        return artifact

    def restore(
        self,
        name: str,
        run_path: str | None = None,
        replace: bool = False,
        root: str | os.PathLike[str] | None = None,
    ) -> IO[Any] | None:
        """Fetch a file of a run, by default of this one; None if there is none of that name.

        Raises:
            RunNotFound: There is no such run.
            KymographError: The server cannot be asked.
        """
        from kymograph.sdk.restore import restore

        return restore(name, run_path or self.path, replace, root or self.dir)

    # --- other names for the same ------------------------------------------------------------------------------------

    def get_url(self) -> str | None:
        """`url`, by its old name."""
        return self.url

    def get_project_url(self) -> str | None:
        """`project_url`, by its old name."""
        return self.project_url

    def get_sweep_url(self) -> str | None:
        """`sweep_url`, by its old name."""
        return self.sweep_url

    def project_name(self) -> str:
        """`project`, by its old name."""
        return self.project

    # --- other processes, other packages -----------------------------------------------------------------------------

    @property
    def _attach_id(self) -> str:
        """What another process gives to `attach` to take part."""
        from kymograph.sdk.attach import ticket_of

        return ticket_of(self)

    def __reduce__(self) -> tuple[Callable[[str], Run], tuple[str]]:
        from kymograph.sdk.attach import attach

        return attach, (self._attach_id,)

    def _label(self, repo: str | None = None, code: str | None = None, **_others: Any) -> None:
        """Packages that log on behalf of a script say here who they are."""
        record = records.label(repo=repo or "", code=code or "")
        if record is not None and not self._is_finished:
            self._append(record)

    # --- for the parts of the SDK ------------------------------------------------------------------------------------

    def _append(self, record: Record) -> None:
        if self._is_finished:
            return
        self._journal.append(record)

    def _append_summary(self) -> None:
        """For readers that do not fold rows: other clients' journals say what the summary is."""
        document = self._summary._document()
        items = [records.item((key,), value) for key, value in document.items()]
        if items:
            self._append(Record(summary=SummaryRecord(update=items)))

    def _print(self, stream: str, text: str) -> None:
        self._append(records.output(stream, text, datetime.now(UTC)))

    def _sample(self, values: Mapping[str, float], at: datetime) -> None:
        self._append(records.stats(values, at))

    def _keep(self, names: Sequence[str], *, kind: FilesItem.FileType) -> None:
        self._append(records.files(names, "now", kind=kind))

    def _set_config(self, path: tuple[str, ...], value: JsonValue) -> None:
        self._append(records.config_change(path, value))

    def _change(self, **fields: Any) -> None:
        self._check_running("a change")
        with self._lock:
            for name, value in fields.items():
                if isinstance(value, tuple):
                    del getattr(self._record, name)[:]
                    getattr(self._record, name).extend(value)
                else:
                    setattr(self._record, name, value or "")
            changed = RunRecord()
            changed.CopyFrom(self._record)
            changed.ClearField("config")
            changed.ClearField("summary")
            self._append(records.run(changed))

    def _check_running(self, member: str) -> None:
        if self._is_finished:
            raise RunFinished(self.id, member)
