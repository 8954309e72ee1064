"""One journal of a run on its way: most runs have one; every further process that writes a run has its own.

A further writer's lines are numbered by themselves, and sent under its name: the server puts rows of one step together.
"""

from __future__ import annotations

from pathlib import Path

from kymograph.sdk.run_folder import JournalTail
from kymograph.sdk.sender.changes import RunChanges
from kymograph.sdk.sender.lines import Chunk, LineQueue
from kymograph.sdk.sender.replay import Acknowledged, RunReplay
from kymograph.types import JsonObject
from kymograph.wire.filestream import CONSOLE_FILE, EVENTS_FILE, HISTORY_FILE
from kymograph.wire.journal import Damage
from kymograph.wire.records_pb2 import Record

_FILES = {"history": HISTORY_FILE, "events": EVENTS_FILE, "console": CONSOLE_FILE}


class Strand:
    """A journal, what it comes to, and what of that is not on the server yet."""

    def __init__(
        self,
        path: Path,
        *,
        writer: str = "",
        acknowledged: dict[str, int] | None = None,
        main: RunReplay | None = None,
        changes: RunChanges | None = None,
    ) -> None:
        """Begin before the first record.

        Args:
            path: Of the journal.
            writer: Names who wrote it; empty for the process that made the run.
            acknowledged: Lines that the server has from an earlier sender.
            main: The run that it is a part of.
            changes: To what the journal says of the run.
        """
        self.writer = writer
        self.replay = RunReplay(Acknowledged(**(acknowledged or {})), main=main, changes=changes)
        self.is_at_end = False
        self._tail = JournalTail(path)
        self._held: list[Record] = []
        """Read, and not folded yet."""

    @property
    def queues(self) -> dict[str, LineQueue]:
        """Lines that wait, by stream."""
        return {"history": self.replay.history, "events": self.replay.events, "console": self.replay.console}

    @property
    def has_lines(self) -> bool:
        """Whether any line waits."""
        return any(map(len, self.queues.values()))

    def read_run(self) -> bool:
        """Fold up to the record that says which run it is, and no further; returns whether it is there.

        What comes after it is to be folded onto what a run that is resumed had before.
        """
        while self.replay.facts.run is None:
            if not self._held:
                records = self._tail.read(4096)
                if records is None:
                    return False
                self._held = records
            else:
                self.replay.apply(self._held.pop(0))
        return True

    def read(self, *, max_pending_bytes: int) -> None:
        """Fold what is there, as far as so much waits."""
        self.is_at_end = False
        held, self._held = self._held, []
        for record in held:
            self.replay.apply(record)
        while self.replay.pending_bytes < max_pending_bytes:
            records = self._tail.read()
            if records is None:
                self.is_at_end = True
                return
            for record in records:
                self.replay.apply(record)

    def next_chunks(self, *, max_bytes: int) -> dict[str, Chunk]:
        """Lines for one request, by stream."""
        chunks: dict[str, Chunk] = {}
        for name, queue in self.queues.items():
            chunk = queue.next_chunk(max_bytes=max(max_bytes, 1))
            if chunk is not None and max_bytes > 0:
                chunks[name] = chunk
                max_bytes -= sum(map(len, chunk.lines))
        return chunks

    def acknowledge(self, chunks: dict[str, Chunk]) -> None:
        """The server has these lines."""
        for name, chunk in chunks.items():
            self.queues[name].acknowledge(chunk)

    def acknowledged(self) -> dict[str, int]:
        """Lines that a later sender need not send again."""
        return {
            "history": min(self.replay.history.acknowledged_end, self.replay.sealed_history_end),
            "events": self.replay.events.acknowledged_end,
            # Lines on a terminal may change long after they were sent.
            "console": 0,
        }

    def damages(self, *, is_growing: bool = False) -> list[Damage]:
        """What could not be read; of a journal that `is_growing`, the end may come yet."""
        at_the_end = None if is_growing else self._tail.end()
        return [*self._tail.damages, *([at_the_end] if at_the_end is not None else [])]

    def close(self) -> None:
        """Release the journal."""
        self._tail.close()


def lines_document(chunks: dict[str, Chunk], base_lines: dict[str, int]) -> JsonObject:
    """Chunks as the member ``files`` of a request.

    Args:
        chunks: By stream.
        base_lines: Lines of each stream that were there before this journal's.
    """
    return {
        _FILES[name]: {"offset": chunk.first + base_lines.get(name, 0), "content": list(chunk.lines)}
        for name, chunk in chunks.items()
    }
