"""Following a run: its console and metrics as they come, on a server or in a folder of this machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from kymograph.client.run_reads import RunReads
from kymograph.client.runs import RunAddress
from kymograph.core import exact_json
from kymograph.core.history import STEP
from kymograph.sdk import writer_lock
from kymograph.sdk.journal_reading import drain
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.sender.strand import Strand
from kymograph.types import JsonObject
from kymograph.wire.console import parse_console_line

SEEN_AGAIN = 60
"""Lines before the last that are looked at again: they may be rewritten as long as they are on the screen."""
FIRST_LINES = 20


@dataclass(frozen=True, slots=True)
class TailLine:
    """A line of the console, as it is now."""

    number: int
    text: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class TailUpdate:
    """What a look at a run shows."""

    lines: tuple[TailLine, ...]
    """The last ones, in their order; some were there before."""
    values: JsonObject
    """The newest row, or what is known of it."""
    step: int | None
    state: str
    is_over: bool


class TailSource(Protocol):
    """A run that can be looked at again and again."""

    def look(self) -> TailUpdate:
        """How it is now."""
        ...


class ServerTail:
    """A run on a server."""

    def __init__(self, reads: RunReads, at: RunAddress, *, first_lines: int = FIRST_LINES) -> None:
        """Begin with the last `first_lines` lines."""
        self._reads, self._at = reads, at
        self._seen: int | None = None
        self._wanted = first_lines

    def look(self) -> TailUpdate:
        """How it is now.

        Raises:
            RunNotFound: There is no such run.
            TransportError: The server does not answer.
        """
        view = self._reads.console_end(self._at, last=max(self._wanted, 1))
        if self._seen is not None and view.line_count - self._seen > self._wanted - SEEN_AGAIN:
            view = self._reads.console_end(self._at, last=view.line_count - self._seen + SEEN_AGAIN)
        lines = view.lines
        if self._seen is None:
            self._wanted, lines = max(self._wanted, 4 * SEEN_AGAIN), lines[len(lines) - min(self._wanted, len(lines)) :]
        self._seen = view.line_count
        step = view.summary.get(STEP)
        return TailUpdate(
            tuple(TailLine(line.number, line.text, line.is_error) for line in lines),
            view.summary,
            int(step) if isinstance(step, (int, float)) else None,
            view.state,
            view.state not in ("running", "stale", "pending", "preempting"),
        )


class JournalTailSource:
    """A run in a folder, whoever writes it. Close it when done."""

    def __init__(self, folder: RunFolder, *, first_lines: int = FIRST_LINES) -> None:
        """Begin with the last `first_lines` lines.

        Raises:
            OSError: The journal cannot be opened.
        """
        self._folder, self._first_lines = folder, first_lines
        self._strand = Strand(folder.journal)
        self._is_first = True

    def close(self) -> None:
        """Release the journal."""
        self._strand.close()

    def look(self) -> TailUpdate:
        """How it is now.

        Raises:
            JournalCorrupt: The file is no journal.
        """
        console: dict[int, TailLine] = {}
        newest: list[str] = []

        def take(stream: str, number: int, text: str) -> None:
            if stream == "console":
                line = parse_console_line(text)
                console[number] = TailLine(number, line.text, line.is_error)
                if len(console) > 10_000:
                    del console[next(iter(console))]
            elif stream == "history":
                newest[:] = [text]

        while True:
            self._strand.read(max_pending_bytes=1 << 20)
            drain(self._strand, take)
            if self._strand.is_at_end:
                break
        replay = self._strand.replay
        row = exact_json.loads_document(newest[0]) if newest else {}
        values = row or {key: value for key, value in replay.summary.document().items() if key != "_wandb"}
        step = values.get(STEP)
        numbers = sorted(console)
        if self._is_first:
            numbers, self._is_first = numbers[len(numbers) - min(self._first_lines, len(numbers)) :], False
        state = self._state()
        return TailUpdate(
            tuple(console[number] for number in numbers),
            values,
            int(step) if isinstance(step, (int, float)) else None,
            state,
            state != "running",
        )

    def _state(self) -> str:
        exit_record = self._strand.replay.exit
        if exit_record is not None:
            return "finished" if exit_record.exit_code == 0 else "failed"
        journal = self._folder.journal
        return "running" if writer_lock.is_held(journal) or writer_lock.has_grown_lately(journal) else "crashed"


@dataclass(slots=True)
class Follower:
    """Decides what of each look is news: lines once they are complete, rows once they are new. Pure."""

    _shown: dict[int, str] = field(default_factory=dict)
    _waiting: dict[int, TailLine] = field(default_factory=dict)
    """Lines at the end, which may still grow."""
    _last: int = -1
    _step: int | None = None

    def lines(self, update: TailUpdate) -> list[TailLine]:
        """Lines to show now: those that another follows, or that have not changed since the look before.

        So a progress bar is not shown at each of its steps; a line that was shown is shown again if it changes.
        """
        current = {line.number: line for line in update.lines}
        self._last = max([self._last, *current])
        settled: dict[int, TailLine] = {}
        for number, line in self._waiting.items():
            now = current.get(number, line)
            if now.text == line.text or number < self._last or update.is_over:
                settled[number] = now
        self._waiting.clear()
        for number, line in current.items():
            if number < self._last or update.is_over:
                settled[number] = line
            elif number not in settled:
                self._waiting[number] = line
        news = [line for _, line in sorted(settled.items()) if self._shown.get(line.number) != line.text]
        self._shown.update((line.number, line.text) for line in news)
        for number in [number for number in self._shown if number < self._last - 10 * SEEN_AGAIN]:
            del self._shown[number]
        return news

    def row(self, update: TailUpdate) -> JsonObject | None:
        """The newest row, if it was not there at the look before."""
        if update.step is None or update.step == self._step:
            return None
        self._step = update.step
        return {key: value for key, value in update.values.items() if not key.startswith("_")}
