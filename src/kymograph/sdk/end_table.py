"""What a run came to, for the person who waited for it: a line for each metric."""

from __future__ import annotations

from collections.abc import Mapping

from kymograph.core.flatten import iter_leaves
from kymograph.core.sparkline import Trace
from kymograph.types import JsonObject, JsonValue

WIDTH = 40
"""Of a drawn line, in characters."""
MAX_NAME, MAX_TEXT, MAX_BITS = 40, 20, 128


def end_table(summary: JsonObject, traces: Mapping[str, Trace], *, max_traces: int, max_values: int) -> list[str]:
    """Lines of text: the name of a metric, how it went, and what stands for it in the summary.

    Args:
        summary: Of the run.
        traces: Of the metrics that are numbers, by name.
        max_traces: How many of them are drawn, in alphabetical order.
        max_values: How many values of the summary are shown, in the same order.
    """
    values = {
        name: shown
        for name, value in iter_leaves(summary)
        if not name.startswith("_") and (shown := _shown(value)) is not None
    }
    drawn = sorted(name for name, trace in traces.items() if trace.count > 1)
    shown_traces, shown_values = drawn[:max_traces], sorted(values)[:max_values]
    names = sorted({*shown_traces, *shown_values})
    if not names:
        return []
    rows = [
        (
            _printable(name, MAX_NAME),
            traces[name].draw(WIDTH) if name in shown_traces else "",
            values[name] if name in shown_values else "",
        )
        for name in names
    ]
    name_width = max(len(name) for name, _, _ in rows)
    line_width = max(len(line) for _, line, _ in rows)
    lines = [f"  {name:<{name_width}}  {line:<{line_width}}  {value}".rstrip() for name, line, value in rows]
    left = len({*drawn, *values}) - len(names)
    return [*lines, f"  … and {left:,} more"] if left > 0 else lines


def _shown(value: JsonValue) -> str | None:
    """A value in a few characters; None for what has no short form."""
    if isinstance(value, int):  # or a bool; Python refuses to write very large ones
        return str(value) if value.bit_length() <= MAX_BITS else None
    if isinstance(value, float):
        return f"{value:.6g}"
    return _printable(value, MAX_TEXT) if isinstance(value, str) else None


def _printable(text: str, width: int) -> str:
    """Without what a terminal would take for a command."""
    clean = "".join(character if character.isprintable() else "·" for character in text)
    return clean if len(clean) <= width else f"{clean[: width - 1]}…"
