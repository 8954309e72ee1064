"""Console lines, plain and structured. Source: protocol.md §5.4."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from kymograph.core import exact_json

_PLAIN = re.compile(r"(?P<error>ERROR )?(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)(?: \[(?P<label>[^\]]*)\])? ")


@dataclass(frozen=True, slots=True)
class ConsoleLine:
    """One line of what a run printed."""

    text: str
    """May hold ANSI sequences and carriage returns."""
    timestamp: str | None = None
    """ISO 8601 UTC without a zone letter, as sent."""
    is_error: bool = False
    label: str | None = None
    """Names the writer in shared mode."""

    @property
    def level(self) -> str:
        """``error`` for stderr, else ``info``."""
        return "error" if self.is_error else "info"


def parse_console_line(line: str) -> ConsoleLine:
    """Read a line in either form; one that is neither is its own text."""
    if line.startswith("{") and (structured := _parse_structured(line)) is not None:
        return structured
    text = line.rstrip("\n")
    match = _PLAIN.match(line)
    if match is None:
        return ConsoleLine(text)
    return ConsoleLine(
        text[match.end() :], timestamp=match["time"], is_error=match["error"] is not None, label=match["label"] or None
    )


def _parse_structured(line: str) -> ConsoleLine | None:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict) or not isinstance(document.get("content"), str) or "ts" not in document:
        return None
    label = document.get("label")
    return ConsoleLine(
        document["content"].rstrip("\n"),
        timestamp=str(document["ts"]),
        is_error=document.get("level") == "error",
        label=label if isinstance(label, str) and label else None,
    )


def encode_console_line(
    text: str, timestamp: datetime, *, is_error: bool = False, label: str | None = None, is_structured: bool = False
) -> str:
    """Write a line in the form that the server announced, `parse_console_line` reads either."""
    moment = timestamp.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    if is_structured:
        document = {"ts": moment, "content": text}
        if is_error:
            document["level"] = "error"
        if label:
            document["label"] = label
        return exact_json.dumps(dict(document))
    return f"{'ERROR ' if is_error else ''}{moment} {f'[{label}] ' if label else ''}{text}"
