"""Resolvers, one module per noun: thin translations between GraphQL and the services."""

from __future__ import annotations

from collections.abc import Sequence

from ariadne import SchemaBindable

from kymograph.server.graphql.resolvers import (
    artifacts,
    collections,
    entities,
    files,
    history,
    places,
    projects,
    registries,
    registry_members,
    runs,
    server_info,
    sweeps,
    users,
)
from kymograph.server.graphql.scalars import SCALARS


def all_bindables() -> Sequence[SchemaBindable]:
    """Everything that `build_schema` binds."""
    return [
        *SCALARS,
        *users.BINDABLES,
        *entities.BINDABLES,
        *projects.BINDABLES,
        *registries.BINDABLES,
        *registry_members.BINDABLES,
        *runs.BINDABLES,
        *history.BINDABLES,
        *files.BINDABLES,
        *artifacts.BINDABLES,
        *collections.BINDABLES,
        *places.BINDABLES,
        *sweeps.BINDABLES,
        *server_info.BINDABLES,
    ]
