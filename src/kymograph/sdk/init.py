"""``init``: from arguments to a run that can be logged to."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kymograph.client.connection import Connection
from kymograph.core.config import INTERNAL_KEY
from kymograph.core.run_ids import new_run_id
from kymograph.errors import KymographError, Unauthenticated, Unreachable, UsageError
from kymograph.sdk import records
from kymograph.sdk.active import activate, active_run, unfinished_runs
from kymograph.sdk.artifacts.folders import artifact_folders
from kymograph.sdk.auto_resume import remember_run, remembered_run
from kymograph.sdk.config import Config
from kymograph.sdk.config_sources import read_config, read_config_file
from kymograph.sdk.greeting import greet
from kymograph.sdk.journal import Durability, Journal
from kymograph.sdk.link import Beginning, SenderLink, ensure_sender
from kymograph.sdk.logged_values import LoggedValues
from kymograph.sdk.notices import Voice
from kymograph.sdk.process import given_settings
from kymograph.sdk.rows import RowWriter
from kymograph.sdk.run import Run
from kymograph.sdk.run_directory import create_run_directory
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.sender.file_wishes import FILE_SETTINGS
from kymograph.sdk.sender.sharing import WRITER_KEY
from kymograph.sdk.settings import Settings, Source
from kymograph.sdk.settings_sources import load_settings
from kymograph.types import JsonObject
from kymograph.wire.records_pb2 import BranchPoint, ConfigRecord, FilesItem, Record, RunRecord

UNREACHABLE_WAIT_S = 5.0
"""How long `init` waits for a server once it is known not to answer; the run then goes on, and joins later."""
CONFIG_DEFAULTS = "config-defaults.yaml"
_RESUME_WORDS = {"True": "auto", "true": "auto", "False": "", "false": ""}


def init(
    entity: str | None = None,
    project: str | None = None,
    dir: str | os.PathLike[str] | None = None,
    id: str | None = None,
    name: str | None = None,
    notes: str | None = None,
    tags: Sequence[str] | None = None,
    config: Mapping[str, Any] | str | Any | None = None,
    config_exclude_keys: Sequence[str] | None = None,
    config_include_keys: Sequence[str] | None = None,
    allow_val_change: bool | None = None,
    group: str | None = None,
    job_type: str | None = None,
    mode: str | None = None,
    force: bool | None = None,
    reinit: bool | str | None = None,
    resume: bool | str | None = None,
    resume_from: str | None = None,
    fork_from: str | None = None,
    save_code: bool | None = None,
    tensorboard: bool | None = None,
    sync_tensorboard: bool | None = None,
    monitor_gym: bool | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    anonymous: str | None = None,
) -> Run:
    """Begin a run.

    Args:
        entity: Whose project; default: that of the key's user.
        project: Where runs are together that are compared; default: uncategorized.
        dir: Where the folder of runs is made; default: here.
        id: Of the run, unique in its project; default: a new one.
        name: What people call it; default: the server invents one.
        notes: Free text.
        tags: Labels.
        config: Inputs: a mapping, a namespace, or the path of a YAML file.
        config_exclude_keys: Keys of `config` that are left out.
        config_include_keys: Keys of `config` that alone are taken.
        allow_val_change: Whether values of the config may change.
        group: What it belongs together with.
        job_type: What kind of work it does.
        mode: online (default), offline (nothing is sent until ``kymograph sync``), disabled, or shared.
        force: Whether to end here without a key, rather than go on offline.
        reinit: What happens to a run that has not ended: finish_previous, return_previous (default) or create_new,
            which leaves that one to `kymograph.log` and its like.
        resume: Go on with a run that is there: allow, must, never, auto.
        resume_from: ``<id>?_step=<n>``: go on from an earlier step of a run; what came after is archived.
        fork_from: The same in a new run.
        save_code: Whether the program is kept with the run.
        tensorboard: Whether TensorBoard's logs are followed; by its old name.
        sync_tensorboard: Whether TensorBoard's logs are followed.
        monitor_gym: Whether films of environments are logged.
        settings: More settings.
        anonymous: Does nothing; accepted for old scripts.

    Returns:
        The run, which is the active one now.

    Raises:
        UsageError: An argument that cannot be used, named.
        KymographError: The server refuses the run, or the wish to resume.
    """
    given = {
        name: value
        for name, value in locals().items()
        if name not in _NOT_SETTINGS and value is not None and not name.startswith("_")
    }
    if "resume" in given:
        given["resume"] = _RESUME_WORDS.get(str(given["resume"]), given["resume"]) or None
    found = load_settings(init=given, settings=settings, setup=given_settings())
    previous = active_run()
    if previous is not None:
        how = _how_to_reinit(found.reinit)
        if how == "return_previous":
            return previous
        if how == "finish_previous":
            for unfinished in unfinished_runs():
                unfinished.finish()
    given_config = _inputs(config, config_include_keys, config_exclude_keys)
    if monitor_gym and not found.is_disabled:
        from kymograph.sdk.gym import monitor

        monitor()
    return _begin(found, {**_filed_config(found), **given_config})


_NOT_SETTINGS = frozenset(
    {"config", "config_exclude_keys", "config_include_keys", "settings", "anonymous", "monitor_gym"}
)


def _how_to_reinit(reinit: Any) -> str:
    """The mode by its full name. In a notebook a cell that begins a run, run again, means to begin anew."""
    usual = "return_previous"
    if "IPython" in sys.modules:
        from kymograph.sdk.capture.notebook import python_kind

        usual = "return_previous" if python_kind() == "python" else "finish_previous"
    named = {True: "finish_previous", False: "return_previous", "default": usual, None: usual}
    return str(named.get(reinit, reinit))


def _inputs(config: Any, include: Sequence[str] | None, exclude: Sequence[str] | None) -> JsonObject:
    if include and exclude:
        raise UsageError("init() takes config_include_keys or config_exclude_keys, not both")
    return read_config(config, include=include, exclude=exclude) if config is not None else {}


def _filed_config(settings: Settings) -> JsonObject:
    """Values that files give: those that lie beside the script for all its runs, and those that settings name."""
    found: JsonObject = {}
    defaults = Path(CONFIG_DEFAULTS)
    for path in [*([defaults] if defaults.is_file() else []), *map(Path, settings.config_paths or ())]:
        found |= read_config_file(path)
    return found


def _begin(settings: Settings, inputs: JsonObject) -> Run:
    if "IPython" in sys.modules:
        from kymograph.sdk.notebooks import prepare_here

        prepare_here(settings)
    started_at = time.time()
    settings.update({"x_start_time": started_at}, source=Source.RUN)
    branch = _branch(settings)
    if settings.resume == "auto":
        _resume_by_itself(settings)
    if settings.run_id is None:
        settings.update({"run_id": branch.run if settings.resume_from else new_run_id()}, source=Source.RUN)
    if settings.is_disabled:
        return _disabled(settings, inputs)
    connection = None if settings.is_offline else _connection(settings)
    if settings.is_shared:
        _take_part(settings)
    _find_free_folder(settings)
    voice = Voice.of(settings)
    directory = create_run_directory(settings, warn=voice.warn)
    folder = RunFolder(directory.root, str(settings.run_id))
    journal = Journal(
        folder.journal,
        durability=Durability(settings.durability),
        path_of_writer=folder.further_journal,
        on_begun_in_child=lambda: ensure_sender(folder, connection, voice=voice) if connection else None,
        warn=voice.warn,
    )
    record = _record(settings, started_at, branch)
    journal.append(records.header())
    first = RunRecord()
    first.CopyFrom(record)
    first.config.CopyFrom(_config_record(inputs))
    journal.append(records.run(first))

    link, beginning = None, None
    if connection is not None:
        link = SenderLink(
            folder,
            connection,
            voice=voice,
            on_stop=lambda: _stop(settings),
            is_stopped_by_refusal=settings.stop_on_fatal_error,
            log_level=logging.DEBUG if settings.debug else settings.x_log_level,
            artifact_cache=str(artifact_folders(settings).cache),
        )
        try:
            beginning = _wait_for_beginning(settings, link)
        except KymographError:
            # The run has not begun, so nothing of it is to be found later, or sent.
            link.end()
            journal.close()
            shutil.rmtree(folder.path, ignore_errors=True)
            raise
    if beginning is not None:
        _take_over(settings, record, beginning)
    run = _run_of(settings, folder, journal, record, inputs, link, beginning)
    activate(run, is_aside=settings.reinit == "create_new")
    if settings.sync_tensorboard:
        from kymograph.sdk.tensorboard.writers import is_patched, patch

        if not is_patched():
            patch()
    start_captures(run)
    if "IPython" in sys.modules:
        from kymograph.sdk.notebooks import join_here

        join_here(run)
    greet(run)
    return run


def _wait_for_beginning(settings: Settings, link: SenderLink) -> Beginning | None:
    """How the server has the run; None if it does not answer, and the run joins it later.

    Raises:
        KymographError: The server refuses the run, or does not say where one stands that is to go on.
    """
    # Whose steps go on with those that are there, only the server knows; any other run joins it later.
    needs_server = bool(settings.resume and settings.resume != "never") or bool(settings.resume_from)
    trouble_timeout_s = settings.init_timeout if needs_server else UNREACHABLE_WAIT_S
    try:
        beginning = link.wait_for_beginning(settings.init_timeout, trouble_timeout_s=trouble_timeout_s)
    except Unauthenticated as exc:
        from kymograph.sdk.login import refused

        raise refused(settings, exc) from exc
    if beginning is None and needs_server:
        raise Unreachable(
            settings.base_url,
            problem=f"{link.trouble or 'it does not answer'}. A run can only be gone on with when the server says "
            "where it stands: try again, or begin without resume",
        )
    return beginning


def _resume_by_itself(settings: Settings) -> None:
    """Go on with the run that did not end well here, if there is one; remember this one."""
    file = Path(settings.resume_fname)
    if settings.run_id is None:
        known = remembered_run(file)
        settings.update({"run_id": known or new_run_id()}, source=Source.RUN)
    remember_run(file, str(settings.run_id))


def _take_part(settings: Settings) -> None:
    """One of several writers: a folder of a name that none of the others has, and no say where it is not asked."""
    if not settings.x_sync_dir_suffix:
        settings.update({"x_sync_dir_suffix": new_run_id()}, source=Source.RUN)
    if not settings.x_primary:
        settings.update({"x_disable_meta": True}, source=Source.RUN)


def _find_free_folder(settings: Settings) -> None:
    """A run that goes on within the second it ended in has a folder of its own."""
    number = 1
    while Path(settings.sync_file).exists():
        number += 1
        settings.update({"x_sync_dir_suffix": str(number)}, source=Source.RUN)


def run_in_folder(
    settings: Settings, folder: RunFolder, journal: Journal | None, record: RunRecord, config: JsonObject
) -> Run:
    """A run that another process began; without a journal, one that keeps nothing."""
    from kymograph.sdk.disabled import NullJournal

    return _run_of(settings, folder, journal or NullJournal(), record, config, None, None)  # type: ignore[arg-type]


def _run_of(
    settings: Settings,
    folder: RunFolder,
    journal: Journal,
    record: RunRecord,
    inputs: JsonObject,
    link: SenderLink | None,
    beginning: Beginning | None,
) -> Run:
    voice = Voice.of(settings)
    values = LoggedValues(
        None if settings.is_disabled else folder.files,
        keep=lambda name: run._keep([name], kind=FilesItem.MEDIA),
        configure=lambda path, value: run._set_config(path, value),
        put_table=lambda table, key: run._operate_on_artifacts().put_table(table, key),
        raises_on_cut=settings.table_raise_on_max_row_limit_exceeded,
    )
    rows = RowWriter(
        journal,
        convert=values.convert,
        started_at=record.start_time.ToDatetime(UTC).timestamp(),
        warn=voice.warn,
        first_step=beginning.starting_step if beginning is not None else _first_step(record),
        earlier_runtime_s=beginning.runtime_s if beginning is not None else 0.0,
        is_strict=settings.step_order == "strict",
    )
    there = beginning.config if beginning is not None else {}
    config = Config(
        {**there, **inputs},
        on_change=lambda path, value: run._set_config(path, value),
        warn=voice.warn,
        allow_val_change=bool(settings.allow_val_change),
    )
    run = Run(
        settings,
        folder,
        journal,
        record,
        config=config,
        rows=rows,
        link=link,
        is_resumed=beginning.is_resumed if beginning is not None else False,
    )
    if settings.sweep_id and there:
        config.update_locked(there, "sweep")
    if beginning is not None and beginning.summary:
        for key, value in beginning.summary.items():
            if key != INTERNAL_KEY:
                run.summary._builder.set((key,), value)
    return run


def _record(settings: Settings, started_at: float, branch: BranchPoint) -> RunRecord:
    record = RunRecord(
        run_id=str(settings.run_id),
        entity=settings.entity or "",
        project=settings.project or "",
        run_group=settings.run_group or "",
        job_type=settings.run_job_type or "",
        display_name=settings.run_name or "",
        notes=settings.run_notes or "",
        tags=settings.run_tags or (),
        sweep_id=settings.sweep_id or "",
        host=settings.host or socket.gethostname(),
        start_time=records.stamp(datetime.fromtimestamp(started_at, UTC)),
        telemetry=records.telemetry(),
    )
    resume = "allow" if settings.resume == "auto" else settings.resume
    known: JsonObject = {"resume": resume, "mode": settings.mode, "x_label": settings.x_label}
    known |= {name: value for name in FILE_SETTINGS if (value := getattr(settings, name))}
    if settings.is_shared:
        # Unless somebody says otherwise, the end of the primary is that of the run.
        says_end = settings.given().get("x_update_finish_state", settings.x_primary)
        known |= {
            "x_primary": settings.x_primary,
            "x_update_finish_state": says_end,
            WRITER_KEY: settings.x_sync_dir_suffix,
        }
    record.settings.CopyFrom(records.settings({name: value for name, value in known.items() if value is not None}))
    if branch.run:
        record.branch_point.CopyFrom(branch)
        record.forked = branch.run != record.run_id
    return record


def _branch(settings: Settings) -> BranchPoint:
    """Where a run is forked off or rewound to; an empty one for others."""
    moment = settings.fork_from or settings.resume_from
    if moment is None:
        return BranchPoint()
    if settings.fork_from and settings.resume_from:
        raise UsageError("init() takes fork_from or resume_from, not both")
    run_id, _, step = str(moment).partition("?_step=")
    try:
        return BranchPoint(run=run_id, value=float(step), metric="_step")
    except ValueError as exc:
        raise UsageError(f"{moment!r} names no step of a run: write '<run id>?_step=<number>'") from exc


def _first_step(record: RunRecord) -> int:
    return int(record.branch_point.value) + 1 if record.HasField("branch_point") else 0


def _config_record(inputs: JsonObject) -> ConfigRecord:
    return ConfigRecord(update=[records.item((key,), value) for key, value in inputs.items()])


def _connection(settings: Settings) -> Connection:
    """Where the run is sent, how, and as whom.

    Raises:
        Unauthenticated: There is no key, and nobody to ask for one.
    """
    from kymograph.sdk.login import connection_of

    return connection_of(settings)


def _take_over(settings: Settings, record: RunRecord, beginning: Beginning) -> None:
    """What the server has decided."""
    record.entity, record.project = beginning.entity, beginning.project
    record.display_name = beginning.display_name or record.display_name
    record.storage_id = beginning.storage_id
    record.resumed = beginning.is_resumed
    if beginning.sweep:
        record.sweep_id = beginning.sweep
    settings.update(
        {
            "entity": beginning.entity,
            "project": beginning.project,
            "run_name": record.display_name or None,
            "resumed": beginning.is_resumed,
        },
        source=Source.RUN,
    )


def _stop(settings: Settings) -> None:
    """Somebody stopped the run, or its server will not have it: as if by Ctrl-C, unless the settings say what to do."""
    import _thread
    import signal

    if settings.stop_fn is not None:
        settings.stop_fn()
        return
    if callable(signal.getsignal(signal.SIGINT)):
        _thread.interrupt_main()
        return
    # Started in the background, where shells have the signal ignored: then this is the only way to be heard.
    import ctypes

    main_thread = threading.main_thread().ident or 0
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(main_thread), ctypes.py_object(KeyboardInterrupt))


def start_captures(run: Run) -> None:
    """Begin with what is captured while a run goes on."""
    from kymograph.sdk.capture.session import CaptureSession

    settings = run._settings
    run._captures = CaptureSession(
        settings,
        run._folder,
        started_at=datetime.fromtimestamp(run.start_time, UTC),
        writer_id=settings.x_sync_dir_suffix if settings.is_shared else run.id,
        on_text=run._print,
        on_sample=run._sample,
        on_environment=lambda record: run._append(Record(environment=record)),
        on_files=lambda names: run._keep(names, kind=FilesItem.WANDB),
    )
    run._captures.start()
    if settings.code_dir and settings.save_code and not settings.disable_code:
        run.log_code(settings.code_dir)


def _disabled(settings: Settings, inputs: JsonObject) -> Run:
    """A run that keeps nothing: everything works and goes nowhere."""
    from kymograph.sdk.disabled import NullJournal

    record = _record(settings, float(settings.x_start_time or 0), BranchPoint())
    folder = RunFolder(Path(os.devnull), str(settings.run_id))
    run = _run_of(settings, folder, NullJournal(), record, inputs, None, None)  # type: ignore[arg-type]
    activate(run, is_aside=settings.reinit == "create_new")
    return run
