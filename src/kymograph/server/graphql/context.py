"""What a resolver gets to work with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from graphql import GraphQLResolveInfo

from kymograph.core.history import SOLE_WRITER
from kymograph.services.access import Caller
from kymograph.services.container import Services
from kymograph.types import WriterId


@dataclass(slots=True)
class NodeBudget:
    """How many nodes the connections of one request have given so far."""

    spent: int = 0


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One GraphQL request: who asks, and the services to ask."""

    caller: Caller
    services: Services
    request_id: str
    writer: WriterId = SOLE_WRITER
    """Which of several writers of a run asks."""
    nodes: NodeBudget = field(default_factory=NodeBudget)


Info: TypeAlias = "GraphQLResolveInfo[RequestContext]"
"""The second argument of every resolver."""

Payload: TypeAlias = dict[str, Any]
"""A mutation's payload or a connection: keys are field names, values are what their resolvers take."""
