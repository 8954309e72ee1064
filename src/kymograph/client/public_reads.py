"""What the public API asks of a server, as operations: projects, runs, their history and files, people, sweeps.

Answers stay documents, read with tolerance; objects of scripts are made of them in `sdk.api`. All of it works with any
server of the protocol; what our own server gives faster is in `client.bulk_reads`.

Source: protocol.md §6, §11, §12.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kymograph.client import public_documents as documents
from kymograph.client.artifact_values import Page, as_object, next_cursor, whole
from kymograph.client.fields import list_of, nodes_of, object_of, text_of
from kymograph.client.operations import Operation, ask
from kymograph.client.runs import FEATURES, RunAddress, features_in
from kymograph.core import exact_json
from kymograph.errors import ProjectNotFound, ProtocolError, RunNotFound, Unauthenticated, UnsupportedOperation
from kymograph.types import JsonObject

OLDEST_FIRST = "+created_at"
"""Source: protocol.md §11.1."""


def feature_names() -> Operation[frozenset[str]]:
    """What the server announces; nothing if it does not know the question."""
    try:
        return features_in((yield from ask(FEATURES)))
    except ProtocolError:
        return frozenset()


# --- people -----------------------------------------------------------------------------------------------------------


def default_entity() -> Operation[str | None]:
    """Where runs go for which no entity is named; None if the credential is nobody's."""
    return text_of(as_object((yield from ask(documents.DEFAULT_ENTITY)).get("viewer")), "entity")


def viewer() -> Operation[JsonObject]:
    """Whom the credential belongs to.

    Raises:
        Unauthenticated: Nobody.
    """
    found = (yield from ask(documents.VIEWER)).get("viewer")
    if not isinstance(found, dict):
        raise Unauthenticated("the server knows nobody by this API key; fetch a new one at its page /authorize")
    return found


def users(query: str) -> Operation[list[JsonObject]]:
    """People whose name or address matches."""
    return list(nodes_of((yield from ask(documents.USERS, {"query": query})).get("users")))


def team(name: str) -> Operation[JsonObject | None]:
    """A team with its members; None if there is none, or it may not be seen."""
    found = (yield from ask(documents.TEAM, {"name": name})).get("entity")
    return found if isinstance(found, dict) else None


# --- projects ---------------------------------------------------------------------------------------------------------


def projects(entity: str, *, cursor: str | None, per_page: int) -> Operation[Page[JsonObject]]:
    """Projects of an entity, the last active first.

    Raises:
        ProjectNotFound: There is no such entity, or it may not be seen.
    """
    answer = yield from ask(documents.PROJECTS, {"entity": entity, "cursor": cursor, "perPage": per_page})
    found = answer.get("models")
    if not isinstance(found, dict):
        raise ProjectNotFound(f"{entity}/*")
    return _page(found)


def project(entity: str | None, name: str) -> Operation[JsonObject]:
    """A project.

    Raises:
        ProjectNotFound: There is none.
    """
    return (yield from _project(documents.PROJECT, {"entity": entity, "name": name}, entity, name))


def sweeps(
    entity: str, name: str, *, filters: Mapping[str, Any], can_filter: bool, cursor: str | None, per_page: int
) -> Operation[Page[JsonObject]]:
    """Sweeps of a project.

    Raises:
        ProjectNotFound: There is none.
        UnsupportedOperation: There are filters, and the server knows none for sweeps.
    """
    if filters and not can_filter:
        raise UnsupportedOperation("a filter of sweeps", hint="leave it out, and choose among all of them")
    variables = {"entity": entity, "project": name, "cursor": cursor, "perPage": per_page}
    if can_filter:
        variables["filters"] = exact_json.dumps(dict(filters))
    document = documents.SWEEPS_WITH_FILTERS if can_filter else documents.SWEEPS
    found = yield from _project(document, variables, entity, name)
    return _page(found.get("sweeps"), total=found.get("totalSweeps"))


def sweep(entity: str, project_name: str, name: str) -> Operation[JsonObject | None]:
    """A sweep; None if there is none."""
    variables = {"entity": entity, "project": project_name, "name": name}
    found = as_object((yield from ask(documents.SWEEP, variables)).get("project")).get("sweep")
    return found if isinstance(found, dict) else None


def reports(
    entity: str, name: str, *, view: str | None, cursor: str | None, per_page: int
) -> Operation[Page[JsonObject]]:
    """Reports of a project.

    Raises:
        ProjectNotFound: There is none.
    """
    variables = {"entity": entity, "project": name, "viewName": view, "cursor": cursor, "perPage": per_page}
    found = yield from _project(documents.REPORTS, variables, entity, name)
    return _page(found.get("allViews"))


# --- runs -------------------------------------------------------------------------------------------------------------


def runs(
    entity: str,
    name: str,
    *,
    filters: Mapping[str, Any],
    order: str,
    is_light: bool,
    cursor: str | None,
    per_page: int,
) -> Operation[Page[JsonObject]]:
    """Runs of a project.

    Args:
        entity: Who owns it.
        name: Of the project.
        filters: In the protocol's form.
        order: A key with ``+`` or ``-`` before it.
        is_light: Without config, summary and the like.
        cursor: Of the page before.
        per_page: At most so many.

    Raises:
        ProjectNotFound: There is no such project.
        InvalidFilter: The server does not understand the filter, and says where.
    """
    variables = {
        "entity": entity,
        "project": name,
        "filters": exact_json.dumps(dict(filters)),
        "order": order,
        "cursor": cursor,
        "perPage": per_page,
    }
    found = yield from _project(documents.runs(is_light=is_light), variables, entity, name)
    return _page(found.get("runs"), total=found.get("runCount"))


def run(at: RunAddress, *, is_light: bool = False) -> Operation[JsonObject]:
    """One run.

    Raises:
        RunNotFound: There is none.
    """
    return (yield from of_run(documents.LIGHT if is_light else documents.RUN, at))


def of_run(document: str, at: RunAddress, **variables: Any) -> Operation[JsonObject]:
    """What a document asks of one run.

    Raises:
        ProjectNotFound: There is no such project.
        RunNotFound: It has no such run.
    """
    named = {"entity": at.entity, "project": at.project, "name": at.run_id, **variables}
    found = (yield from _project(document, named, at.entity, at.project)).get("run")
    if not isinstance(found, dict):
        raise RunNotFound(at.run_id, within=f"{at.entity}/{at.project}")
    return found


def create_run(entity: str | None, project_name: str, run_id: str, state: str) -> Operation[JsonObject]:
    """Make a run without a process behind it; gives where it is."""
    variables = {"entity": entity, "project": project_name, "name": run_id, "state": state}
    answer = as_object((yield from ask(documents.CREATE_RUN, variables)).get("upsertBucket"))
    found = answer.get("bucket")
    if not isinstance(found, dict):
        raise ProtocolError("the server made no run and does not say why")
    return found


# --- history ----------------------------------------------------------------------------------------------------------


def sampled_rows(at: RunAddress, keys: Sequence[str], samples: int) -> Operation[list[JsonObject]]:
    """Rows that hold all of some keys, and nothing but these; at most so many, chosen by the server."""
    spec = exact_json.dumps({"keys": list(keys), "samples": samples})
    lists = (yield from of_run(documents.SAMPLED, at, specs=[spec])).get("sampledHistory")
    rows = lists[0] if isinstance(lists, list) and lists else []
    return [row for row in list_of(rows) if isinstance(row, dict)]


def spread_rows(at: RunAddress, samples: int, *, is_system: bool) -> Operation[list[JsonObject]]:
    """Whole rows of history, or of system metrics; at most so many, chosen by the server."""
    document, name = (documents.EVENTS, "events") if is_system else (documents.HISTORY, "history")
    return _rows((yield from of_run(document, at, samples=samples)).get(name))


def rows_between(at: RunAddress, first_step: int, end_step: int) -> Operation[list[JsonObject]]:
    """Whole rows of a range of steps, ascending."""
    variables = {"minStep": first_step, "maxStep": end_step, "samples": end_step - first_step}
    return _rows((yield from of_run(documents.ROWS, at, **variables)).get("history"))


def last_step(at: RunAddress) -> Operation[int]:
    """The last step of a run's history; -1 if it has none."""
    keys = object_of((yield from of_run(documents.HISTORY_KEYS, at)).get("historyKeys"))
    found = keys.get("lastStep")
    return int(found) if isinstance(found, (int, float)) else -1


def parquet_urls(at: RunAddress) -> Operation[tuple[list[str], bool]]:
    """Where files with the history are, and whether there are rows that are not in them."""
    found = as_object((yield from of_run(documents.PARQUET, at, keys=["_step"])).get("parquetHistory"))
    return [str(url) for url in list_of(found.get("parquetUrls"))], bool(found.get("liveData"))


def console_lines(
    at: RunAddress, *, last: int | None, cursor: str | None, per_page: int
) -> Operation[Page[JsonObject]]:
    """Lines of the console: a page of all of them, or the last ones."""
    variables = {"last": last} if last is not None else {"first": per_page, "after": cursor}
    page = _page((yield from of_run(documents.CONSOLE, at, **variables)).get("logLines"))
    return Page(page.items, None) if last is not None else page


# --- files ------------------------------------------------------------------------------------------------------------


def files(
    at: RunAddress, *, names: Sequence[str], pattern: str | None, cursor: str | None, per_page: int
) -> Operation[Page[JsonObject]]:
    """Files of a run: all, those of some names, or those whose names match a pattern of SQL's LIKE."""
    variables = {"names": list(names), "pattern": pattern, "cursor": cursor, "perPage": per_page}
    found = yield from of_run(documents.FILES, at, **variables)
    return _page(found.get("files"), total=found.get("fileCount"))


def upload_targets(at: RunAddress, names: Sequence[str]) -> Operation[tuple[dict[str, str], list[Any]]]:
    """Where the bytes of run files go: an address by name, and lines of headers that go along."""
    variables = {"entity": at.entity, "project": at.project, "run": at.run_id, "files": list(names)}
    answer = as_object((yield from ask(documents.CREATE_FILES, variables)).get("createRunFiles"))
    entries = [entry for entry in list_of(answer.get("files")) if isinstance(entry, dict)]
    urls = {str(entry.get("name")): str(entry["uploadUrl"]) for entry in entries if entry.get("uploadUrl")}
    return urls, list_of(answer.get("uploadHeaders"))


def _project(document: str, variables: Mapping[str, Any], entity: str | None, name: str) -> Operation[JsonObject]:
    found = (yield from ask(document, variables)).get("project")
    if not isinstance(found, dict):
        raise ProjectNotFound(f"{entity}/{name}" if entity else name)
    return found


def _page(connection: Any, *, total: Any = None) -> Page[JsonObject]:
    return Page(list(nodes_of(connection)), next_cursor(connection), whole(total))


def _rows(texts: Any) -> list[JsonObject]:
    found = [exact_json.loads(text) if isinstance(text, str) else text for text in list_of(texts)]
    return [row for row in found if isinstance(row, dict)]
