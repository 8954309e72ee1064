"""History that is sent a second time under other line numbers.

A client that syncs a log into a run which has history already numbers its lines from the end of that history on: the
next segment of a resumed run then follows the last one. But the same log, synced a second time, comes that way too, and
only its content tells.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from kymograph.core import exact_json
from kymograph.core.history import STEP, LineBatch, NumberedLine

_TIMESTAMP_KEY = '"_timestamp"'


def may_be_known(line: str, last_step: int | None) -> bool:
    """Whether a line could be there already: it carries a time, so an equal one is the same one, and no new step."""
    if last_step is None or _TIMESTAMP_KEY not in line:
        return False
    try:
        row = exact_json.loads(line)
    except ValueError:
        return False
    step = row.get(STEP) if isinstance(row, dict) else None
    return isinstance(step, int) and step <= last_step


def without_known_lines(batch: LineBatch, stored: Sequence[NumberedLine]) -> LineBatch | None:
    """Drop the lines at the beginning of a batch that are there already, in the same order; None if nothing is left.

    Law: doing it twice has the effect of doing it once.

    Args:
        batch: What was received.
        stored: Lines of the same stream and writer, ascending.
    """
    # A log that is there to the last line lies just as far from the beginning as it is sent behind the end.
    guess = batch.first_line - len(stored)
    places = (guess, *range(len(stored))) if 0 <= guess < len(stored) else range(len(stored))
    start = next((index for index in places if are_equal(stored[index].text, batch.lines[0])), None)
    if start is None:
        return batch
    pairs = zip(batch.lines, stored[start:], strict=False)
    known = next((index for index, (line, there) in enumerate(pairs) if not are_equal(line, there.text)), None)
    if known is None:
        known = min(len(batch.lines), len(stored) - start)
    if known == len(batch.lines):
        return None
    return replace(batch, first_line=batch.first_line + known, lines=batch.lines[known:])


def are_equal(line: str, other: str) -> bool:
    """Whether two lines hold the same row: clients write its keys in any order."""
    if line == other:
        return True
    # A row has the same length however its keys are ordered, which spares reading nearly all lines.
    return len(line) == len(other) and _canonical(line) == _canonical(other)


def _canonical(line: str) -> str:
    try:
        return json.dumps(exact_json.loads(line), sort_keys=True)
    except ValueError:
        return line
