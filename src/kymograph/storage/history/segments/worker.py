"""The process that builds segments: takes tasks as JSON lines, answers each with one.

Run as ``python -m kymograph.storage.history.segments.worker`` by `SegmentProcess`. The first line says where everything
is; it comes over standard input because a database address may hold a password. It ends when its input does, which
happens when the server ends, however it ends.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from kymograph.core.history import Stream
from kymograph.errors import KymographError, StorageFull, StoreCorrupt
from kymograph.storage.database import open_database
from kymograph.storage.history.base import Replacement, Segment, SegmentExtent
from kymograph.storage.history.segments.build import Limits, SegmentBuilder
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.history.segments.scratch import scratch_folder
from kymograph.storage.objects.store import open_objects
from kymograph.types import ObjectKey, RunKey, WriterId

logger = logging.getLogger(__name__)

NICENESS = 5
"""Taking lines in comes before tidying them up."""


def main() -> None:
    """Serve until the input ends."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    os.nice(NICENESS)
    tasks, answers = sys.stdin.buffer, sys.stdout.buffer
    setup = orjson.loads(tasks.readline() or b"null")
    if setup is None:
        return
    database = open_database(setup["database"], prepare=False)
    objects = open_objects(setup["objects"])
    folder = Path(setup["folder"])
    with scratch_folder(folder / "scratch") as scratch:
        files = SegmentFiles(objects, folder=folder / "segments", folder_bytes=setup["folder_bytes"])
        builder = SegmentBuilder(database, objects, files, scratch=scratch, limits=Limits(**setup["limits"]))
        with suppress(BrokenPipeError):  # the server was killed: nobody puts in place what was built
            for line in tasks:
                _answer(answers, builder, files, orjson.loads(line))
    database.close()


def _answer(answers: BinaryIO, builder: SegmentBuilder, files: SegmentFiles, task: dict[str, Any]) -> None:
    run, stream = RunKey(task["run"]), Stream(task["stream"])
    answer: dict[str, Any]
    try:
        if task["task"] == "merge":
            built = builder.merge(run, stream)
        else:
            built = builder.compact(run, stream, take_open=task["take_open"])
        answer = {"built": None if built is None else encode_replacement(built)}
        if built is not None:
            files.let_go(built.segments)  # most likely nobody wants them any more
    except StoreCorrupt as exc:
        answer = {"error": "corrupt", "what": exc.what, "problem": exc.problem}
    except (StorageFull, OSError) as exc:
        answer = {"error": "busy", "problem": str(exc)}
    except KymographError as exc:
        answer = {"error": "busy", "problem": str(exc)}
    except Exception as exc:  # the edge of a task: the server hears of it and goes on
        logger.exception("a segment could not be built")
        answer = {"error": "busy", "problem": f"{type(exc).__name__}: {exc}"}
    answers.write(orjson.dumps(answer) + b"\n")
    answers.flush()


def encode_replacement(replacement: Replacement) -> dict[str, Any]:
    """As JSON."""
    return asdict(replacement)


def decode_replacement(document: dict[str, Any]) -> Replacement:
    """From JSON."""
    return Replacement(
        RunKey(document["run"]),
        Stream(document["stream"]),
        _decode_segment(document["segment"]),
        tuple(document["chunks"]),
        tuple(map(_decode_segment, document["segments"])),
    )


def _decode_segment(document: dict[str, Any]) -> Segment:
    extents = tuple(
        SegmentExtent(WriterId(extent["writer"]), extent["first_line"], extent["end_line"], extent["seq"])
        for extent in document["extents"]
    )
    typed = {
        "run": RunKey(document["run"]),
        "stream": Stream(document["stream"]),
        "object": ObjectKey(document["object"]),
        "extents": extents,
    }
    return Segment(**{**document, **typed})


if __name__ == "__main__":
    main()
