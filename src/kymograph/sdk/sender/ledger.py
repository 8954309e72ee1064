"""What a server has of a run: a small file beside the journal, so that a sender goes on where another stopped.

It may lag behind the server, never run ahead: what was sent and not noted is sent again, which changes nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from kymograph.client.files import replacing
from kymograph.client.runs import RunAddress
from kymograph.core import exact_json
from kymograph.sdk.sender.artifact_operations import ArtifactNote
from kymograph.types import JsonObject


@dataclass(slots=True)
class FileNote:
    """A file as it was when it was uploaded."""

    size_bytes: int
    mtime_ns: int
    md5: str
    """Base64."""


@dataclass(slots=True)
class Ledger:
    """What is known to be on the server."""

    base_url: str = ""
    entity: str = ""
    project: str = ""
    run_id: str = ""
    asked: list[str] = field(default_factory=list)
    """Entity, project and id that the run's record named: another sync may send the same journal elsewhere."""
    storage_id: str = ""
    display_name: str = ""
    base_lines: dict[str, int] = field(default_factory=dict)
    """Lines that each stream of a resumed run had before this journal."""
    base_config: JsonObject = field(default_factory=dict)
    base_notes: JsonObject = field(default_factory=dict)
    base_summary: JsonObject = field(default_factory=dict)
    """What such a run had then."""
    acknowledged: dict[str, dict[str, int]] = field(default_factory=dict)
    """Lines that will not change any more and are there, by writer and stream."""
    files: dict[str, FileNote] = field(default_factory=dict)
    artifacts: dict[str, ArtifactNote] = field(default_factory=dict)
    """Operations on artifacts that are done, by writer and number."""
    alerts_sent: int = 0
    is_complete: bool = False
    """The server knows that the run has ended; nothing is left to do."""

    @property
    def address(self) -> RunAddress:
        """Where the run is."""
        return RunAddress(self.entity, self.project, self.run_id)

    @property
    def is_connected(self) -> bool:
        """Whether the server knows the run."""
        return bool(self.run_id)

    @classmethod
    def load(cls, path: Path) -> Self:
        """What an earlier sender noted; a new one if there is none, or it cannot be read."""
        try:
            document: Any = exact_json.loads_document(path.read_text(encoding="utf-8"))
            files = {name: FileNote(**note) for name, note in document.pop("files", {}).items()}
            artifacts = {key: ArtifactNote(**note) for key, note in document.pop("artifacts", {}).items()}
            return cls(**document, files=files, artifacts=artifacts)
        except (OSError, ValueError, TypeError, AttributeError):
            return cls()

    def save(self, path: Path) -> None:
        """Write it whole or not at all.

        Raises:
            OSError: The disk takes nothing.
        """
        with replacing(path) as file:
            file.write(exact_json.dumps(asdict(self)).encode())
