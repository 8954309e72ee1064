"""The lines at the end of a run."""

from __future__ import annotations

from collections.abc import Sequence

from kymograph.core.sparkline import Trace
from kymograph.sdk.end_table import end_table
from kymograph.types import JsonObject


def traces(**values: Sequence[float]) -> dict[str, Trace]:
    found = {}
    for name, numbers in values.items():
        found[name] = Trace()
        for number in numbers:
            found[name].add(number)
    return found


def table(summary: JsonObject, lines: dict[str, Trace], *, max_traces: int = 10, max_values: int = 10) -> list[str]:
    return end_table(summary, lines, max_traces=max_traces, max_values=max_values)


def test_a_metric_has_its_line_and_its_value() -> None:
    lines = table(
        {"loss": 0.0251234567, "accuracy": {"max": 6}, "note": "good", "_step": 9},
        traces(loss=[3, 2, 1], accuracy=[1, 6]),
    )

    assert lines == [
        "  accuracy      ▁█",
        "  accuracy.max       6",
        "  loss          █▅▁  0.0251235",
        "  note               good",
    ]


def test_only_so_many_are_shown_and_the_others_counted() -> None:
    summary: JsonObject = {f"m{number}": number for number in range(20)}
    lines = table(summary, traces(**{f"m{number}": [0, 1] for number in range(20)}), max_traces=2, max_values=3)

    assert lines == ["  m0   ▁█  0", "  m1   ▁█  1", "  m10      10", "  … and 17 more"]
    assert table(summary, {}, max_traces=0, max_values=0) == []


def test_media_lists_and_single_values_have_no_line() -> None:
    lines = table({"image": {"_type": "image-file", "path": "x"}, "list": [1], "huge": 10**5000}, traces(once=[1]))

    assert lines == []


def test_names_and_texts_cannot_command_the_terminal() -> None:
    lines = table({"\x1b[2Jname": "\x1b[31mred" + "x" * 50}, {})

    assert lines == ["  ·[2Jname    ·[31mredxxxxxxxxxxx…"]
