"""What names mean to an `Api`: whatever a path leaves out comes from settings, or is the caller's own."""

from __future__ import annotations

from kymograph.client import artifact_lookups
from kymograph.client.artifact_values import CollectionAddress
from kymograph.client.artifacts import REGISTRY_PREFIX
from kymograph.client.operations import Operation
from kymograph.client.runs import RunAddress
from kymograph.errors import UsageError
from kymograph.sdk.api import paths
from kymograph.sdk.api.either import Bound, M
from kymograph.sdk.api.paths import DEFAULT_PROJECT
from kymograph.sdk.api.session import ApiSession


class Naming(Bound[M]):
    """An `Api`, as far as it knows whose things are meant."""

    def __init__(self, session: ApiSession[M]) -> None:
        """Know nothing yet."""
        super().__init__(session)
        self._entity: str | None = None

    def _default_entity(self) -> Operation[str | None]:
        if self._entity is None:
            self._entity = yield from self._session.reads.default_entity()
        return self._entity

    def _own_entity(self) -> Operation[str | None]:
        return self._session.settings.entity or (yield from self._default_entity())

    def _needed_entity(self) -> Operation[str]:
        entity = yield from self._own_entity()
        if not entity:
            raise UsageError("no entity is named, and none is set; write 'entity/project'")
        return entity

    def _owner_now(self, entity: str | None) -> str:
        owner = entity or self._session.settings.entity
        owner = owner or self._session.now(self._default_entity(), instead="name the entity")
        if not owner:
            raise UsageError("entity must be passed as a parameter, or set in settings")
        return owner

    # --- projects and what is in them --------------------------------------------------------------------------------

    def _address(self, path: str) -> Operation[RunAddress]:
        named = paths.parse_path(path)
        entity = named.entity or (yield from self._own_entity())
        return paths.complete(named, entity=entity, project=self._session.settings.project, shown=path)

    def _place(self, path: str | None) -> Operation[tuple[str, str]]:
        entity, project = paths.parse_project(path)
        entity = entity or (yield from self._needed_entity())
        return entity, project or self._session.settings.project or DEFAULT_PROJECT

    def _place_now(self, path: str | None) -> tuple[str, str]:
        """The same without a question, if the path or the settings say whose project it is."""
        entity, project = paths.parse_project(path)
        settings = self._session.settings
        if entity or settings.entity:
            return str(entity or settings.entity), project or settings.project or DEFAULT_PROJECT
        return self._session.now(self._place(path), instead="write 'entity/project'")

    # --- artifacts ---------------------------------------------------------------------------------------------------

    def _artifact_project(self, path: str | None) -> Operation[tuple[str, str]]:
        """A project, or a registry: ``[entity/]project`` or ``[organization/]wandb-registry-<name>``."""
        entity, project = paths.parse_project(path)
        project = project or self._session.settings.project or DEFAULT_PROJECT
        return (yield from self._owner(entity, project)), project

    def _artifact_place(self, path: str) -> Operation[CollectionAddress]:
        """A collection, or a version in it: its name is then followed by ``:`` and an alias."""
        named = paths.parse_artifact(path)
        project = named.project or self._session.settings.project or DEFAULT_PROJECT
        return CollectionAddress((yield from self._owner(named.entity, project)), project, named.id)

    def _owner(self, entity: str | None, project: str) -> Operation[str]:
        if project.startswith(REGISTRY_PREFIX):
            return (yield from self._organization(entity))[0]
        return entity or (yield from self._needed_entity())

    def _organization(self, name: str | None) -> Operation[tuple[str, str]]:
        """The organization that is meant: the name of its entity, and its own."""
        own = yield from self._needed_entity()
        named = name or self._session.settings.organization or None
        return (yield from artifact_lookups.organization_of(own, named))
