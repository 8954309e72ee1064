"""What a resolver gets to work with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from graphql import GraphQLResolveInfo

from kymograph.core.accounts import Entity
from kymograph.core.artifact import AliasRecord, ArtifactVersion
from kymograph.core.history import SOLE_WRITER
from kymograph.core.project import Project
from kymograph.services.access import Caller
from kymograph.services.container import Services
from kymograph.types import ArtifactId, EntityName, ProjectName, WriterId


@dataclass(slots=True)
class NodeBudget:
    """How many nodes the connections of one request have given so far."""

    spent: int = 0


class AliasBatch:
    """Loads the aliases of all versions of a list at once, when the first of them is asked for."""

    def __init__(self) -> None:
        self._expected: list[ArtifactId] = []
        self._found: dict[ArtifactId, list[AliasRecord]] = {}

    def expect(self, versions: Iterable[ArtifactVersion]) -> None:
        """Say that the answer will hold these versions."""
        self._expected.extend(version.id for version in versions)

    def take(self, context: RequestContext, version: ArtifactVersion) -> list[AliasRecord]:
        """The aliases of a version. Each is given once: a mutation later in the document may change them."""
        if version.id not in self._found:
            wanted = list(dict.fromkeys([version.id, *self._expected]))
            self._found.update(context.services.artifacts.aliases_of(context.caller, wanted))
            self._expected.clear()
        return self._found.pop(version.id)


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One GraphQL request: who asks, and the services to ask."""

    caller: Caller
    services: Services
    request_id: str
    writer: WriterId = SOLE_WRITER
    """Which of several writers of a run asks."""
    nodes: NodeBudget = field(default_factory=NodeBudget)
    aliases: AliasBatch = field(default_factory=AliasBatch)
    projects: dict[tuple[EntityName, ProjectName], Project | None] = field(default_factory=dict)
    """Projects of the collections in the answer, looked up so far; None for those that the caller may not read."""
    owners: dict[EntityName, Entity] = field(default_factory=dict)
    """The same for the entities of projects."""


Info: TypeAlias = "GraphQLResolveInfo[RequestContext]"
"""The second argument of every resolver."""

Payload: TypeAlias = dict[str, Any]
"""A mutation's payload or a connection: keys are field names, values are what their resolvers take."""
