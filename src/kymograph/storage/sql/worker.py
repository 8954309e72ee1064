"""The process that runs statements of users: takes them as JSON lines, answers each with a line and a body.

Run as ``python -m kymograph.storage.sql.worker`` by `SqlProcesses`. The first line says where everything is; it comes
over standard input because a database address may hold a password. It ends when its input does.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from kymograph.core.sql import SqlAnswer, SqlFormat, SqlQuery
from kymograph.errors import InvalidQuery, KymographError, QueryOverLimit, StoreCorrupt
from kymograph.storage.database import SqlDatabase, open_database
from kymograph.storage.history.column_cache import ColumnCache
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.objects.store import open_objects
from kymograph.storage.sql.execute import SqlLimits, execute, read_parquet
from kymograph.types import ObjectKey, ProjectId

logger = logging.getLogger(__name__)

NICENESS = 10
"""Below everything else of the server: who asks for a sum over all runs can wait a moment longer."""
CACHE_BYTES = 64 * 1024 * 1024
"""Of decoded tails, for the next statement."""
_BESIDES_BYTES = 512 * 1024 * 1024
"""What the process may take besides DuckDB's limit, before the system refuses: some functions allocate unasked."""


class Worker:
    """Everything that one statement after another needs."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self._limits = SqlLimits(setup["timeout_s"], setup["memory_bytes"])
        self._database: SqlDatabase = open_database(setup["database"], prepare=False)
        folder = Path(setup["folder"]) / "segments"
        self._files = SegmentFiles(open_objects(setup["objects"]), folder=folder, folder_bytes=setup["folder_bytes"])
        self._cache = ColumnCache(budget_bytes=CACHE_BYTES)

    def answer(self, task: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """A header, and the body that follows it."""
        try:
            answer = self._query(task)
        except InvalidQuery as exc:
            return {"error": "invalid", "problem": exc.problem}, b""
        except QueryOverLimit as exc:
            return {"error": "limit", "what": exc.what, "limit": exc.limit}, b""
        except StoreCorrupt as exc:
            return {"error": "corrupt", "what": exc.what, "problem": exc.problem}, b""
        except (KymographError, OSError) as exc:
            return {"error": "busy", "problem": str(exc)}, b""
        except MemoryError:
            return {"error": "limit", "what": "memory", "limit": f"{self._limits.memory_bytes // 2**20} MiB"}, b""
        except Exception as exc:  # the edge of a task: the server hears of it and goes on
            logger.exception("a statement could not be run")
            return {"error": "invalid", "problem": f"it cannot be run: {type(exc).__name__}"}, b""
        return {
            "row_count": answer.row_count,
            "is_truncated": answer.is_truncated,
            "damaged_count": answer.damaged_count,
        }, answer.body

    def _query(self, task: dict[str, Any]) -> SqlAnswer:
        query = SqlQuery(task["text"], datetime.fromisoformat(task["now"]), task["limit"], SqlFormat(task["format"]))
        if "parquet" in task:
            return read_parquet(self._files.path_of(ObjectKey(task["parquet"])), query, limits=self._limits)
        project = ProjectId(task["project"])
        return self._database.read(
            lambda tx: execute(tx, project, query, cache=self._cache, files=self._files, limits=self._limits)
        )

    def close(self) -> None:
        """Release the database."""
        self._database.close()


def main() -> None:
    """Serve until the input ends."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    os.nice(NICENESS)
    tasks, answers = sys.stdin.buffer, sys.stdout.buffer
    setup = orjson.loads(tasks.readline() or b"null")
    if setup is None:
        return
    _bound_memory(setup["memory_bytes"] + _BESIDES_BYTES)
    worker = Worker(setup)
    for line in tasks:
        _send(answers, *worker.answer(orjson.loads(line)))
    worker.close()


def _bound_memory(size_bytes: int) -> None:
    """Let the system refuse more; mapped files do not count. Where it does not know how, DuckDB's own limit stays."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or size_bytes < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (size_bytes, hard))


def _send(answers: BinaryIO, header: dict[str, Any], body: bytes) -> None:
    answers.write(orjson.dumps({**header, "size": len(body)}) + b"\n")
    answers.write(body)
    answers.flush()


if __name__ == "__main__":
    main()
