"""Media as one zip archive, made while it is sent: nothing of it is kept, whatever its size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import orjson
from fastapi.concurrency import iterate_in_threadpool

from kymograph.compare.comparison import Comparison, ShownMedia, describe
from kymograph.core.media_values import ARTIFACT_SCHEMES, MediaItem
from kymograph.core.names import parse_file_path
from kymograph.errors import KymographError
from kymograph.types import JsonValue

MAX_FILES = 100_000
INDEX = "index.json"
"""The last entry: an archive without it is not whole."""
_LARGE_BYTES = 2**31
"""From here on entries need the larger form, which a few old programs do not read."""


class _Sink:
    """What was written and not sent yet. Cannot be sought in, so that the archive is written from front to back."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing: `take` is what empties it."""

    def close(self) -> None:
        """Nothing: what was written is still to be taken."""

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


@dataclass(slots=True)
class _Contents:
    """What an archive holds so far."""

    names: set[str] = field(default_factory=set)
    items: list[JsonValue] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    """By name of the entry that is missing."""

    def index(self) -> bytes:
        """The last entry."""
        problems = [{"entry": name, "message": message} for name, message in self.problems.items()]
        return orjson.dumps({"items": self.items, "problems": problems}, option=orjson.OPT_INDENT_2)


async def zip_pieces(comparison: Comparison, media: Iterable[ShownMedia]) -> AsyncIterator[bytes]:
    """The archive in pieces of bounded size.

    A file that cannot be had is named in the index. One that breaks off breaks the archive off: it never looks whole.

    Args:
        comparison: Gives the files.
        media: What goes in, each file once.

    Raises:
        KymographError: Something broke after the archive had begun.
    """
    sink, contents = _Sink(), _Contents()
    with_files = ZipFile(sink, "w", ZIP_STORED)
    async for shown in iterate_in_threadpool(media):
        entries: list[str | None] = []
        for item in shown.items:
            name = _entry_name(shown, item)
            entries.append(name)
            if name is None or name in contents.names or name in contents.problems:
                continue
            if len(contents.names) >= MAX_FILES:
                contents.problems[name] = f"left out: an archive has at most {MAX_FILES} files; choose a smaller range"
                continue
            async for piece in _add(with_files, sink, comparison, shown, item, name, contents):
                yield piece
        contents.items.append(describe(shown, [{"entry": name} for name in entries]))
    with_files.writestr(_info(INDEX), contents.index())
    with_files.close()
    yield sink.take()


async def _add(
    archive: ZipFile,
    sink: _Sink,
    comparison: Comparison,
    shown: ShownMedia,
    item: MediaItem,
    name: str,
    contents: _Contents,
) -> AsyncIterator[bytes]:
    try:
        parse_file_path(name)
        stored = await comparison.open_file(shown, item)
    except KymographError as exc:
        contents.problems[name] = str(exc)
        return
    contents.names.add(name)
    with archive.open(_info(name), "w", force_zip64=stored.size_bytes >= _LARGE_BYTES) as entry:
        async for piece in stored.pieces:
            entry.write(piece)
            yield sink.take()


def _entry_name(shown: ShownMedia, item: MediaItem) -> str | None:
    if item.path is not None:
        return f"{shown.run.id}/{item.path}"
    if item.artifact is not None:
        inside = item.artifact
        for scheme in ARTIFACT_SCHEMES:
            inside = inside.removeprefix(scheme)
        return f"{shown.run.id}/artifacts/{inside}"
    return None


def _info(name: str) -> ZipInfo:
    """An entry without a date, so that equal media make equal archives."""
    return ZipInfo(name)
