"""The graph of runs and artifact versions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from kymograph.core.artifact import ArtifactVersion, split_artifact_name
from kymograph.core.lineage import Direction, Edge, Node, Rest
from kymograph.core.run import Run
from kymograph.errors import MalformedRequest
from kymograph.server.auth import CallerDep, ServicesDep
from kymograph.server.json import JsonResponse
from kymograph.server.routes.rest.artifact_models import LineageModel, NeighborPageModel
from kymograph.server.routes.rest.artifact_nodes import encode_run_ref, encode_version
from kymograph.server.routes.rest.common import ERRORS, After, EntityPath, ProjectPath, next_cursor, offset_of
from kymograph.services.access import Caller
from kymograph.services.container import Services
from kymograph.types import ArtifactId, JsonObject, RunKey

router = APIRouter(tags=["lineage"], responses=ERRORS)

At = Annotated[
    str, Query(description="`run:<id>` or `artifact:<collection>:<v12 or alias>`, of this project", max_length=2000)
]


@router.get("/projects/{entity}/{project}/lineage", response_model=LineageModel)
def get_lineage(
    entity: EntityPath,
    project: ProjectPath,
    caller: CallerDep,
    services: ServicesDep,
    at: At,
    depth: Annotated[int, Query(ge=0, le=20, description="edges")] = 3,
    direction: Annotated[Direction | None, Query(description="both when left out")] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="neighbours of each node on each side")] = 8,
) -> Response:
    """What is around a run or a version. Things of other projects are there as far as the caller may read them."""
    center = _find(services, caller, entity, project, at)
    directions = [direction] if direction is not None else list(Direction)
    graph = services.lineage_graphs.around(caller, center, directions=directions, depth=depth, limit=limit)
    names = _Names(services, graph.runs, graph.versions)
    return JsonResponse(
        {
            "center": names.of(center),
            "nodes": names.nodes,
            "edges": names.edges(graph.edges),
            "rests": [names.rest(rest) for rest in graph.rests],
            "cut": graph.is_cut,
        }
    )


@router.get("/projects/{entity}/{project}/lineage/neighbors", response_model=NeighborPageModel)
def list_neighbors(
    entity: EntityPath,
    project: ProjectPath,
    caller: CallerDep,
    services: ServicesDep,
    at: At,
    direction: Direction,
    limit: Annotated[int, Query(ge=1, le=1000, description="page size")] = 100,
    after: After = None,
    skip: Annotated[int, Query(ge=0, le=1000, description="of the latest, which are known")] = 0,
) -> Response:
    """Neighbours of a run or a version on one side, latest first."""
    center = _find(services, caller, entity, project, at)
    offset = offset_of(after) if after is not None else skip
    page = services.lineage_graphs.neighbors(caller, center, direction, limit=limit, offset=offset)
    found: list[Node] = [*page.runs, *page.versions]
    names = _Names(services, page.runs, page.versions)
    nodes = list(names.nodes)
    names.of(center)
    return JsonResponse(
        {
            "nodes": nodes,
            "edges": names.edges(page.edges),
            "next": next_cursor(offset, len(found), page.total),
            "total": page.total,
        }
    )


def _find(services: Services, caller: Caller, entity: str, project: str, at: str) -> Node:
    kind, _, name = at.partition(":")
    if kind == "run" and name:
        return services.runs.get(caller, entity, project, name)
    if kind == "artifact" and name:
        collection, alias = split_artifact_name(name)
        found = services.projects.get(caller, entity, project)
        return services.artifact_catalog.get_place(caller, found, collection, alias).place.version
    raise MalformedRequest("expected run:<id> or artifact:<collection>:<alias>", where="query.at")


class _Names:
    """Nodes by the names that they have in an answer."""

    def __init__(self, services: Services, runs: list[Run], versions: list[ArtifactVersion]) -> None:
        self._now = services.runs.now
        self._runs: dict[RunKey, str] = {}
        self._versions: dict[ArtifactId, str] = {}
        self.nodes: list[JsonObject] = []
        given: list[Node] = [*runs, *versions]
        for node in given:
            self.of(node)

    def of(self, node: Node) -> str:
        """The name of a node, which becomes one of the answer's."""
        if isinstance(node, Run):
            if node.key not in self._runs:
                name = self._runs[node.key] = f"run:{node.path}"
                self.nodes.append({"id": name, "kind": "run", "run": encode_run_ref(node, self._now)})
            return self._runs[node.key]
        if node.id not in self._versions:
            name = self._versions[node.id] = f"artifact:{node.path}"
            self.nodes.append({"id": name, "kind": "artifact", "artifact": encode_version(node)})
        return self._versions[node.id]

    def edges(self, edges: list[Edge]) -> list[JsonObject]:
        """Those edges whose ends are there: one may have gone meanwhile."""
        return [
            {"source": run, "target": version} if edge.is_output else {"source": version, "target": run}
            for edge in edges
            if (run := self._runs.get(edge.run)) and (version := self._versions.get(edge.artifact))
        ]

    def rest(self, rest: Rest) -> JsonObject:
        """What is left out at a node."""
        name = self._runs.get(RunKey(rest.node)) if rest.is_run else self._versions.get(ArtifactId(rest.node))
        return {
            "node": name or "",
            "direction": rest.direction.value,
            "kind": "artifact" if rest.is_run else "run",
            "count": rest.count,
        }
