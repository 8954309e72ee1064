"""A run's console, read back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from kymograph.client.artifact_values import Page
from kymograph.client.fields import count_of, text_of
from kymograph.client.operations import Operation
from kymograph.client.runs import RunAddress
from kymograph.sdk.api.either import M
from kymograph.sdk.api.listing import Listing
from kymograph.sdk.api.session import ApiSession
from kymograph.types import JsonObject

PER_PAGE = 1000


@dataclass(frozen=True, slots=True)
class ConsoleLogLine:
    """One line of a console."""

    number: int
    timestamp: datetime | None
    """UTC."""
    level: str
    """``error`` for the error stream, else empty, as the protocol's client has it."""
    label: str
    """Which of several writers it came from, else empty."""
    content: str


class ConsoleLogs(Listing[M, ConsoleLogLine]):
    """The lines of a run's console, ascending."""

    def __init__(self, session: ApiSession[M], at: RunAddress, *, per_page: int = PER_PAGE, last: int | None = None):
        """Begin before the first line.

        Args:
            session: With the server.
            at: The run.
            per_page: Lines of one request.
            last: Only the last lines, so many.
        """
        self._at = at

        def read(cursor: str | None) -> Operation[Page[ConsoleLogLine]]:
            page = yield from session.reads.console_lines(at, last=last, cursor=cursor, per_page=per_page)
            return Page([_line_of(node) for node in page.items], page.cursor)

        super().__init__(session, read)

    def __repr__(self) -> str:
        return f"<ConsoleLogs {self._at.path}>"


def _line_of(node: JsonObject) -> ConsoleLogLine:
    return ConsoleLogLine(
        count_of(node, "number"),
        _parse_time(text_of(node, "timestamp")),
        text_of(node, "level") or "",
        text_of(node, "label") or "",
        str(node.get("line") or ""),
    )


def _parse_time(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if moment is None:
        return None
    # Servers write UTC, and leave out that it is.
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
