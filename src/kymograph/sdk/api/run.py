"""A run, as it is read back."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kymograph.client import public_documents as documents
from kymograph.client import public_reads
from kymograph.client.artifact_values import as_object, whole
from kymograph.client.fields import object_of, text_of
from kymograph.client.operations import Operation, Pause, Send, ask
from kymograph.client.runs import RunAddress, parse_upload_headers
from kymograph.core import exact_json
from kymograph.core.config import INTERNAL_KEY
from kymograph.core.names import parse_file_path
from kymograph.core.plain_values import to_plain
from kymograph.errors import ProtocolError, RunFileNotFound, UsageError, WaitTimeoutError
from kymograph.sdk.api import run_artifacts
from kymograph.sdk.api.artifacts import RunArtifacts
from kymograph.sdk.api.attributes import Page, quoted
from kymograph.sdk.api.console import ConsoleLogs
from kymograph.sdk.api.either import M, either
from kymograph.sdk.api.exports import HistoryExports, download_exports
from kymograph.sdk.api.files import PER_PAGE, File, Files
from kymograph.sdk.api.frames import Format, check_format, rows_to
from kymograph.sdk.api.run_history import Stream, read_history
from kymograph.sdk.api.run_summary import RunSummary
from kymograph.sdk.api.scan import PAGE_STEPS, HistoryScan
from kymograph.sdk.api.session import ApiSession
from kymograph.sdk.api.users import User
from kymograph.types import JsonObject

if TYPE_CHECKING:
    from kymograph.sdk.api.sweeps import Sweep
    from kymograph.sdk.artifacts.artifact import Artifact

METADATA_FILE = "wandb-metadata.json"
ENDED = frozenset({"finished", "crashed", "failed", "killed", "preempted"})
POLL_S = 5.0
_MARKS_FEATURE = "MARK_RUN_FILES_UPLOADED"
_NOTES = (INTERNAL_KEY, "wandb_version")
"""What clients note in a config about themselves."""


class Run(Page[M]):
    """A run. What is assigned here, and changed in `config` and `summary`, is kept by `update`.

    Attributes:
        sweep_name: Id of the sweep that it belongs to, if it does.
    """

    state: str
    tags: list[str]
    notes: str | None
    group: str | None
    job_type: str | None
    description: str | None
    commit: str | None
    created_at: str
    heartbeat_at: str | None
    sweep_name: str | None
    history_line_count: int | None
    read_only: bool | None

    def __init__(
        self,
        session: ApiSession[M],
        at: RunAddress,
        node: JsonObject,
        *,
        is_light: bool = False,
        complete: Callable[[Run[M]], Operation[None]] | None = None,
    ) -> None:
        """Describe what a server has told.

        Args:
            session: With the server.
            at: Where the run is.
            node: Its document.
            is_light: Whether config, summary and the like are not in it, and are read when they are looked at.
            complete: Reads them for this run and others of its list.
        """
        super().__init__(session, node)
        self.at, self._is_light, self._complete = at, is_light, complete
        self._config: JsonObject | None = None
        self._raw_config: JsonObject | None = None
        self._summary: RunSummary[M] | None = None
        self._metadata: JsonObject | None = None
        self._sweep: Sweep[M] | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        field = _ASSIGNABLE.get(name)
        if field is None:
            object.__setattr__(self, name, value)
        else:
            self._node[field] = value

    # --- what it is --------------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The short id, unique in the project."""
        return self.at.run_id

    @property
    def name(self) -> str | None:
        """The name that people gave it; assign and `update()` to rename it."""
        return text_of(self._node, "displayName")

    @name.setter
    def name(self, name: str) -> None:
        self._node["displayName"] = name

    @property
    def storage_id(self) -> str:
        """The server's name for it."""
        return str(self._node["id"])

    @property
    def entity(self) -> str:
        """Whose project it is in."""
        return self.at.entity

    @property
    def username(self) -> str:
        """The same as `entity`, under its former name."""
        return self.at.entity

    @property
    def project(self) -> str:
        """The project it is in."""
        return self.at.project

    @property
    def path(self) -> list[str]:
        """Entity, project and id, as parts of an address."""
        return quoted(self.at.entity, self.at.project, self.at.run_id)

    @property
    def url(self) -> str:
        """Address of its page."""
        entity, project, run_id = self.path
        return f"{self._session.app_url}/{entity}/{project}/runs/{run_id}"

    @property
    def user(self) -> User[M] | None:
        """Who made it."""
        node = self._node.get("user")
        return User(self._session, node) if isinstance(node, dict) else None

    @property
    def project_number(self) -> int | None:
        """The server's number of the project, if it tells."""
        return whole(self._node.get("projectId"))

    @property
    def sweep(self) -> Sweep[M] | None:
        """The sweep that it belongs to."""
        from kymograph.sdk.api.sweeps import read_sweep

        if self._sweep is None and self.sweep_name:
            reading = read_sweep(self._session, RunAddress(self.entity, self.project, self.sweep_name))
            self._sweep = self._session.now(reading, instead="ask the api for it: await api.sweep(path)")
        return self._sweep

    @property
    def lastHistoryStep(self) -> int:  # noqa: N802 — its name in the protocol's client
        """The last step of the history, asked anew each time; -1 without history."""
        return self._session.now(self._session.reads.last_step(self.at), instead="await last_history_step()")

    @either
    def last_history_step(self) -> Operation[int]:
        """The last step of the history, asked anew each time; -1 without history."""
        return (yield from self._session.reads.last_step(self.at))

    # --- config, summary, metadata -----------------------------------------------------------------------------------

    def _field(self, name: str) -> JsonObject:
        """A part of the document that lists of runs leave out."""
        if name not in self._node:
            self._session.now(self._load_field(name), instead="await run.load_full_data() first")
        return object_of(self._node.get(name))

    def _load_field(self, name: str) -> Operation[None]:
        if self._is_light and self._complete is not None:
            yield from self._complete(self)
        if name not in self._node:
            yield from self._load_whole()

    def _load_whole(self) -> Operation[None]:
        self._add((yield from self._session.reads.run(self.at)))

    def _add(self, node: JsonObject) -> None:
        """Take what was not known; what was assigned, or looked at and changed, is not to be lost."""
        self._node = {**node, **self._node}
        self._is_light = False

    @property
    def rawconfig(self) -> JsonObject:
        """The config with what clients note in it about themselves."""
        if self._raw_config is None:
            document = self._field("config")
            self._raw_config = {
                key: item["value"] if isinstance(item, dict) and "value" in item else item
                for key, item in document.items()
            }
        return self._raw_config

    @property
    def config(self) -> JsonObject:
        """The config; change it, then `update()`."""
        if self._config is None:
            self._config = {key: value for key, value in self.rawconfig.items() if key not in _NOTES}
        return self._config

    @config.setter
    def config(self, config: JsonObject) -> None:
        self._config = config

    @property
    def json_config(self) -> str:
        """The config as the server keeps it."""
        document: JsonObject = {key: {"value": to_plain(value), "desc": None} for key, value in self.config.items()}
        if INTERNAL_KEY in self.rawconfig:
            document = {INTERNAL_KEY: {"value": self.rawconfig[INTERNAL_KEY], "desc": None}, **document}
        return exact_json.dumps(document)

    @property
    def summary(self) -> RunSummary[M]:
        """The summary; change it, then `summary.update()`."""
        if self._summary is None:
            values = self._field("summaryMetrics")
            self._summary = RunSummary(self._session, self.storage_id, values)
        return self._summary

    @property
    def summary_metrics(self) -> JsonObject:
        """The summary as a dictionary."""
        return dict(self.summary.items())

    @property
    def system_metrics(self) -> JsonObject:
        """The last value of each system metric."""
        return self._field("systemMetrics")

    @property
    def history_keys(self) -> JsonObject | None:
        """What was logged: steps and types by key."""
        return self._field("historyKeys") or None

    @property
    def metadata(self) -> JsonObject | None:
        """The machine and the program, from the file ``wandb-metadata.json``; None if there is none that reads."""
        if self._metadata is None:
            self._session.now(Run.read_metadata.operation(self), instead="await run.read_metadata()")
        return self._metadata

    @either
    def read_metadata(self) -> Operation[JsonObject | None]:
        """The machine and the program; see `metadata`."""
        if self._metadata is None:
            try:
                text = yield from self._text_of(METADATA_FILE)
                self._metadata = object_of(text) or None
            except (RunFileNotFound, ValueError):
                return None
        return self._metadata

    def _text_of(self, name: str) -> Operation[str]:
        import tempfile

        found = yield from self._file(name)
        with tempfile.TemporaryDirectory() as folder:
            path = yield from found._put_into(Path(folder), replace=True, exist_ok=True)
            return path.read_text(encoding="utf-8")

    @either
    def load(self, force: bool = False) -> Operation[JsonObject]:
        """What the server says of the run; `force` asks it anew, for as much as is known here."""
        if force:
            self._take((yield from self._session.reads.run(self.at, is_light=self._is_light)))
        return self._node

    def _take(self, node: JsonObject) -> None:
        self._node = node
        self._config = self._raw_config = self._summary = None

    @either
    def load_full_data(self, force: bool = False) -> Operation[JsonObject]:
        """What the server says of the run, with config and summary; `force` asks it anew."""
        if force:
            self._take((yield from self._session.reads.run(self.at)))
        elif self._is_light:
            yield from self._load_whole()
        return self._node

    # --- history -----------------------------------------------------------------------------------------------------

    @either
    def history(
        self,
        samples: int = 500,
        keys: Sequence[str] | None = None,
        x_axis: str = "_step",
        pandas: bool = True,
        stream: Stream = "default",
        *,
        any_of: bool = False,
        format: Format | None = None,
    ) -> Operation[Any]:
        """Rows of the history, at most so many: evenly apart, the first and the last among them.

        From our own server the same question always has the same answer while the history is the same.

        Args:
            samples: How many rows.
            keys: Only these metrics, and rows that have all of them.
            x_axis: A metric that every row has to have, too.
            pandas: Whether a data frame is wanted; otherwise a list of dictionaries.
            stream: ``system`` for the metrics of the machine.
            any_of: Whether a row with any of the keys is wanted.
            format: ``default``, ``pandas``, ``polars`` or ``arrow``, in place of `pandas`.

        Raises:
            UsageError: Keys are no list of texts, or are asked of system metrics.
            MissingPackage: The package is not installed.
        """
        wanted: Format = format or ("pandas" if pandas else "default")
        check_format(wanted)
        rows = yield from read_history(
            self._session, self.at, samples=samples, keys=keys, x_axis=x_axis, stream=stream, is_any=any_of
        )
        return rows_to(rows, wanted)

    def scan_history(
        self,
        keys: Sequence[str] | None = None,
        page_size: int = PAGE_STEPS,
        min_step: int = 0,
        max_step: int | None = None,
        use_cache: bool = True,
        *,
        any_of: bool = False,
    ) -> HistoryScan[M]:
        """All rows of the history, in ascending step order.

        Args:
            keys: Only these metrics and the step, and rows that have all of them.
            page_size: Steps of one request, of a server that is asked page by page.
            min_step: The first step that is wanted.
            max_step: The first step that is not wanted; None for the end.
            use_cache: Does nothing: nothing of a history is kept here, so nothing can be old. For old scripts.
            any_of: Whether a row with any of the keys is wanted.

        Raises:
            UsageError: Keys are no list of texts.
        """
        return HistoryScan(
            self._session,
            self.at,
            keys=keys,
            is_any=any_of,
            page_size=page_size,
            min_step=min_step,
            max_step=max_step,
        )

    beta_scan_history = scan_history

    @either
    def download_history_exports(
        self, download_dir: str | os.PathLike[str], require_complete_history: bool = True
    ) -> Operation[HistoryExports]:
        """Download the history as Parquet files.

        Args:
            download_dir: The folder where they go.
            require_complete_history: Whether it is an error if there are rows that are in no file yet.

        Raises:
            IncompleteRunHistoryError: There are.
        """
        return (
            yield from download_exports(
                self._session, self.at, Path(download_dir), is_whole_required=require_complete_history
            )
        )

    def console_logs(self, *, per_page: int = 1000, last: int | None = None) -> ConsoleLogs[M]:
        """What the program wrote to its console: all lines, or the last ones."""
        return ConsoleLogs(self._session, self.at, per_page=per_page, last=last)

    # --- files -------------------------------------------------------------------------------------------------------

    def files(
        self, names: Sequence[str] | None = None, pattern: str | None = None, per_page: int = PER_PAGE
    ) -> Files[M]:
        """Files of the run: all, some by name, or those whose names match a pattern as SQL's LIKE does it.

        Raises:
            UsageError: Both `names` and `pattern` are given.
        """
        return Files(
            self._session,
            self.at,
            names or (),
            pattern=pattern,
            per_page=per_page,
            project_number=self.project_number,
        )

    def _file(self, name: str) -> Operation[File[M]]:
        found = yield from self.files([name])._first(1)
        if not found:
            raise RunFileNotFound(name, within=self.at.path)
        return found[0]

    @either
    def file(self, name: str) -> Operation[File[M]]:
        """A file by its name. One that the run does not have is described, too: of size 0, and `exists` is false."""
        return (yield from self._file(name))

    @either
    def upload_file(self, path: str | os.PathLike[str], root: str | os.PathLike[str] = ".") -> Operation[File[M]]:
        """Send a file to the run.

        Args:
            path: Of the file; as the shell has it, relative to the current folder.
            root: The folder that its name in the run is relative to.

        Raises:
            OSError: It cannot be read.
            InvalidName: It is not below `root`.
            ProtocolError: The server does not want it.
        """
        base = Path(os.path.abspath(root))
        name = parse_file_path(Path(os.path.relpath(path, base)).as_posix())
        urls, lines = yield from public_reads.upload_targets(self.at, [name])
        if name not in urls:
            raise ProtocolError(f"the server does not want the file {name!r}")
        yield Send(urls[name], base / name, parse_upload_headers(lines))
        if (yield from self._session.offers(_MARKS_FEATURE)):
            named = {"entity": self.entity, "project": self.project, "run": self.id, "files": [name]}
            yield from ask(documents.MARK_UPLOADED, named)
        return (yield from self._file(name))

    # --- changes -----------------------------------------------------------------------------------------------------

    @either
    def update(self) -> Operation[None]:
        """Have the server keep what was changed here: names, notes, tags, group, config and summary."""
        if self._is_light:
            yield from self._load_whole()
        fields = ("description", "displayName", "notes", "tags", "group", "jobType")
        variables = {field: self._node.get(field) for field in fields}
        yield from ask(documents.UPDATE_RUN, {"id": self.storage_id, "config": self.json_config, **variables})
        yield from RunSummary.update.operation(self.summary)

    save = update

    @either
    def update_state(self, state: str) -> Operation[bool]:
        """Set the state by hand: ``pending`` or ``failed``; says whether that worked.

        Raises:
            KymographError: It cannot change so.
        """
        answer = yield from ask(documents.UPDATE_STATE, {"input": {"id": self.storage_id, "state": state}})
        is_done = as_object(answer.get("updateRunState")).get("success") is True
        if is_done:
            self._node["state"] = state
        return is_done

    @either
    def stop(self) -> Operation[None]:
        """Ask the run to stop; its process learns of it a little later."""
        yield from ask(documents.STOP_RUN, {"id": self.storage_id})

    @either
    def delete(self, delete_artifacts: bool = False) -> Operation[None]:
        """Delete the run; `delete_artifacts` says whether the versions that it made go, too."""
        document = documents.DELETE_RUN_WITH_ARTIFACTS if delete_artifacts else documents.DELETE_RUN
        yield from ask(document, {"id": self.storage_id})

    @either
    def wait_until_finished(self, timeout: float | None = None) -> Operation[None]:
        """Ask from time to time how the run is, until it has ended.

        Args:
            timeout: For at most so many s.

        Raises:
            RunNotFound: It was deleted meanwhile.
            WaitTimeoutError: It goes on.
        """
        waited_s = 0.0
        while True:
            self._node["state"] = (yield from public_reads.of_run(documents.STATE, self.at)).get("state")
            if self.state in ENDED:
                return
            if timeout is not None and waited_s >= timeout:
                raise WaitTimeoutError(f"run {self.at.path} is {self.state} still, after {timeout:g} s")
            pause_s = POLL_S if timeout is None else min(POLL_S, timeout - waited_s)
            yield Pause(pause_s)
            waited_s += pause_s

    # --- artifacts ---------------------------------------------------------------------------------------------------

    def logged_artifacts(self, per_page: int = 100, start: str | None = None) -> RunArtifacts[M]:
        """Versions that the run made; `start` is the `cursor` of an earlier list, to go on after it."""
        return RunArtifacts(self._session, self.at, "logged", per_page=per_page, start=start)

    def used_artifacts(self, per_page: int = 100, start: str | None = None) -> RunArtifacts[M]:
        """Versions that the run used; `start` is the `cursor` of an earlier list, to go on after it."""
        return RunArtifacts(self._session, self.at, "used", per_page=per_page, start=start)

    @either
    def use_artifact(self, artifact: Artifact, use_as: str | None = None) -> Operation[Artifact]:
        """Note that the run has used a version.

        Args:
            artifact: A version that a server has.
            use_as: Does nothing; accepted for old scripts.

        Raises:
            InvalidArtifact: It is no version yet.
        """
        return (yield from run_artifacts.use(self._session, self.at, artifact))

    @either
    def log_artifact(
        self,
        artifact: Artifact,
        aliases: Collection[str] | str | None = None,
        tags: Collection[str] | str | None = None,
    ) -> Operation[Artifact]:
        """Note that the run has made a version.

        Args:
            artifact: A version that a server has, made in the run's project.
            aliases: To give to it.
            tags: To give to it.

        Raises:
            InvalidArtifact: It is no version yet, or of another project.
        """
        return (yield from run_artifacts.log(self._session, self.at, artifact, aliases=aliases or (), tags=tags or ()))

    def __repr__(self) -> str:
        return f"<Run {'/'.join(self.path)} ({self._node.get('state', 'not found')})>"


_ASSIGNABLE = {
    "display_name": "displayName",
    "tags": "tags",
    "notes": "notes",
    "group": "group",
    "job_type": "jobType",
    "description": "description",
}
"""Attributes that are fields of the document, and may be changed."""


def check_state(state: str) -> Literal["running", "pending"]:
    """A state that a run can be made in.

    Raises:
        UsageError: It is none.
    """
    if state == "running":
        return "running"
    if state == "pending":
        return "pending"
    raise UsageError(f"a run cannot be made {state!r}; only 'running' or 'pending'")
