"""What a run ends with: how much was said, and how much of it the server has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kymograph.types import JsonObject

if TYPE_CHECKING:
    from kymograph.sdk.sender.sender import Sender


@dataclass(frozen=True, slots=True)
class Receipt:
    """Counts of the journal beside those that the server has acknowledged."""

    path: str
    rows: int
    """History records in the journal."""
    lines: int
    """Lines they make: rows of one step are one."""
    lines_acknowledged: int
    console_lines: int
    files: int
    files_uploaded: int
    artifacts: int
    """Versions that were logged, used or linked."""
    artifacts_done: int
    digests: dict[str, str]
    """Base64 MD5 by file name."""
    problems: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        counts = (self.lines, self.files, self.artifacts)
        return counts == (self.lines_acknowledged, self.files_uploaded, self.artifacts_done) and not self.problems

    def document(self) -> JsonObject:
        """For the other process."""
        return {
            "path": self.path,
            "rows": self.rows,
            "lines": self.lines,
            "lines_acknowledged": self.lines_acknowledged,
            "console_lines": self.console_lines,
            "files": self.files,
            "files_uploaded": self.files_uploaded,
            "artifacts": self.artifacts,
            "artifacts_done": self.artifacts_done,
            "digests": dict(self.digests),
            "problems": list(self.problems),
            "is_whole": self.is_whole,
        }


def make_receipt(sender: Sender) -> Receipt:
    """The receipt of a sender that is done."""
    replays, ledger = [strand.replay for strand in sender.strands], sender.ledger
    problems = [f"{damage.problem} ({damage.size_bytes} bytes at {damage.position})" for damage in sender.damages()]
    counts, operations = sender.upload_counts, sender.artifact_counts
    return Receipt(
        path=ledger.address.path,
        rows=sum(replay.rows for replay in replays),
        lines=sum(replay.history.end for replay in replays),
        lines_acknowledged=sum(replay.history.acknowledged_end for replay in replays),
        console_lines=sum(replay.console.end for replay in replays),
        files=len(ledger.files) + len(counts.problems),
        files_uploaded=len(ledger.files),
        artifacts=operations.wanted,
        artifacts_done=operations.done,
        digests={name: note.md5 for name, note in sorted(ledger.files.items())},
        problems=(
            *problems,
            *(f"{name}: {problem}" for name, problem in {**counts.problems, **operations.problems}.items()),
        ),
    )
