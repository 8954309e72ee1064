"""Lines on their way to the server: numbered, so that sending them again changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive lines of one stream."""

    first: int
    lines: tuple[str, ...]

    @property
    def end(self) -> int:
        """Number after the last line."""
        return self.first + len(self.lines)


class LineQueue:
    """The lines of one stream that the server has not acknowledged in their present form.

    Law: whatever is acknowledged in whatever order, in the end the server has the last text of every number.
    """

    def __init__(self, *, acknowledged_end: int = 0) -> None:
        """Begin empty; lines before `acknowledged_end` are there already and are not kept."""
        self._known_end = acknowledged_end
        self._pending: dict[int, str] = {}
        self._is_ascending = True
        self._last_number = -1
        self.end = 0
        """Number after the highest line."""
        self.pending_bytes = 0

    def __len__(self) -> int:
        """How many lines wait."""
        return len(self._pending)

    def add(self, line: str) -> int:
        """Append a line; returns its number."""
        number = self.end
        self.put(number, line)
        return number

    def put(self, number: int, line: str) -> None:
        """Set the text of a line, new or not."""
        self.end = max(self.end, number + 1)
        if number < self._known_end:
            return
        before = self._pending.get(number)
        if before is not None:
            self.pending_bytes -= len(before)
        elif number < self._last_number:
            self._is_ascending = False
        self._last_number = max(self._last_number, number)
        self._pending[number] = line
        self.pending_bytes += len(line)

    @property
    def acknowledged_end(self) -> int:
        """Every line before this number is on the server in its present form."""
        return min(self._pending, default=self.end) if self._pending else max(self.end, self._known_end)

    def next_chunk(self, *, max_bytes: int) -> Chunk | None:
        """The first consecutive lines that wait, at least one, about `max_bytes` long; None if none waits."""
        if not self._pending:
            return None
        if not self._is_ascending:
            self._pending = dict(sorted(self._pending.items()))
            self._is_ascending = True
        lines = tuple(self._consecutive(max_bytes))
        return Chunk(next(iter(self._pending)), lines)

    def _consecutive(self, max_bytes: int) -> Iterator[str]:
        expected, size = next(iter(self._pending)), 0
        for number, line in self._pending.items():
            size += len(line)
            if number != expected or (size > max_bytes and size > len(line)):
                return
            yield line
            expected += 1

    def acknowledge(self, chunk: Chunk) -> None:
        """The server has these lines; those whose text has changed meanwhile go on waiting."""
        for number, line in enumerate(chunk.lines, chunk.first):
            if self._pending.get(number) is line:
                del self._pending[number]
                self.pending_bytes -= len(line)
