"""Reads that our own server answers whole, in columns or lines, where others are asked page by page.

A server announces them (`FEATURE`). Source: docs/reference/rest.md, "Reading back in bulk".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import orjson

from kymograph.client.artifact_values import Page
from kymograph.client.operations import Operation, Receive
from kymograph.client.runs import RunAddress
from kymograph.core import exact_json
from kymograph.errors import MalformedRequest, ProtocolError, Unreachable
from kymograph.types import JsonObject
from kymograph.wire.columns import Frame, FrameDecoder
from kymograph.wire.content_parts import MAX_PART_BYTES, PartDecoder

_T = TypeVar("_T")

FEATURE = "X_KYMOGRAPH_BULK_READS"
SMALL_BYTES = MAX_PART_BYTES
"""Files up to this size come together."""
MAX_FILES = 5_000
"""Asked for in one request."""
MAX_RUNS = 1_000
"""Whose histories are asked for in one request."""
PAGE_RUNS = 10_000
"""Runs of a page, where all are wanted."""


def project_path(entity: str, project: str) -> str:
    """Where a project is among the paths of the server."""
    return f"/api/v1/projects/{quote(entity, safe='')}/{quote(project, safe='')}"


def run_nodes(
    entity: str,
    project: str,
    *,
    filters: Mapping[str, Any],
    order: str,
    is_light: bool,
    cursor: str | None,
    per_page: int = PAGE_RUNS,
    made: Callable[[JsonObject], _T],
) -> Operation[Page[_T]]:
    """Runs of a project, as `public_reads.runs` gives them.

    Args:
        entity: Who owns it.
        project: Its name.
        filters: In the protocol's form.
        order: A key with ``+`` or ``-`` before it.
        is_light: Without config and summary.
        cursor: Of the page before.
        per_page: At most so many.
        made: Of each run, what is wanted; made while the server looks up the next ones.

    Raises:
        ProjectNotFound: There is no such project.
        InvalidFilter: The server does not understand the filter.
    """
    parameters = {
        "filters": exact_json.dumps(dict(filters)),
        "order": order,
        "is_light": "true" if is_light else "false",
        "limit": per_page,
        "after": cursor,
    }
    rest, head, found = b"", list[Any](), list[_T]()

    def take(piece: memoryview) -> None:
        nonlocal rest
        body, _, rest = (rest + bytes(piece)).rpartition(b"\n")
        if body:
            # Configs and summaries are texts here, which are read when they are looked at.
            nodes = orjson.loads(b"[" + body.replace(b"\n", b",") + b"]")
            if not head:
                head.append(nodes.pop(0))
            found.extend(map(made, nodes))

    path = f"{project_path(entity, project)}/run-nodes"
    yield Receive("GET", path, take, parameters)
    if rest or not head:
        raise Unreachable(path, problem="a list of runs broke off")
    return Page(found, head[0]["next"], head[0]["total"])


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which rows of which runs."""

    runs: Sequence[str]
    """Ids in their project."""
    keys: Sequence[str] = ()
    """Only these metrics, nested names joined by dots."""
    is_any: bool = False
    """Whether a row is wanted that has one of the keys; otherwise it has to have all."""
    samples: int | None = None
    """At most so many of each run, evenly apart."""
    min_step: int | None = None
    max_step: int | None = None
    """The first step that is not wanted."""
    as_lines: bool = False
    """Rows as they were logged, a JSON document each, in place of columns."""

    def content(self) -> bytes:
        """For the server."""
        return orjson.dumps(
            {
                "runs": list(self.runs),
                "keys": list(self.keys),
                "mode": "any" if self.is_any else "all",
                "samples": self.samples,
                "min_step": self.min_step,
                "max_step": self.max_step,
                "format": "lines" if self.as_lines else "columns",
            }
        )


def histories_path(entity: str, project: str) -> str:
    """Where histories of a project are asked for, by POST."""
    return f"{project_path(entity, project)}/histories"


def frames(entity: str, project: str, query: HistoryQuery) -> Operation[list[Frame]]:
    """Histories as columns; each frame tells what could not be read.

    Raises:
        RunNotFound: One of the runs is not there.
        Unreachable: The connection broke.
    """
    decoder, found = FrameDecoder(), list[Frame]()
    path = histories_path(entity, project)
    yield Receive("POST", path, lambda piece: found.extend(decoder.feed(piece)), content=query.content())
    close(decoder, path)
    return found


def rows(entity: str, project: str, query: HistoryQuery) -> Operation[tuple[list[tuple[str, JsonObject]], list[str]]]:
    """Histories as rows, each with the id of its run, and what could not be read; raises as `frames` does."""
    decoder, found = LineDecoder(), list[tuple[str, JsonObject]]()
    path = histories_path(entity, project)
    yield Receive("POST", path, lambda piece: found.extend(decoder.feed(piece)), content=query.content())
    close(decoder, path)
    return found, decoder.damaged


def close(decoder: FrameDecoder | LineDecoder | PartDecoder, path: str) -> None:
    """See that a body came to its end.

    Raises:
        Unreachable: It broke off.
    """
    try:
        decoder.close()
    except MalformedRequest as exc:
        raise Unreachable(path, problem=str(exc)) from exc


class LineDecoder:
    """Reads histories as lines: of each run a line with its id in a list, then its rows; at the end an empty list."""

    def __init__(self) -> None:
        """Begin before the first byte."""
        self._rest = b""
        self._run = ""
        self._is_ended = False
        self.damaged: list[str] = []
        """What of the histories could not be read and is left out, in the server's words."""

    def feed(self, piece: bytes | memoryview) -> Iterator[tuple[str, JsonObject]]:
        """Take more of the body; gives the rows that are whole now, each with the id of its run."""
        body, _, self._rest = (self._rest + bytes(piece)).rpartition(b"\n")
        if not body:
            return
        for item in _documents(body):
            if isinstance(item, dict):
                yield self._run, item
            elif item:
                self._run = str(item[0])
                self.damaged += filter(None, item[1:])
            else:
                self._is_ended = True

    def close(self) -> None:
        """Nothing more comes.

        Raises:
            MalformedRequest: The body broke off.
        """
        if not self._is_ended:
            raise MalformedRequest("a body of rows broke off", where="lines")


def _documents(body: bytes) -> list[Any]:
    """The documents of some lines."""
    try:
        # One call for all of them takes half the time of one for each.
        found: list[Any] = orjson.loads(b"[" + body.replace(b"\n", b",") + b"]")
    except orjson.JSONDecodeError:  # bare NaN and the like
        return [exact_json.loads(line) for line in body.splitlines()]
    return found


def file_contents(at: RunAddress, names: Sequence[str], take: Callable[[str, bytes], object]) -> Operation[None]:
    """Contents of small files of a run, given one by one while they come; those that changed meanwhile are left out.

    Args:
        at: The run.
        names: Of the files, none larger than `SMALL_BYTES`.
        take: Given name and content of each.

    Raises:
        Unreachable: The connection broke; some may have come.
    """
    path = f"{project_path(at.entity, at.project)}/runs/{quote(at.run_id, safe='')}/file-contents"
    for first in range(0, len(names), MAX_FILES):
        asked = names[first : first + MAX_FILES]
        decoder = PartDecoder()

        def write(piece: memoryview, asked: Sequence[str] = asked, decoder: PartDecoder = decoder) -> None:
            for part in decoder.feed(piece):
                # Parts are named by their place among those that were asked for.
                number = int.from_bytes(part.digest, "big") - 1
                if number >= len(asked):
                    raise ProtocolError("the server gives files that nobody asked for")
                take(asked[number], part.content)

        yield Receive("POST", path, write, content=orjson.dumps({"names": list(asked)}))
        close(decoder, path)
