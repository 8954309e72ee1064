"""What a terminal would show of console output, as numbered lines that may still change.

Progress bars rewrite their line and go back up; a log that keeps every piece of them is unreadable, and one that keeps
only whole lines shows nothing of them. This terminal takes the text as it was printed and gives out lines by number:
those that are new, and those that were written over. Of each stream only the last `VIEW_ROWS` lines can change.

stdout and stderr have a cursor each, so that a bar on stderr keeps its line while stdout goes on, and share the
numbering.

Source: protocol.md §5.4; pinned by tests/unit/core/test_terminal.py.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from kymograph.core.text_style import PLAIN, Style, restyled

VIEW_ROWS = 32
"""How far up a cursor can go. Source: the vendor's client; nested progress bars stay well below it."""
MAX_LINE_CELLS = 65_536
"""Longer lines go on in the next one: nothing is cut away, and a line without an end does not fill the memory."""
MAX_JUMP = 1_000
"""No cursor movement leads further right than this: programs ask for column 999 to mean "the edge"."""
MAX_CELL_CHARACTERS = 16
"""Combining characters on one cell; what is above begins a cell of its own."""

_CONTROL = r"\x00-\x08\x0a-\x1f\x7f-\x9f"
# Every repetition is bounded, so that whether a sequence is one does not depend on how the text was cut in pieces.
_ESCAPE = (
    r"\x1b(?:\[(?P<arguments>[0-?]{0,64})[ -/]{0,4}(?P<final>[@-~])"
    r"|[\]PX^_][^\x07\x1b\n\x18\x1a]{0,4096}(?:\x07|\x1b\\)"
    r"|[ -/]{1,4}[0-~]"
    r"|(?P<single>[0-OQ-WYZ\\`-~]))"
)
_TOKEN = re.compile(rf"(?P<text>[^{_CONTROL}]+)|{_ESCAPE}|(?P<control>[{_CONTROL}])")
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]{0,64}[ -/]{0,4}|[\]PX^_][^\x07\x1b\n\x18\x1a]{0,4096}\x1b?|[ -/]{0,4})\Z")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ConsoleLine:
    """A line as it stands now."""

    number: int
    """Counted over both streams, from the first line of the run; a later line of the same number replaces this one."""
    timestamp: datetime
    """When the line was begun."""
    is_error: bool
    """Whether it was printed to stderr."""
    text: str
    """Without the line's end; colours are ``SGR`` sequences that begin and end within the line."""


class _Row:
    """A line that can still change: one string a cell, empty where the wide character before reaches."""

    __slots__ = ("cells", "number", "shown", "styles", "timestamp")

    def __init__(self, number: int, timestamp: datetime) -> None:
        self.number, self.timestamp = number, timestamp
        self.cells: list[str] = []
        self.styles: list[Style] | None = None
        """One a cell; None while all are plain."""
        self.shown: str | None = None
        """What was last given out."""

    def write(self, column: int, cells: Sequence[str], style: Style) -> None:
        end = column + len(cells)
        self._pad(column)
        self._split_wide(column)
        self._split_wide(end)
        if style is not PLAIN and self.styles is None:
            self.styles = [PLAIN] * len(self.cells)
        self.cells[column:end] = cells
        if self.styles is not None:
            self.styles[column:end] = [style] * len(cells)

    def _pad(self, column: int) -> None:
        missing = column - len(self.cells)
        if missing > 0:
            self.cells.extend(" " * missing)
            if self.styles is not None:
                self.styles.extend([PLAIN] * missing)

    def _split_wide(self, column: int) -> None:
        """Whoever writes at `column` cuts a wide character that reaches there: its halves become blank."""
        if 0 < column < len(self.cells) and not self.cells[column]:
            self.cells[column - 1] = self.cells[column] = " "

    def combine(self, column: int, mark: str) -> bool:
        """Put a combining character on the one before `column`; False if there is none, or it has enough."""
        at = column - 1
        if 0 < at < len(self.cells) and not self.cells[at]:
            at -= 1
        if not 0 <= at < len(self.cells) or len(self.cells[at]) >= MAX_CELL_CHARACTERS:
            return False
        self.cells[at] += mark
        return True

    def erase(self, start: int, end: int | None) -> None:
        """Blank the cells from `start` to before `end`; None is the end of the line, which then becomes shorter."""
        if end is None or end >= len(self.cells):
            self._split_wide(start)
            del self.cells[start:]
            if self.styles is not None:
                del self.styles[start:]
        else:
            self.write(start, " " * (end - start), PLAIN)

    def insert(self, column: int, count: int) -> None:
        if column < len(self.cells):
            self._split_wide(column)
            self.cells[column:column] = " " * count
            if self.styles is not None:
                self.styles[column:column] = [PLAIN] * count
            del self.cells[MAX_LINE_CELLS:]
            if self.styles is not None:
                del self.styles[MAX_LINE_CELLS:]

    def delete(self, column: int, count: int) -> None:
        self._split_wide(column)
        self._split_wide(column + count)
        del self.cells[column : column + count]
        if self.styles is not None:
            del self.styles[column : column + count]

    def text(self) -> str:
        if self.styles is None:
            return "".join(self.cells)
        parts, last = [], PLAIN
        for cell, style in zip(self.cells, self.styles, strict=True):
            if style is not last:
                parts.append(style.after(last))
                last = style
            parts.append(cell)
        parts.append(PLAIN.after(last))
        return "".join(parts)


class Terminal:
    """Lines of both streams; not safe for use by several threads at once.

    Law: however a text is cut into pieces, feeding them one after the other (of one stream and time) leaves the same
    lines.
    """

    def __init__(self, *, first_number: int = 0, view_rows: int = VIEW_ROWS) -> None:
        """Begin at line `first_number`: a resumed run goes on behind the lines it has."""
        self._next_number = first_number
        self._done: list[ConsoleLine] = []
        """Lines that went out of view since they were last given out."""
        self._screens = (_Screen(self, view_rows, is_error=False), _Screen(self, view_rows, is_error=True))

    @property
    def next_number(self) -> int:
        """The number that the next new line gets."""
        return self._next_number

    def feed(self, text: str, at: datetime, is_error: bool) -> None:
        """Take what was printed next; lines that begin with it are of the time `at`."""
        self._screens[is_error].feed(text, at)

    def changed(self) -> Sequence[ConsoleLine]:
        """The lines that are new or other than at the last call, by ascending number.

        Between two calls they are kept: call it often enough, since only they cost memory.
        """
        lines, self._done = self._done, []
        for screen in self._screens:
            lines.extend(screen.take_changed())
        lines.sort(key=lambda line: line.number)
        return lines

    def _begin_row(self, at: datetime) -> _Row:
        row = _Row(self._next_number, at)
        self._next_number += 1
        return row


class _Screen:
    """The rows of one stream that can change, and its cursor."""

    def __init__(self, terminal: Terminal, view_rows: int, *, is_error: bool) -> None:
        self._terminal = terminal
        self._view_rows = view_rows
        self._is_error = is_error
        self._rows: list[_Row] = []
        self._touched: set[int] = set()
        """Numbers of the rows in view that may differ from what was given out."""
        self._row = self._column = 0
        """The cursor. Its row may be one that nothing was written to yet."""
        self._lowest = 0
        """The lowest row that the cursor has been on."""
        self._saved = (0, 0)
        self._is_home = False
        """Whether the cursor was sent to the window's top left, and nothing happened since."""
        self._style = PLAIN
        self._pending = ""
        """An escape sequence that has begun."""
        self._at = datetime.min

    def feed(self, text: str, at: datetime) -> None:
        self._at = at
        if self._pending:
            text, self._pending = self._pending + text, ""
        if not text.isascii():
            # Lone surrogates come from bytes that were no text, and could not be stored.
            text = _SURROGATE.sub("\ufffd", text)
        position, end = 0, len(text)
        while position < end:
            match = _TOKEN.match(text, position)
            assert match is not None  # every character is text or control
            position = match.end()
            if (printed := match["text"]) is not None:
                self._print(printed)
            elif (final := match["final"]) is not None:
                self._sequence(final, match["arguments"])
            elif (single := match["single"]) is not None:
                self._single(single)
            elif (control := match["control"]) == "\x1b":
                if _UNFINISHED.match(text, match.start()):
                    self._pending = text[match.start() :]
                    return
                # No sequence that anyone knows: what follows is shown as text.
            elif control is not None:
                self._control(control)

    def take_changed(self) -> list[ConsoleLine]:
        if not self._touched:
            return []
        lines = [line for row in self._rows if row.number in self._touched and (line := self._line(row)) is not None]
        self._touched.clear()
        return lines

    def _line(self, row: _Row) -> ConsoleLine | None:
        text = row.text()
        if text == row.shown:
            return None
        row.shown = text
        return ConsoleLine(row.number, row.timestamp, self._is_error, text)

    # --- text ---------------------------------------------------------------------------------------------------------

    def _print(self, text: str) -> None:
        if text.isascii():
            self._write(text)
            return
        cells: list[str] = []
        for character in text:
            width = _width(character)
            if width:
                cells.append(character)
                if width == 2:
                    cells.append("")
                continue
            # The cells before it are written first: where it belongs is decided by what the row holds.
            self._write(cells)
            cells = []
            row = self._current_row()
            if row.combine(self._column, character):
                self._touched.add(row.number)
            else:
                cells.append(character)
        self._write(cells)

    def _write(self, cells: Sequence[str]) -> None:
        while cells:
            room = MAX_LINE_CELLS - self._column
            if room < len(cells) and room > 0 and not cells[room]:
                room -= 1  # a wide character does not fit
            if room <= 0:
                self._line_feed()
                continue
            row = self._current_row()
            part = cells[:room] if room < len(cells) else cells
            row.write(self._column, part, self._style)
            self._touched.add(row.number)
            self._is_home = False
            self._column += len(part)
            cells = cells[room:]

    def _current_row(self) -> _Row:
        rows = self._rows
        while self._row >= len(rows):
            row = self._terminal._begin_row(self._at)
            rows.append(row)
            self._touched.add(row.number)
        return rows[self._row]

    # --- controls -----------------------------------------------------------------------------------------------------

    def _control(self, control: str) -> None:
        if control == "\n" or control in "\v\f":
            self._line_feed()
        elif control == "\r":
            self._column = 0
        elif control == "\b":
            self._column = max(0, self._column - 1)

    def _line_feed(self) -> None:
        self._column = 0
        self._is_home = False
        self._go_down()

    def _go_down(self) -> None:
        if self._row + 1 < self._view_rows:
            self._row += 1
            self._lowest = max(self._lowest, self._row)
        else:
            self._current_row()  # a line of its own, though nothing was written to it
            self._drop_top(1)

    def _drop_top(self, count: int) -> None:
        """Let the highest rows go out of view, where nothing changes them any more."""
        for row in self._rows[:count]:
            if row.number in self._touched:
                self._touched.discard(row.number)
                if (line := self._line(row)) is not None:
                    self._terminal._done.append(line)
        del self._rows[:count]
        self._saved = (max(0, self._saved[0] - count), self._saved[1])

    def _single(self, character: str) -> None:
        if character == "7":
            self._saved = (self._row, self._column)
        elif character == "8":
            self._restore_cursor()
        elif character == "D":
            self._go_down()
        elif character == "E":
            self._line_feed()
        elif character == "M":
            self._row = max(0, self._row - 1)
        elif character == "c":
            self._style = PLAIN

    def _sequence(self, final: str, arguments: str) -> None:
        if final == "m":
            if not arguments.startswith((">", "?", "<", "=")):
                self._style = restyled(self._style, arguments)
            return
        action = _ACTIONS.get(final)
        if action is not None and not arguments.startswith((">", "?", "<", "=")):
            numbers = [int(number) if number.isdecimal() else 0 for number in arguments.split(";")]
            action(self, numbers)
        self._is_home = final in "Hf" and self._row == self._column == 0

    def _restore_cursor(self) -> None:
        self._row, self._column = self._saved
        self._row = min(self._row, self._lowest)

    def _up(self, numbers: list[int]) -> None:
        self._row = max(0, self._row - max(1, numbers[0]))

    def _down(self, numbers: list[int]) -> None:
        # Not below what was reached: of a window of unknown height, nobody knows the bottom.
        self._row = min(self._lowest, self._row + max(1, numbers[0]))

    def _right(self, numbers: list[int]) -> None:
        self._column = max(self._column, min(MAX_JUMP, self._column + max(1, numbers[0])))

    def _left(self, numbers: list[int]) -> None:
        self._column = max(0, self._column - max(1, numbers[0]))

    def _next_line(self, numbers: list[int]) -> None:
        self._down(numbers)
        self._column = 0

    def _previous_line(self, numbers: list[int]) -> None:
        self._up(numbers)
        self._column = 0

    def _to_column(self, numbers: list[int]) -> None:
        self._column = min(max(1, numbers[0]) - 1, MAX_JUMP)

    def _to_row(self, numbers: list[int]) -> None:
        self._row = min(max(1, numbers[0]) - 1, self._lowest)

    def _to_position(self, numbers: list[int]) -> None:
        self._to_row(numbers)
        self._to_column(numbers[1:] or [1])

    def _erase_line(self, numbers: list[int]) -> None:
        if self._row >= len(self._rows):
            return
        row = self._rows[self._row]
        self._touched.add(row.number)
        if numbers[0] == 0:
            row.erase(self._column, None)
        elif numbers[0] == 1:
            row.erase(0, self._column + 1)
        else:
            row.erase(0, None)

    def _erase_display(self, numbers: list[int]) -> None:
        if numbers[0] >= 2 or (numbers[0] == 0 and self._is_home):
            # Clearing the window must not clear the log: what is there stays, and the window begins below it.
            self._drop_top(len(self._rows))
            self._row = self._lowest = 0
            self._column = 0 if numbers[0] == 0 else self._column
            return
        self._erase_line(numbers)
        others = self._rows[self._row + 1 :] if numbers[0] == 0 else self._rows[: self._row]
        for row in others:
            row.erase(0, None)
            self._touched.add(row.number)

    def _insert_cells(self, numbers: list[int]) -> None:
        row = self._current_row()
        row.insert(self._column, min(max(1, numbers[0]), MAX_JUMP))
        self._touched.add(row.number)

    def _delete_cells(self, numbers: list[int]) -> None:
        row = self._current_row()
        row.delete(self._column, max(1, numbers[0]))
        self._touched.add(row.number)

    def _erase_cells(self, numbers: list[int]) -> None:
        row = self._current_row()
        row.erase(self._column, self._column + max(1, numbers[0]))
        self._touched.add(row.number)

    def _save_cursor(self, numbers: list[int]) -> None:
        self._saved = (self._row, self._column)

    def _restore_saved(self, numbers: list[int]) -> None:
        self._restore_cursor()


_ACTIONS: dict[str, Callable[[_Screen, list[int]], None]] = {
    "A": _Screen._up,
    "B": _Screen._down,
    "C": _Screen._right,
    "D": _Screen._left,
    "E": _Screen._next_line,
    "F": _Screen._previous_line,
    "G": _Screen._to_column,
    "`": _Screen._to_column,
    "d": _Screen._to_row,
    "H": _Screen._to_position,
    "f": _Screen._to_position,
    "J": _Screen._erase_display,
    "K": _Screen._erase_line,
    "@": _Screen._insert_cells,
    "P": _Screen._delete_cells,
    "X": _Screen._erase_cells,
    "s": _Screen._save_cursor,
    "u": _Screen._restore_saved,
}


def _width(character: str) -> int:
    """Cells that a printable character takes: none if it combines with the one before, two if it is wide."""
    if character < "\u0300":
        return 1
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
