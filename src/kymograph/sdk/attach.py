"""Runs that go on in another process: pickled, or by a ticket.

A process that takes part in a run of another writes a journal of its own into the same folder, as a forked child does;
the run's one sender sends all of them. So nothing is shared but the folder, and no process waits for another.
"""

from __future__ import annotations

import base64
import binascii
import os
import time
from pathlib import Path
from typing import Any

from kymograph.core import exact_json
from kymograph.errors import UsageError
from kymograph.sdk.active import activate, unfinished_runs
from kymograph.sdk.journal import Durability, Journal
from kymograph.sdk.notices import Voice
from kymograph.sdk.run import Run
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.settings import Settings, Source
from kymograph.sdk.settings_fields import SECRETS
from kymograph.types import JsonObject
from kymograph.wire.records_pb2 import RunRecord


def ticket_of(run: Run) -> str:
    """What another process on this machine needs to take part in a run: one opaque word, without any secret."""
    settings = {name: value for name, value in run._settings.given().items() if name not in SECRETS}
    return _packed(
        {
            "folder": str(run._folder.path),
            "run_id": run.id,
            "record": base64.b64encode(run._record.SerializeToString()).decode(),
            "settings": {name: value for name, value in settings.items() if _is_plain(value)},
            "config": run._config.as_dict(),
            "step": run.step,
        }
    )


def attach(attach_id: str | None = None, run_id: str | None = None, *, run: Run | None = None) -> Run:
    """Take part in a run that another process began, which is the active one here from now on.

    Args:
        attach_id: The run's ticket: `Run._attach_id` there.
        run_id: Instead, the id of a run of this very process.
        run: Instead, a run of this very process.

    Raises:
        UsageError: That is no ticket, or the run has ended.
    """
    if run is not None:
        return run
    for known in unfinished_runs():
        if run_id == known.id or (attach_id is not None and attach_id == known.id):
            return known
    if attach_id is None:
        raise UsageError("attach() needs the _attach_id of a run that another process began")
    ticket = _unpacked(attach_id)
    for known in unfinished_runs():
        if (known.id, str(known._folder.path)) == (ticket["run_id"], ticket["folder"]):
            return known
    return _joined(ticket)


def _joined(ticket: dict[str, Any]) -> Run:
    from kymograph.sdk.init import run_in_folder, start_captures

    settings = Settings()
    settings.update(ticket["settings"], source=Source.SETTINGS)
    record = RunRecord.FromString(base64.b64decode(ticket["record"]))
    folder = RunFolder(Path(ticket["folder"]), ticket["run_id"])
    if settings.is_disabled:
        run = run_in_folder(settings, folder, None, record, ticket["config"])
    else:
        if folder.synced_mark.exists() or not folder.journal.exists():
            raise UsageError(f"run {ticket['run_id']} has ended, or is not on this machine; begin a run with init()")
        # Machine and surroundings are told by the process that began the run.
        settings.update({"x_disable_stats": True, "x_disable_meta": True}, source=Source.CODE)
        journal = Journal(
            folder.further_journal(f"{os.getpid()}-{time.time_ns() // 1_000_000}"),
            durability=Durability(settings.durability),
            path_of_writer=folder.further_journal,
            warn=Voice.of(settings).warn,
        )
        run = run_in_folder(settings, folder, journal, record, ticket["config"])
        run._is_guest = True
    run._rows.step = run._starting_step = int(ticket["step"])
    activate(run)
    if not settings.is_disabled:
        start_captures(run)
    return run


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float)


def _packed(ticket: JsonObject) -> str:
    return base64.urlsafe_b64encode(exact_json.dumps(ticket).encode()).decode()


def _unpacked(text: str) -> dict[str, Any]:
    try:
        ticket = exact_json.loads(base64.urlsafe_b64decode(text.encode()))
    except (binascii.Error, ValueError) as exc:
        raise UsageError("attach() was not given the _attach_id of a run that another process began") from exc
    if not isinstance(ticket, dict) or not {"folder", "run_id", "record", "settings", "config", "step"} <= set(ticket):
        raise UsageError("attach() was not given the _attach_id of a run that another process began")
    return ticket
