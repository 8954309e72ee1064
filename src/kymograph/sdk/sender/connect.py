"""The beginning: the server learns of the run, and says where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kymograph.client.fields import count_of, list_of, object_of
from kymograph.client.runs import RunClient
from kymograph.core import exact_json
from kymograph.core.config import INTERNAL_KEY
from kymograph.errors import NotFoundError, RunExists, RunNotResumable
from kymograph.sdk.sender.documents import config_document
from kymograph.sdk.sender.ledger import Ledger
from kymograph.sdk.sender.replay import RunReplay
from kymograph.sdk.sender.sharing import settings_of
from kymograph.types import JsonObject
from kymograph.wire.records_pb2 import RunRecord


@dataclass(frozen=True, slots=True)
class Started:
    """How the server has the run."""

    entity: str
    project: str
    storage_id: str
    display_name: str
    sweep: str | None = None
    is_resumed: bool = False
    starting_step: int = 0
    runtime_s: float = 0.0
    """Of the processes before this one."""
    config: JsonObject = field(default_factory=dict)
    """Values the server has: of a run that is resumed, of a sweep."""
    notes: JsonObject = field(default_factory=dict)
    """What earlier clients noted in the config."""
    summary: JsonObject = field(default_factory=dict)
    base_lines: dict[str, int] = field(default_factory=dict)
    """Lines of each stream that are there."""
    is_new: bool = False
    """Whether the server did not know it before."""
    history_lines: int | None = None
    """Lines of history that the server has now; None if it does not tell."""


def connect(client: RunClient, replay: RunReplay, ledger: Ledger) -> Started:
    """Create the run, or find the one that is to go on.

    Args:
        client: Of the server.
        replay: Has folded the run's record.
        ledger: What an earlier sender noted.

    Raises:
        TransportError: To be tried again.
        KymographError: The server, or the wish to resume, forbids it.
    """
    run = replay.facts.run
    assert run is not None
    settings = settings_of(run)
    if ledger.is_connected and ledger.base_url == client.base_url:
        replay.resume(config=ledger.base_config, notes=ledger.base_notes, summary=ledger.base_summary)
        try:
            bucket = upsert(client, replay, storage_id=ledger.storage_id or None)
        except NotFoundError:
            bucket = upsert(client, replay)  # another database behind the same address
        return _started(bucket, base_lines=ledger.base_lines)
    mode = settings.get("resume")
    if run.HasField("branch_point") and run.branch_point.run == run.run_id:
        bucket = client.rewind_run(run.entity or None, run.project or None, run.run_id, step=run.branch_point.value)
        status = client.resume_status(run.entity or None, run.project or None, run.run_id) or {}
        return _resumed(client, replay, {**status, **bucket}, starting_step=int(run.branch_point.value) + 1)
    if mode:
        found = client.resume_status(run.entity or None, run.project or None, run.run_id)
        if found is not None:
            if mode == "never":
                raise RunExists(run.run_id, path=f"{run.entity}/{run.project}".strip("/"))
            return _resumed(client, replay, found, starting_step=None)
        if mode == "must":
            raise RunNotResumable(run.run_id)
    started = _started(upsert(client, replay))
    if run.HasField("branch_point"):
        step = int(run.branch_point.value) + 1
        return Started(started.entity, started.project, started.storage_id, started.display_name, starting_step=step)
    return started


def upsert(client: RunClient, replay: RunReplay, *, storage_id: str | None = None, with_run: bool = True) -> JsonObject:
    """Tell the server what describes the run, as it is now.

    Args:
        client: Of the server.
        replay: Of the run.
        storage_id: The server's id of it, once that is known.
        with_run: Whether the record of the run is news. If not, what is said again might be older than what another
            writer has said since.
    """
    run = replay.facts.run or RunRecord()
    sharing, environment = replay.facts.sharing, replay.facts.environment
    git = run.git if run.HasField("git") else None
    program = environment.program if environment is not None else ""
    described: JsonObject = {}
    if with_run or not sharing.writer:
        described = {
            "groupName": run.run_group or None,
            "displayName": run.display_name or None,
            "notes": run.notes or None,
            "commit": git.commit if git is not None else None,
            "repo": git.remote_url if git is not None else None,
            "host": (run.host or None) if sharing.is_primary else None,
            "jobType": run.job_type or None,
            "sweep": run.sweep_id or None,
            "tags": list(run.tags) or None,
        }
    return client.upsert_run(
        writer=sharing.writer,
        id=storage_id,
        name=run.run_id,
        project=run.project or None,
        entity=run.entity or None,
        config=exact_json.dumps(config_document(replay)),
        program=program or None,
        **described,
    )


def _started(bucket: JsonObject, **more: Any) -> Started:
    project = bucket.get("project")
    owner = project.get("entity") if isinstance(project, dict) else None
    values, notes = _config_of(bucket)
    return Started(
        entity=str(owner.get("name", "")) if isinstance(owner, dict) else "",
        project=str(project.get("name", "")) if isinstance(project, dict) else "",
        storage_id=str(bucket.get("id") or ""),
        display_name=str(bucket.get("displayName") or ""),
        sweep=str(bucket["sweepName"]) if bucket.get("sweepName") else None,
        config=values,
        notes=notes,
        is_new=bucket.get("inserted") is True,
        history_lines=count_of(bucket, "historyLineCount") if "historyLineCount" in bucket else None,
        **more,
    )


def _resumed(client: RunClient, replay: RunReplay, found: JsonObject, *, starting_step: int | None) -> Started:
    values, notes = _config_of(found)
    summary = object_of(found.get("summaryMetrics"))
    replay.resume(config=values, notes=notes, summary=summary)
    bucket = upsert(client, replay, storage_id=str(found["id"]))
    tail = [object_of(text) for text in list_of(found.get("historyTail"))]
    last_row = tail[-1] if tail else {}
    n_lines = count_of(found, "historyLineCount")
    last_step = last_row.get("_step", summary.get("_step"))
    if starting_step is None:
        starting_step = int(last_step) + 1 if n_lines and isinstance(last_step, (int, float)) else 0
    noted = summary.get("_wandb")
    runtimes = [last_row.get("_runtime"), noted.get("runtime") if isinstance(noted, dict) else None]
    started = _started(
        bucket,
        is_resumed=True,
        starting_step=starting_step,
        runtime_s=max((float(value) for value in runtimes if isinstance(value, (int, float))), default=0.0),
        summary=summary,
        base_lines={
            "history": n_lines,
            "events": count_of(found, "eventsLineCount"),
            "console": count_of(found, "logLineCount"),
        },
    )
    return Started(**{**{name: getattr(started, name) for name in Started.__slots__}, "config": values, "notes": notes})


def _config_of(bucket: JsonObject) -> tuple[JsonObject, JsonObject]:
    """Values, and what clients noted."""
    document = object_of(bucket.get("config"))
    values: JsonObject = {}
    for key, entry in document.items():
        values[key] = entry["value"] if isinstance(entry, dict) and "value" in entry else entry
    notes = values.pop(INTERNAL_KEY, None)
    return values, notes if isinstance(notes, dict) else {}
