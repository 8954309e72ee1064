"""The graph of runs and artifact versions as values: data flows from inputs to runs to outputs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kymograph.core.artifact import ArtifactVersion
from kymograph.core.run import Run
from kymograph.types import ArtifactId, RunKey


class Direction(StrEnum):
    """Which way to look from a node."""

    UP = "up"
    """To what it was made from."""
    DOWN = "down"
    """To what was made from it."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A run used or logged a version."""

    run: RunKey
    artifact: ArtifactId
    is_output: bool
    """Whether the run logged it."""


@dataclass(frozen=True, slots=True)
class Neighbor:
    """An edge at a node, and how many the node has on that side."""

    edge: Edge
    total: int


@dataclass(frozen=True, slots=True)
class UseRecord:
    """A run used a version."""

    run: RunKey
    used_as: str | None
    """The name that the run gave to the use."""
    used_at: datetime


Node = Run | ArtifactVersion


@dataclass(frozen=True, slots=True)
class Rest:
    """Neighbours of a node that a graph leaves out."""

    node: RunKey | ArtifactId
    is_run: bool
    """Whether the node is a run; what is left out is then versions."""
    direction: Direction
    count: int


@dataclass(frozen=True, slots=True)
class LineageGraph:
    """What is around a node."""

    center: Node
    runs: list[Run]
    versions: list[ArtifactVersion]
    edges: list[Edge]
    rests: list[Rest]
    is_cut: bool = False
    """Whether the graph would have been larger than graphs may be."""


@dataclass(frozen=True, slots=True)
class NeighborPage:
    """Some neighbours of a node on one side."""

    runs: list[Run]
    versions: list[ArtifactVersion]
    edges: list[Edge]
    total: int
