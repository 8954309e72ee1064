"""`Api(offline=True)`: runs in folders of this machine, as the same objects; for artifacts see `offline_artifacts`.

Folders of our SDK and of the protocol's own client alike. What has no journal here, and all changes, need a server.
"""

from __future__ import annotations

import mimetypes
import shutil
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import translate
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from kymograph.client.artifact_values import Page
from kymograph.client.carriers import Carrier
from kymograph.client.connection import Connection
from kymograph.client.files import md5_of
from kymograph.client.operations import Fetch, Operation, Pause, Step, Together, given
from kymograph.client.runs import RunAddress
from kymograph.core import exact_json
from kymograph.core.config import INTERNAL_KEY, unwrap_config
from kymograph.core.filter_matching import in_order, matches
from kymograph.core.filter_parser import parse_filter, parse_order
from kymograph.core.filters import Field, Scope
from kymograph.core.flatten import iter_leaves
from kymograph.errors import JournalCorrupt, OfflineUse, ProjectNotFound, RunNotFound
from kymograph.sdk.api.either import Sync
from kymograph.sdk.api.paths import DEFAULT_PROJECT
from kymograph.sdk.api.scan import pick
from kymograph.sdk.api.session import ApiSession
from kymograph.sdk.journal_reading import read_journals
from kymograph.sdk.local_runs import LocalRun, find_run_folders, read_local_run
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.sender.documents import config_document
from kymograph.sdk.settings import Settings
from kymograph.types import JsonObject
from kymograph.wire.console import parse_console_line

LOCAL_ENTITY = "local"
"""Whose runs they are that name nobody."""
_KEPT_RUNS = 8
"""Whose rows are in memory."""


def offline_session(settings: Settings) -> ApiSession[Sync]:
    """A session with the folders of runs, and the artifacts, of this machine."""
    from kymograph.sdk.api.offline_artifacts import LocalCatalog

    reads = LocalReads(Path(settings.root_dir).expanduser(), entity=settings.entity)
    session = ApiSession[Sync](
        OfflineCarrier(), settings, base_url="", app_url=str(settings.app_url), reads=reads, features=frozenset()
    )
    session.catalog = LocalCatalog(session, reads)
    return session


class OfflineCarrier(Carrier):
    """Carries out what needs no server."""

    def __init__(self) -> None:
        """Needs nothing."""

    @property
    def connection(self) -> Connection:
        """There is none.

        Raises:
            OfflineUse: Always.
        """
        raise _no_server()

    def _do(self, step: Step) -> Any:
        match step:
            case Fetch():
                with Path(unquote(urlsplit(step.url).path)).open("rb") as source:
                    shutil.copyfileobj(source, step.sink)
                return None
            case Together():
                return self._together(step)
            case Pause():
                raise OfflineUse("a run in a folder does not change while it is waited for; look at run.state")
            case _:
                raise _no_server()


def _no_server() -> OfflineUse:
    return OfflineUse("this needs a server, and Api(offline=True) reads what is on this machine; use Api()")


@dataclass(slots=True)
class _LocalHistory:
    """The rows of a run, by step, and its other lines."""

    rows: list[JsonObject] = field(default_factory=list)
    events: list[JsonObject] = field(default_factory=list)
    console: dict[int, str] = field(default_factory=dict)
    node: JsonObject = field(default_factory=dict)


class LocalReads:
    """Reads from folders. See `client.public_reads` for what each operation gives."""

    # docstrings there
    # ruff: noqa: D102

    def __init__(self, root: Path, *, entity: str | None = None) -> None:
        """Look below a folder.

        Args:
            root: A folder with runs, as ``WANDB_DIR`` names it.
            entity: Whose runs they are that name nobody.
        """
        self._root, self._entity = root, entity or LOCAL_ENTITY
        self._read: OrderedDict[tuple[Path, int], _LocalHistory] = OrderedDict()

    # --- who, and where ----------------------------------------------------------------------------------------------

    def default_entity(self) -> Operation[str | None]:
        return given(self._entity)

    def viewer(self) -> Operation[JsonObject]:
        return given({"username": self._entity, "entity": self._entity})

    def users(self, query: str) -> Operation[list[JsonObject]]:
        raise _no_server()

    def projects(self, entity: str, *, cursor: str | None, per_page: int) -> Operation[Page[JsonObject]]:
        names = dict.fromkeys(at.project for at, _ in self.iter_runs() if at.entity == entity)
        return given(Page([{"name": name, "entityName": entity} for name in names], None, len(names)))

    def project(self, entity: str | None, name: str) -> Operation[JsonObject]:
        if not any((at.entity, at.project) == (entity or self._entity, name) for at, _ in self.iter_runs()):
            raise ProjectNotFound(f"{entity}/{name}")
        return given({"id": name, "name": name, "entityName": entity})

    # --- runs --------------------------------------------------------------------------------------------------------

    def runs(
        self,
        entity: str,
        name: str,
        *,
        filters: Mapping[str, Any],
        order: str,
        is_light: bool,
        cursor: str | None,
        per_page: int,
    ) -> Operation[Page[JsonObject]]:
        wanted, orders = parse_filter(exact_json.dumps(dict(filters))), parse_order(order)
        nodes = [
            dict(self._open(local.folder).node)
            for at, local in self.iter_runs()
            if (at.entity, at.project) == (entity, name)
        ]
        found = [node for node in nodes if matches(wanted, lambda field, node=node: _value_of(node, field))]  # type: ignore[misc]
        return given(Page(in_order(found, orders, _value_of), None, len(found)))

    def run(self, at: RunAddress, *, is_light: bool = False) -> Operation[JsonObject]:
        return given(dict(self._find(at).node))

    def iter_runs(self) -> Iterator[tuple[RunAddress, LocalRun]]:
        """All runs, the oldest name first; one that was begun anew has several folders."""
        for folder in find_run_folders([self._root], missing_ok=True):
            local = read_local_run(folder)
            if not local.problem:
                at = RunAddress(local.entity or self._entity, local.project or DEFAULT_PROJECT, folder.run_id)
                yield at, local

    def _find(self, at: RunAddress) -> _LocalHistory:
        return self._open(self._folder_of(at))

    def _folder_of(self, at: RunAddress) -> RunFolder:
        found = [local.folder for known, local in self.iter_runs() if known == at]
        if not found:
            raise RunNotFound(at.run_id, within=f"{at.entity}/{at.project} in {self._root}")
        return found[-1]  # of a run that was begun anew the last one counts

    def _open(self, folder: RunFolder) -> _LocalHistory:
        key = folder.journal, folder.journal.stat().st_size
        if key not in self._read:
            self._read[key] = self._replay(folder)
            while len(self._read) > _KEPT_RUNS:
                self._read.popitem(last=False)
        self._read.move_to_end(key)
        return self._read[key]

    def _replay(self, folder: RunFolder) -> _LocalHistory:
        found, by_step = _LocalHistory(), dict[int, JsonObject]()

        def take(stream: str, number: int, text: str) -> None:
            if stream == "console":
                found.console[number] = text
                return
            row = exact_json.loads_document(text)
            if stream == "history":
                by_step.setdefault(int(float(row["_step"])), {}).update(row)
            else:
                found.events.append(row)

        reading = read_journals(folder, take)
        found.rows = [by_step[step] for step in sorted(by_step)]
        replay = reading.replay
        record = replay.facts.run
        if record is None:
            raise JournalCorrupt("it does not say which run it is", path=str(folder.journal))
        local = read_local_run(folder)
        if replay.exit is not None:
            state = "failed" if replay.exit.exit_code else "finished"
        else:
            state = "running" if local.is_being_written else "crashed"
        found.node = {
            "id": record.run_id,
            "name": record.run_id,
            "displayName": record.display_name,
            "state": state,
            "group": record.run_group or None,
            "jobType": record.job_type or None,
            "tags": list(record.tags),
            "notes": record.notes,
            "description": record.notes,
            "host": record.host,
            "sweepName": record.sweep_id or None,
            "commit": record.git.commit or None,
            "readOnly": True,
            "createdAt": time_text(local.started_at or local.changed_at),
            "heartbeatAt": time_text(local.changed_at),
            "historyLineCount": reading.lines.get("history", 0),
            "user": {"name": self._entity, "username": self._entity},
            "config": config_document(replay),
            "summaryMetrics": replay.summary.document(),
            "systemMetrics": _lasts(found.events),
            "historyKeys": {"lastStep": max(by_step, default=-1)},
        }
        return found

    # --- history -----------------------------------------------------------------------------------------------------

    def sampled_rows(self, at: RunAddress, keys: Sequence[str], samples: int) -> Operation[list[JsonObject]]:
        picked = (pick(row, keys, is_any=False) for row in self._find(at).rows)
        return given(_evenly([row for row in picked if row is not None], samples))

    def spread_rows(self, at: RunAddress, samples: int, *, is_system: bool) -> Operation[list[JsonObject]]:
        found = self._find(at)
        return given([dict(row) for row in _evenly(found.events if is_system else found.rows, samples)])

    def rows_between(self, at: RunAddress, first_step: int, end_step: int) -> Operation[list[JsonObject]]:
        return given([dict(row) for row in self._find(at).rows if first_step <= _step(row) < end_step])

    def last_step(self, at: RunAddress) -> Operation[int]:
        rows = self._find(at).rows
        return given(_step(rows[-1]) if rows else -1)

    def console_lines(
        self, at: RunAddress, *, last: int | None, cursor: str | None, per_page: int
    ) -> Operation[Page[JsonObject]]:
        lines = sorted(self._find(at).console.items())
        chosen = lines if last is None else lines[-last:] if last else []
        return given(Page([_line(number, text) for number, text in chosen], None))

    # --- files -------------------------------------------------------------------------------------------------------

    def files(
        self, at: RunAddress, *, names: Sequence[str], pattern: str | None, cursor: str | None, per_page: int
    ) -> Operation[Page[JsonObject]]:
        root = self._folder_of(at).files
        paths = sorted(path for path in root.rglob("*") if path.is_file())
        nodes = {path.relative_to(root).as_posix(): path for path in paths}
        if names:
            nodes = {name: nodes[name] for name in names if name in nodes}
        elif pattern is not None:
            nodes = {name: path for name, path in nodes.items() if _is_like(name, pattern)}
        return given(Page([_file_node(name, path) for name, path in nodes.items()], None, len(nodes)))


def _value_of(node: JsonObject, field: Field) -> Any:
    if field.scope is Scope.CONFIG:
        return dict(iter_leaves(unwrap_config(_object(node["config"])))).get(field.name)
    if field.scope is Scope.SUMMARY:
        return dict(iter_leaves(_object(node["summaryMetrics"]))).get(field.name)
    names = {"id": "name", "display_name": "displayName", "created_at": "createdAt", "heartbeat_at": "heartbeatAt"}
    names |= {"job_type": "jobType", "sweep": "sweepName", "updated_at": "heartbeatAt", "started_at": "createdAt"}
    if field.name == "username":
        return _object(node["user"]).get("username")
    return node.get(names.get(field.name, field.name))


def _object(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _lasts(events: Sequence[JsonObject]) -> JsonObject:
    last: JsonObject = {}
    for row in events:
        last |= {name: value for name, value in row.items() if not name.startswith("_") and name != INTERNAL_KEY}
    return last


def _evenly(rows: Sequence[JsonObject], samples: int) -> list[JsonObject]:
    if samples >= len(rows):
        return list(rows)
    if samples <= 1:
        return list(rows[: max(samples, 0)])
    return [rows[number * (len(rows) - 1) // (samples - 1)] for number in range(samples)]


def _step(row: JsonObject) -> int:
    step = row.get("_step")
    return int(step) if isinstance(step, (int, float)) else 0


def _line(number: int, text: str) -> JsonObject:
    parsed = parse_console_line(text)
    return {
        "number": number,
        "timestamp": parsed.timestamp,
        "level": "error" if parsed.is_error else None,
        "label": parsed.label,
        "line": parsed.text,
    }


def _file_node(name: str, path: Path) -> JsonObject:
    stat = path.stat()
    return {
        "id": name,
        "name": name,
        "url": path.resolve().as_uri(),
        "directUrl": path.resolve().as_uri(),
        "sizeBytes": stat.st_size,
        "mimetype": mimetypes.guess_type(name)[0],
        "updatedAt": time_text(datetime.fromtimestamp(stat.st_mtime, UTC)),
        "md5": md5_of(path),
    }


def _is_like(name: str, pattern: str) -> bool:
    """As SQL's LIKE."""
    import re

    shell = "".join({"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}.get(letter, letter) for letter in pattern)
    return re.fullmatch(translate(shell), name, re.IGNORECASE) is not None


def time_text(moment: datetime) -> str:
    """A time as servers write it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
