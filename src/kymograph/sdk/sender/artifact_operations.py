"""What a journal says about artifacts, operation by operation, and what came of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from kymograph.wire.records_pb2 import ArtifactRecord, LinkArtifactRequest, UseArtifactRecord

OperationRecord: TypeAlias = ArtifactRecord | UseArtifactRecord | LinkArtifactRequest


@dataclass(frozen=True, slots=True)
class ArtifactOperation:
    """A version that was logged, used or linked."""

    number: int
    """Among those of its journal, from 1: the same with every reading."""
    record: OperationRecord
    history_step: int
    """The step of the next row at that moment."""

    @property
    def client_id(self) -> str:
        """The id that its client made up for the version that is meant; empty if it was at the server already."""
        return "" if isinstance(self.record, UseArtifactRecord) else self.record.client_id

    @property
    def lane(self) -> str:
        """Operations of one lane are done one after the other: versions of a collection in the order of logging."""
        if isinstance(self.record, ArtifactRecord):
            return f"collection {self.record.name}"
        if isinstance(self.record, LinkArtifactRequest):
            return f"links to {self.record.portfolio_project}/{self.record.portfolio_name}"
        return "uses"

    @property
    def title(self) -> str:
        """For messages."""
        if isinstance(self.record, LinkArtifactRequest):
            return f"link to {self.record.portfolio_project}/{self.record.portfolio_name}"
        if isinstance(self.record, UseArtifactRecord):
            return f"use of artifact {self.record.name}"
        return f"artifact {self.record.name}"


@dataclass(frozen=True, slots=True)
class ArtifactNote:
    """What came of an operation, as a sender notes it."""

    id: str
    """The version at the server."""
    client_id: str = ""
