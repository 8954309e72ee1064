"""Projects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kymograph.client.artifact_values import Page as PageOf
from kymograph.client.operations import Operation, given
from kymograph.errors import UsageError
from kymograph.sdk.api.artifacts import ArtifactCollections, ArtifactTypes
from kymograph.sdk.api.attributes import Page, quoted
from kymograph.sdk.api.either import M, either
from kymograph.sdk.api.listing import Listing
from kymograph.sdk.api.session import ApiSession
from kymograph.sdk.api.sweeps import Sweeps
from kymograph.sdk.api.users import User
from kymograph.types import JsonObject

if TYPE_CHECKING:
    from collections.abc import Mapping

PER_PAGE = 50


class Project(Page[M]):
    """A project; what the server says of it is read when it is looked at."""

    created_at: str
    is_benchmark: bool | None

    def __init__(self, session: ApiSession[M], entity: str, name: str, node: JsonObject | None = None) -> None:
        """Name a project.

        Args:
            session: With the server.
            entity: Who owns it.
            name: Its name.
            node: What the server has told of it.
        """
        super().__init__(session, node or {})
        self.entity, self.name = entity, name

    @either
    def load(self, force: bool = False) -> Operation[JsonObject]:
        """What the server says of it; `force` asks anew.

        Raises:
            ProjectNotFound: There is none.
        """
        if force or not self._node:
            self._node = yield from self._session.reads.project(self.entity, self.name)
        return self._node

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and not self.__dict__.get("_node") and "_session" in self.__dict__:
            self._loaded()
        return super().__getattr__(name)

    def _loaded(self) -> JsonObject:
        return self._session.now(Project.load.operation(self), instead="await project.load() first")

    @property
    def id(self) -> str:
        """The server's name for it."""
        return str(self._loaded()["id"])

    @property
    def owner(self) -> User[M]:
        """Who made it.

        Raises:
            UsageError: The server does not tell.
        """
        node = self._loaded().get("user")
        if not isinstance(node, dict):
            raise UsageError(f"No user found for project {self.name}")
        return User(self._session, node)

    @property
    def path(self) -> list[str]:
        """Entity and name."""
        return [self.entity, self.name]

    @property
    def url(self) -> str:
        """Address of its page."""
        return "/".join([self._session.app_url, *quoted(self.entity, self.name), "workspace"])

    def artifacts_types(self, per_page: int = PER_PAGE) -> ArtifactTypes[M]:
        """Types of its artifacts."""
        return ArtifactTypes(self._session, lambda: given((self.entity, self.name)), per_page=per_page)

    def collections(
        self, filters: Mapping[str, Any] | None = None, order: str | None = None, per_page: int = PER_PAGE
    ) -> ArtifactCollections[M]:
        """Its artifact collections of all types; arguments are those of `ArtifactType.collections`."""
        return ArtifactCollections(
            self._session,
            lambda: given((self.entity, self.name)),
            None,
            filters=filters,
            order=order,
            per_page=per_page,
        )

    def sweeps(
        self, per_page: int = PER_PAGE, filters: Mapping[str, Any] | None = None, order: str | None = None
    ) -> Sweeps[M]:
        """Its sweeps; `order` does nothing, and is accepted for old scripts."""
        return Sweeps(self._session, self.entity, self.name, filters=filters, per_page=per_page)

    def __repr__(self) -> str:
        return f"<Project {'/'.join(self.path)}>"


class Projects(Listing[M, Project[M]]):
    """The projects of an entity."""

    def __init__(self, session: ApiSession[M], entity: str, *, per_page: int = PER_PAGE) -> None:
        """Begin before the first one."""
        self.entity = entity

        def read(cursor: str | None) -> Operation[PageOf[Project[M]]]:
            page = yield from session.reads.projects(entity, cursor=cursor, per_page=per_page)
            items = [Project(session, entity, str(node.get("name")), node) for node in page.items]
            return PageOf(items, page.cursor, page.total)

        super().__init__(session, read)

    def __repr__(self) -> str:
        return f"<Projects {self.entity}>"
