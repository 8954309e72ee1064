"""Runs: upsert, resume, state, and what a run shows of itself."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from ariadne import MutationType, ObjectType

from kymograph.core import exact_json
from kymograph.core.accounts import User
from kymograph.core.config import internal_notes
from kymograph.core.history import STEP
from kymograph.core.project import Project
from kymograph.core.run import Run, RunChange, RunState
from kymograph.errors import MalformedRequest, ProjectNotFound, RunNotFound
from kymograph.server.graphql.context import Info, Payload
from kymograph.services.access import Access
from kymograph.services.runs import RunAddress
from kymograph.types import RunKey
from kymograph.wire.config import started_at
from kymograph.wire.ids import encode_id, find_run_address, parse_id

logger = logging.getLogger(__name__)

mutation = MutationType()
run = ObjectType("Run")

_WIRE_STATES = {RunState.STALE: RunState.RUNNING}
"""The protocol has no word for a run that has only just fallen silent."""


@mutation.field("upsertBucket")
def resolve_upsert_bucket(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Create or change a run; null means "leave as it is". Source: protocol.md §4.2."""
    context = info.context
    storage_id = input.get("id")
    address = RunAddress(
        entity=input.get("entityName") or None,
        project=input.get("modelName") or None,
        run=input.get("name") or None,
        key=RunKey(parse_id("Run", storage_id)) if storage_id else None,
    )
    saved, inserted = context.services.runs.upsert(context.caller, address, _change_of(input), writer=context.writer)
    # Given a line count, clients number their lines from it on, also those that sync a log: without it, the segments of
    # a resumed run would replace one another. `core.resend` tells the same log synced again.
    return {"bucket": saved, "inserted": inserted, "serverSettings": {"serverMessages": []}}


def _change_of(input: dict[str, Any]) -> RunChange:
    state, tags, config = input.get("state"), input.get("tags"), input.get("config")
    # Up to 0.22, `description` carried the display name in its first line.
    display_name = input.get("displayName") or None
    return RunChange(
        display_name=display_name,
        state=_parse_state(state) if state else None,
        config_json=config,
        summary_json=input.get("summaryMetrics"),
        tags=tuple(tags) if tags is not None else None,
        notes=input.get("notes"),
        group=input.get("groupName"),
        job_type=input.get("jobType"),
        host=input.get("host"),
        program=input.get("jobProgram"),
        repo=input.get("jobRepo"),
        commit=input.get("commit"),
        sweep=input.get("sweep"),
        started_at=started_at(_document(config)) if config else None,
    )


def _document(text: str) -> Payload:
    try:
        document = exact_json.loads(text)
    except ValueError:
        return {}  # the service says what is wrong with it
    return document if isinstance(document, dict) else {}


def _parse_state(text: str) -> RunState:
    try:
        return RunState(text)
    except ValueError as exc:
        known = ", ".join(state.value for state in RunState)
        raise MalformedRequest(f"run state {text[:40]!r} is unknown; one of {known}", where="input.state") from exc


@mutation.field("rewindRun")
def resolve_rewind_run(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Go back to a step. Source: protocol.md §4.4."""
    context = info.context
    if input["metricName"] != STEP:
        raise MalformedRequest(f"runs can be rewound by {STEP} only", where="input.metricName")
    found = context.services.runs.get(
        context.caller, input.get("entityName") or None, input.get("projectName") or "uncategorized", input["runName"]
    )
    rewound = context.services.history.rewind(context.caller, found, after_step=int(input["metricValue"]))
    return {"rewoundRun": rewound}


def _run_key(info: Info, text: str) -> RunKey:
    """The run that an id names, one of ours or one that a client made of the run's address."""
    address = find_run_address(text)
    if address is None:
        return RunKey(parse_id("Run", text))
    return info.context.services.runs.get(info.context.caller, *address).key


@mutation.field("stopRun")
def resolve_stop_run(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Ask a run to stop."""
    context = info.context
    context.services.runs.request_stop(context.caller, _run_key(info, input["id"]))
    return {"success": True}


@mutation.field("updateRunState")
def resolve_update_run_state(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Set a state by hand."""
    context = info.context
    context.services.runs.set_state(context.caller, _run_key(info, input["id"]), _parse_state(input["state"]))
    return {"success": True}


@mutation.field("deleteRun")
def resolve_delete_run(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Delete a run; one that is gone already stays gone, without an error."""
    context = info.context
    try:
        run = _run_key(info, input["id"])
        if input.get("deleteArtifacts"):
            context.services.artifact_space.delete_of_run(context.caller, run)
        context.services.runs.delete(context.caller, run)
    except RunNotFound:
        return {"success": True}
    return {"success": True}


@mutation.field("notifyScriptableRunAlert")
def resolve_alert(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Take an alert of a run: it goes to the server's log until people can subscribe to alerts."""
    context = info.context
    found = context.services.runs.get(
        context.caller, input["entityName"], input["projectName"], input["runName"], access=Access.WRITE
    )
    logger.warning(
        "run alert",
        extra={
            "run": found.path,
            "title": input["title"],
            "text": input["text"],
            "severity": str(input.get("severity")),
        },
    )
    return {"success": True}


run.set_field("id", lambda parent, _info: encode_id("Run", parent.key))
run.set_field("name", lambda parent, _info: parent.id)
run.set_field("displayName", lambda parent, _info: parent.display_name)
run.set_field("description", lambda parent, _info: parent.notes)
run.set_field("notes", lambda parent, _info: parent.notes)
run.set_field("tags", lambda parent, _info: list(parent.tags))
run.set_field("group", lambda parent, _info: parent.group)
run.set_field("jobType", lambda parent, _info: parent.job_type)
run.set_field("exitcode", lambda parent, _info: parent.exit_code)
run.set_field("stopped", lambda parent, _info: parent.stop_requested)
run.set_field("shouldStop", lambda _parent, _info: False)
run.set_field("readOnly", lambda _parent, _info: False)
run.set_field("commit", lambda parent, _info: parent.commit)
run.set_field("createdAt", lambda parent, _info: parent.created_at)
run.set_field("heartbeatAt", lambda parent, _info: parent.heartbeat_at)
run.set_field("projectId", lambda parent, _info: parent.project_id)
run.set_field("internalId", lambda parent, _info: encode_id("RunInternalId", parent.key))
run.set_field("sweepName", lambda parent, _info: parent.sweep)
run.set_field("config", lambda parent, _info: parent.config_json)
run.set_field("summaryMetrics", lambda parent, _info: parent.summary_json)


def wire_state(run: Run, now: datetime) -> RunState:
    """The state of a run, as the protocol tells it."""
    state = run.state_at(now)
    return _WIRE_STATES.get(state, state)


def _state_of(parent: Run, info: Info) -> RunState:
    return wire_state(parent, info.context.services.runs.now)


run.set_field("state", lambda parent, info: _state_of(parent, info).value)
run.set_field("running", lambda parent, info: _state_of(parent, info) is RunState.RUNNING)
run.set_field("failed", lambda parent, info: _state_of(parent, info) in (RunState.FAILED, RunState.CRASHED))


@run.field("user")
def resolve_user(parent: Run, info: Info) -> User | None:
    """Who created the run."""
    context = info.context
    if parent.user_id is None:
        return None
    if parent.user_id == context.caller.user.id:
        return context.caller.user
    return context.services.accounts.find_user(parent.user_id)


@run.field("project")
def resolve_project(parent: Run, info: Info) -> Project:
    """The run's project."""
    context = info.context
    found = context.services.projects.find(context.caller, parent.entity, parent.project)
    if found is None:
        raise ProjectNotFound(f"{parent.entity}/{parent.project}")
    return found


@run.field("wandbConfig")
def resolve_wandb_config(parent: Run, _info: Info, keys: list[str] | None = None) -> Payload:
    """The client's own notes in the config, those asked for. The key ``t`` marks a run that has started."""
    notes = internal_notes(exact_json.loads(parent.config_json))
    return notes if keys is None else {key: notes[key] for key in keys if key in notes}


@run.field("runInfo")
def resolve_run_info(parent: Run, _info: Info) -> Payload | None:
    """The machine and program, from the client's metadata file."""
    metadata = _document(parent.metadata_json) if parent.metadata_json else None
    if metadata is None:
        return None
    git = metadata.get("git")
    return {
        **{key: metadata.get(key) for key in ("program", "args", "os", "python", "executable", "colab", "gpu")},
        "codeSaved": bool(metadata.get("codePath")),
        "cpuCount": metadata.get("cpu_count"),
        "gpuCount": metadata.get("gpu_count"),
        "git": {"remote": git.get("remote"), "commit": git.get("commit")} if isinstance(git, dict) else None,
    }


BINDABLES = [mutation, run]
