"""Console text becomes the lines that a terminal would show, however it is cut into pieces."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.progress import Progress

from kymograph.core.terminal import MAX_LINE_CELLS, VIEW_ROWS, ConsoleLine, Terminal

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def shown(text: str) -> list[str]:
    return list(accumulate([text]).values())


def accumulate(pieces: list[str], *, drain: bool = True, view_rows: int = VIEW_ROWS) -> dict[int, str]:
    """Feed pieces; the last text of each line by number, as a server keeps them."""
    terminal, lines = Terminal(view_rows=view_rows), dict[int, str]()
    for piece in pieces:
        terminal.feed(piece, NOON, False)
        if drain:
            lines.update((line.number, line.text) for line in terminal.changed())
    lines.update((line.number, line.text) for line in terminal.changed())
    return dict(sorted(lines.items()))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one\ntwo\n", ["one", "two"]),
        ("no end", ["no end"]),
        ("", []),
        ("\n\na\n", ["", "", "a"]),
        ("windows\r\nlines\r\n", ["windows", "lines"]),
        ("10%\r20%\r100%\n", ["100%"]),
        ("100%\rdone\n", ["done"]),
        ("abc\b\bX\n", ["aXc"]),
        ("\b\ba\n", ["a"]),
        ("tab\tkept  \n", ["tab\tkept  "]),
        ("bell\a and nul\0 go\x7f\n", ["bell and nul go"]),
        ("form\ffeed\vtab", ["form", "feed", "tab"]),
        ("long line\r\x1b[Kshort\n", ["short"]),
        ("abcdef\x1b[3D\x1b[K\n", ["abc"]),
        ("abcdef\x1b[3D\x1b[1K\n", ["    ef"]),
        ("abcdef\x1b[2K|\n", ["      |"]),
        ("abcdef\x1b[1Gx\x1b[5Gy\n", ["xbcdyf"]),
        ("a\x1b[5Cb\n", ["a     b"]),
        ("abcdef\x1b[4D\x1b[2Pgh\n", ["abgh"]),
        ("abef\x1b[2D\x1b[2@cd\n", ["abcdef"]),
        ("abcdef\x1b[4D\x1b[2X\n", ["ab  ef"]),
        ("one\ntwo\x1b[Aup\n", ["oneup", "two"]),
        ("one\ntwo\n\x1b[2A\rONE\x1b[2B\rthree\n", ["ONE", "two", "three"]),
        ("a\nb\nc\x1b[99AX\n", ["aX", "b", "c"]),
        ("a\x1b[99BX\n", ["aX"]),
        ("a\nb\nc\n\x1b[3F1\x1b[1E2\n", ["1", "2", "c"]),
        ("x\n\x1b7saved\x1b8SAVED\n", ["x", "SAVED"]),
        ("x\n\x1b[ssaved\x1b[uSAVED\n", ["x", "SAVED"]),
        ("one\ntwo\nthree\x1b[2A\r\x1b[J1\n", ["1", "", ""]),
        ("\x1b[?25lhidden cursor\x1b[?25h\n", ["hidden cursor"]),
        ("\x1b]0;title\x07text\n", ["text"]),
        ("\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\\n", ["link"]),
        ("\x1b(Bcharset\n", ["charset"]),
        ("\x1b]0;never ended\nnext\n", ["]0;never ended", "next"]),
        ("\x1bé\n", ["é"]),
        ("lone \udcff surrogate\n", ["lone \ufffd surrogate"]),
        ("\x9b31m no C1\n", ["31m no C1"]),
    ],
)
def test_text_is_shown_as_a_terminal_would(text: str, lines: list[str]) -> None:
    assert shown(text) == lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("\x1b[31mred\x1b[0m plain\n", ["\x1b[31mred\x1b[0m plain"]),
        ("\x1b[31mred\ngoes on\x1b[m\n", ["\x1b[31mred\x1b[0m", "\x1b[31mgoes on\x1b[0m"]),
        ("\x1b[1;31ma\x1b[22mb\x1b[39mc\n", ["\x1b[31;1ma\x1b[0;31mb\x1b[0mc"]),
        ("\x1b[38;5;200mx\x1b[48;2;1;2;3my\x1b[0m\n", ["\x1b[38;5;200mx\x1b[48;2;1;2;3my\x1b[0m"]),
        ("\x1b[4:3mx\x1b[4:0my\n", ["\x1b[4:3mx\x1b[0my"]),
        ("\x1b[>4;1mnot a colour\n", ["not a colour"]),
        ("\x1b[32m100%\r\x1b[0m 50%\n", [" 50%"]),
        ("\x1b[99999mx\n", ["x"]),
        ("\x1b[32mabc\x1b[0m\r\x1b[Kx\n", ["x"]),
    ],
)
def test_colours_begin_and_end_within_each_line(text: str, lines: list[str]) -> None:
    assert shown(text) == lines


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("日本語\r12\n", "12本語"),
        ("日本語\r1\n", "1 本語"),
        ("日本\x1b[1Dx\n", "日 x"),
        ("e\u0301a\rX\n", "Xa"),
        ("ab\x1b[1D\u0301\n", "a\u0301b"),
        ("\u0301a\n", "\u0301a"),
        ("👩\u200d🔬x\n", "👩\u200d🔬x"),
    ],
)
def test_wide_and_combining_characters_take_their_cells(text: str, line: str) -> None:
    assert shown(text) == [line]


def test_combining_marks_do_not_pile_up_without_end() -> None:
    assert shown("a" + "\u0301" * 1000 + "\n") == ["a" + "\u0301" * 1000]


def test_a_progress_bar_is_one_line_that_changes() -> None:
    terminal = Terminal()
    numbers = list[tuple[int, str]]()
    for step in range(0, 101, 10):
        terminal.feed(f"\r{step:3}%|{'#' * (step // 10):<10}| {step}/100", NOON, True)
        numbers.extend((line.number, line.text) for line in terminal.changed())
    terminal.feed("\n", NOON, True)

    assert {number for number, _ in numbers} == {0}
    assert len(numbers) == 11
    assert numbers[-1][1] == "100%|##########| 100/100"
    assert terminal.changed() == []


def test_nested_bars_keep_a_line_each() -> None:
    """The pieces that tqdm writes for an inner bar below an outer one: down by line ends, up by cursor-up."""
    pieces = ["\router 0/2"]
    for outer in range(2):
        pieces.extend(f"\n\rinner {inner + 1}/3\x1b[A" for inner in range(3))
        pieces.extend(["\n\r" + " " * 9 + "\r\x1b[A", f"\router {outer + 1}/2"])
    pieces.append("\nafter\n")

    assert list(accumulate(pieces).values()) == ["outer 2/2", "after    "]


def test_bars_of_a_real_library_end_as_the_lines_they_end_on() -> None:
    file = StringIO()
    console = Console(file=file, force_terminal=True, width=60, legacy_windows=False, color_system="standard")
    with Progress(console=console, auto_refresh=False) as progress:
        outer, inner = progress.add_task("outer", total=2), progress.add_task("inner", total=3)
        for step in range(6):
            progress.update(inner, completed=step % 3 + 1, refresh=True)
            progress.update(outer, completed=step // 3 + 1, refresh=True)
            console.print(f"step {step}")

    lines = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in shown(file.getvalue())]

    assert [line.strip() for line in lines[:6]] == [f"step {step}" for step in range(6)]
    assert [line.split()[0] for line in lines[6:]] == ["outer", "inner"]
    assert all("100%" in line for line in lines[6:])


def test_a_bar_on_stderr_keeps_its_line_while_stdout_goes_on() -> None:
    terminal = Terminal()
    terminal.feed("\r 10%", NOON, True)
    for number in range(100):
        terminal.feed(f"step {number}\n", NOON, False)
    terminal.changed()
    terminal.feed("\r 20%", NOON, True)

    assert terminal.changed() == [ConsoleLine(0, NOON, True, " 20%")]
    assert terminal.next_number == 101


def test_a_line_is_of_the_time_it_was_begun() -> None:
    terminal = Terminal(first_number=7)
    terminal.feed("begun", NOON, False)
    terminal.feed(" and ended\nnext\n", NOON + timedelta(seconds=1), False)

    assert terminal.changed() == [
        ConsoleLine(7, NOON, False, "begun and ended"),
        ConsoleLine(8, NOON + timedelta(seconds=1), False, "next"),
    ]


def test_lines_that_look_the_same_again_are_not_given_out_again() -> None:
    terminal = Terminal()
    terminal.feed("same", NOON, False)
    terminal.changed()
    terminal.feed("\rsame", NOON, False)

    assert terminal.changed() == []


def test_only_the_last_rows_can_change() -> None:
    text = "".join(f"{number}\n" for number in range(100)) + f"\x1b[{VIEW_ROWS * 2}A" + "X"

    lines = shown(text)

    assert len(lines) == 100
    assert [number for number, line in enumerate(lines) if line.startswith("X")] == [100 - VIEW_ROWS + 1]


@pytest.mark.parametrize("clear", ["\x1b[2J\x1b[H", "\x1b[H\x1b[2J", "\x1b[H\x1b[J", "\x1b[3J\x1b[H\x1b[2J"])
def test_clearing_the_window_does_not_clear_the_log(clear: str) -> None:
    assert shown(f"before\nlast\n{clear}after\n") == ["before", "last", "after"]


def test_a_line_without_end_goes_on_in_the_next() -> None:
    lines = shown("x" * (MAX_LINE_CELLS * 2 + 5) + "\n")

    assert [len(line) for line in lines] == [MAX_LINE_CELLS, MAX_LINE_CELLS, 5]


def test_blank_lines_are_lines() -> None:
    assert len(shown("\n" * 100 + "end")) == 101


def test_memory_is_bounded_by_what_can_change() -> None:
    terminal = Terminal()
    for _ in range(200):
        terminal.feed("line\n" * 100 + "\x1b[999Cx\x1b[5A", NOON, False)
        terminal.changed()

    assert len(terminal._screens[0]._rows) <= VIEW_ROWS
    assert terminal._done == []


TEXTS = [
    "a",
    "bc",
    " ",
    "\n",
    "\r",
    "\b",
    "\t",
    "日",
    "é",
    "e\u0301",
    "👩\u200d🔬",
    "\ud800",
    "\x1b",
    "[",
    "A",
    "m",
    "\a",
]
MOVES = ["A", "2B", "3C", "2D", "K", "1K", "2K", "J", "2J", "H", "2P", "3@", "2X", "s", "u", "2;2H", "1" * 64 + "C"]
COLOURS = ["31m", "1;44m", "0m", "38;5;9m", "1" * 65 + "m"]
ESCAPES = ["7", "8", "M", "D", "]0;t\a", "]8;;u\x1b\\"]
SEQUENCES = [f"\x1b[{rest}" for rest in (*MOVES, *COLOURS)] + [f"\x1b{rest}" for rest in ESCAPES]
PIECES = st.lists(st.sampled_from(TEXTS) | st.sampled_from(SEQUENCES) | st.text(max_size=5), max_size=60)


@given(PIECES, st.lists(st.integers(0, 200), max_size=20), st.booleans())
@settings(max_examples=400)
def test_any_split_gives_the_same_lines(parts: list[str], cuts: list[int], drain: bool) -> None:
    text = "".join(parts)
    bounds = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[start:stop] for start, stop in pairwise(bounds)]

    whole = accumulate([text], view_rows=4)

    assert accumulate(pieces, drain=drain, view_rows=4) == whole
    assert accumulate(list(text), drain=drain, view_rows=4) == whole


@given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"])), max_size=80))
def test_plain_lines_are_kept_as_they_are(lines: list[str]) -> None:
    assert shown("".join(f"{line}\n" for line in lines) + "end") == [*lines, "end"]


@given(st.text())
def test_any_text_gives_lines_that_can_be_stored(text: str) -> None:
    for line in shown(text):
        line.encode()
        assert "\n" not in line
