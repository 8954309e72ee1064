"""Reads the journals of a run from beginning to end, in bounded memory: what a sync would send, for those who look.

Lines are handed on as a sender would send them, so whatever compares or shows them sees what a server gets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.sender.changes import RunChanges
from kymograph.sdk.sender.ledger import Ledger
from kymograph.sdk.sender.replay import RunReplay
from kymograph.sdk.sender.strand import Strand
from kymograph.wire.journal import Damage

TakeLine: TypeAlias = Callable[[str, int, str], object]
"""Is given the stream (``history``, ``events`` or ``console``), the number of a line, and its text.

A line of the console may come again with another text, which then holds. Lines of history come once.
"""
_PENDING_BYTES = 8 << 20


@dataclass(slots=True)
class JournalReading:
    """What the journals of a folder come to."""

    replay: RunReplay
    """Of the main journal; facts, definitions and summary are those of the whole run."""
    rows: int = 0
    """History records."""
    lines: dict[str, int] = field(default_factory=dict)
    """By stream, over all writers."""
    damages: list[Damage] = field(default_factory=list)


def read_journals(
    folder: RunFolder, take: TakeLine, *, ledger: Ledger | None = None, changes: RunChanges | None = None
) -> JournalReading:
    """Read all of a run.

    Args:
        folder: Of the run.
        take: Is given every line.
        ledger: Tells what a resumed run had before; of any other run it says nothing.
        changes: To what the journal says of the run.

    Raises:
        JournalCorrupt: The file is no journal.
        OSError: It cannot be read.
    """
    main = Strand(folder.journal, changes=changes)
    if ledger is not None:
        main.replay.resume(config=ledger.base_config, notes=ledger.base_notes, summary=ledger.base_summary)
    strands = [main]
    for writer, path in folder.further_journals():
        strands.append(Strand(path, writer=writer, main=main.replay))
    reading = JournalReading(main.replay)
    try:
        for strand in strands:
            read_strand(strand, take)
            reading.rows += strand.replay.rows
            for name, queue in strand.queues.items():
                reading.lines[name] = reading.lines.get(name, 0) + queue.end
            reading.damages += strand.damages()
    finally:
        for strand in strands:
            strand.close()
    return reading


def read_strand(strand: Strand, take: TakeLine) -> None:
    """Hand on the lines of one journal that are there and were not handed on before."""
    while True:
        strand.read(max_pending_bytes=_PENDING_BYTES)
        drain(strand, take)
        if strand.is_at_end:
            return


def drain(strand: Strand, take: TakeLine) -> None:
    """Hand on what has been read, but the row that may still grow, unless the journal is read to its end."""
    for name, queue in strand.queues.items():
        held_back = 1 if name == "history" and not strand.is_at_end else 0
        while (chunk := queue.next_chunk(max_bytes=1 << 20)) is not None:
            lines = chunk.lines
            if held_back and chunk.end == queue.end:
                lines = lines[:-held_back]
            for number, text in enumerate(lines, chunk.first):
                take(name, number, text)
            queue.acknowledge(type(chunk)(chunk.first, lines))
            if len(lines) < len(chunk.lines):
                break
