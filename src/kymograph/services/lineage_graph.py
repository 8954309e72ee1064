"""The graph of runs and versions around one of them, as far as the caller may see it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kymograph.core.artifact import ArtifactVersion
from kymograph.core.lineage import Direction, Edge, LineageGraph, Neighbor, NeighborPage, Node, Rest
from kymograph.core.run import Run
from kymograph.services.access import Caller
from kymograph.services.artifact_access import readable_projects
from kymograph.storage.base import Database, Transaction
from kymograph.types import ArtifactId, ProjectId, RunKey

MAX_NODES = 400
"""A graph stops growing here: nobody reads more at once, and every node can be looked at by itself."""


class LineageGraphs:
    """Walks along uses and outputs. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def around(
        self, caller: Caller, center: Node, *, directions: Collection[Direction], depth: int, limit: int
    ) -> LineageGraph:
        """What is at most some edges away from a node (got already), upwards and downwards.

        Args:
            caller: What they may not read is left out without a word.
            center: Where to begin.
            directions: Which ways to look; each is followed on, never turned round.
            depth: How many edges away.
            limit: Neighbours of each node on each side; the others are counted.
        """
        return self._database.read(lambda tx: _Walk(tx, caller, center, limit).run(directions, depth))

    def neighbors(
        self, caller: Caller, node: Node, direction: Direction, *, limit: int, offset: int = 0
    ) -> NeighborPage:
        """One page of the neighbours of a node (got already) on one side, latest first."""

        def job(tx: Transaction) -> NeighborPage:
            found = _Steps(tx, caller).step([_key(node)], isinstance(node, Run), direction, limit, offset)
            runs, versions = _load(tx, [each.edge for each in found], isinstance(node, Run))
            return NeighborPage(runs, versions, [each.edge for each in found], found[0].total if found else 0)

        return self._database.read(job)


class _Steps:
    """Looks from a set of nodes of one kind to their neighbours, in projects that the caller may read."""

    def __init__(self, tx: Transaction, caller: Caller) -> None:
        self._tx = tx
        self._caller = caller
        self._readable: dict[ProjectId, bool] = {}

    def step(
        self, nodes: Sequence[int], are_runs: bool, direction: Direction, limit: int, offset: int = 0
    ) -> list[Neighbor]:
        """Edges to neighbours."""
        # Upwards from a run are its inputs, upwards from a version the runs that logged it.
        is_output = (direction is Direction.DOWN) == are_runs
        if are_runs:
            runs = [RunKey(node) for node in nodes]
            places = self._may_read(self._tx.lineage.projects_around_runs(runs))
            return self._tx.lineage.versions_around(runs, places, is_output=is_output, limit=limit, offset=offset)
        versions = [ArtifactId(node) for node in nodes]
        places = self._may_read(self._tx.lineage.projects_around_versions(versions))
        return self._tx.lineage.runs_around(versions, places, is_output=is_output, limit=limit, offset=offset)

    def _may_read(self, projects: set[ProjectId]) -> list[ProjectId]:
        unknown = projects - self._readable.keys()
        allowed = readable_projects(self._tx, self._caller, unknown)
        self._readable.update({project: project in allowed for project in unknown})
        return sorted(project for project in projects if self._readable[project])


class _Walk:
    """One graph being built."""

    def __init__(self, tx: Transaction, caller: Caller, center: Node, limit: int) -> None:
        self._tx = tx
        self._steps = _Steps(tx, caller)
        self._center = center
        self._limit = limit
        self._seen: dict[bool, dict[int, None]] = {True: {}, False: {}}
        """Keys of runs (True) and versions (False), in the order in which they were met."""
        self._edges: dict[Edge, None] = {}
        self._rests: list[Rest] = []
        self._is_cut = False

    def run(self, directions: Collection[Direction], depth: int) -> LineageGraph:
        starts_at_run = isinstance(self._center, Run)
        self._seen[starts_at_run][_key(self._center)] = None
        for direction in directions:
            self._follow(direction, depth, starts_at_run)
        tx = self._tx
        versions = tx.artifacts.list_by_ids([ArtifactId(key) for key in self._seen[False]])
        return LineageGraph(
            self._center,
            tx.runs.list_by_keys([RunKey(key) for key in self._seen[True]]),
            versions,
            list(self._edges),
            self._rests,
            self._is_cut,
        )

    def _follow(self, direction: Direction, depth: int, are_runs: bool) -> None:
        frontier = [_key(self._center)]
        for _ in range(depth):
            found = self._steps.step(frontier, are_runs, direction, self._limit) if frontier else []
            following: dict[int, None] = {}
            shown: dict[int, int] = {}
            totals: dict[int, int] = {}
            for each in found:
                here, there = (each.edge.run, each.edge.artifact) if are_runs else (each.edge.artifact, each.edge.run)
                totals[here] = each.total
                if there not in self._seen[not are_runs]:
                    if sum(map(len, self._seen.values())) >= MAX_NODES:
                        self._is_cut = True
                        continue
                    self._seen[not are_runs][there] = None
                    following[there] = None
                shown[here] = shown.get(here, 0) + 1
                self._edges[each.edge] = None
            for node, total in totals.items():
                if total > shown.get(node, 0):
                    key = RunKey(node) if are_runs else ArtifactId(node)
                    self._rests.append(Rest(key, are_runs, direction, total - shown.get(node, 0)))
            frontier, are_runs = list(following), not are_runs


def _key(node: Node) -> int:
    return node.key if isinstance(node, Run) else node.id


def _load(tx: Transaction, edges: Sequence[Edge], from_run: bool) -> tuple[list[Run], list[ArtifactVersion]]:
    if from_run:
        return [], tx.artifacts.list_by_ids([edge.artifact for edge in edges])
    return tx.runs.list_by_keys([edge.run for edge in edges]), []
