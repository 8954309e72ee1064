"""What artifacts have once their version is known to a server, as `Artifact` asks for it.

The facade (`LoggedMembers`) says what is missing before that; what it hands on to is a `LoggedVersion`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, Self

from kymograph.errors import ArtifactNotLoggedError
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.types import JsonObject

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact
    from kymograph.sdk.artifacts.manifest import ArtifactManifest

StrPath = str | os.PathLike[str]


class LoggedVersion(Protocol):
    """A version that a server knows. Members mean what those of the same name in `Artifact` do."""

    id: str
    name: str
    """With the version: ``collection:v3``."""
    type: str
    state: str
    entity: str
    project: str
    version: str
    digest: str
    size: int
    file_count: int
    commit_hash: str
    created_at: str
    updated_at: str
    linked_at: str | None
    history_step: int | None
    url: str
    aliases: list[str]
    tags: list[str]
    is_link: bool
    source_entity: str
    source_project: str
    source_name: str
    source_version: str

    @property
    def manifest(self) -> ArtifactManifest:
        """As `Artifact.manifest`."""

    @property
    def collection(self) -> Any:
        """As `Artifact.collection`."""

    @property
    def source_collection(self) -> Any:
        """As `Artifact.source_collection`."""

    @property
    def source_artifact(self) -> Artifact:
        """As `Artifact.source_artifact`."""

    @property
    def linked_artifacts(self) -> list[Artifact]:
        """As `Artifact.linked_artifacts`."""

    def ttl(self) -> timedelta | None:
        """How long it lives; None for ever."""

    def save(self, artifact: Artifact) -> None:
        """As `Artifact.save`."""

    def new_draft(self, artifact: Artifact) -> Artifact:
        """As `Artifact.new_draft`."""

    def get(self, artifact: Artifact, name: str) -> Any:
        """As `Artifact.get`."""

    def download_entry(self, entry: ArtifactManifestEntry, root: StrPath | None, *, skip_cache: bool | None) -> str:
        """As `ArtifactManifestEntry.download`."""

    def resolve_reference(self, entry: ArtifactManifestEntry) -> str:
        """As `ArtifactManifestEntry.ref_target`."""

    def download(self, artifact: Artifact, root: StrPath | None, **options: Any) -> str:
        """As `Artifact.download`."""

    def checkout(self, artifact: Artifact, root: StrPath | None) -> str:
        """As `Artifact.checkout`."""

    def verify(self, artifact: Artifact, root: StrPath | None) -> None:
        """As `Artifact.verify`."""

    def file(self, artifact: Artifact, root: StrPath | None) -> str:
        """As `Artifact.file`."""

    def files(self, names: list[str] | None, per_page: int, start: str | None) -> Any:
        """As `Artifact.files`."""

    def delete(self, delete_aliases: bool) -> None:
        """As `Artifact.delete`."""

    def link(self, artifact: Artifact, target_path: str, aliases: Iterable[str] | None) -> Artifact:
        """As `Artifact.link`."""

    def unlink(self) -> None:
        """As `Artifact.unlink`."""

    def used_by(self) -> list[Any]:
        """As `Artifact.used_by`."""

    def logged_by(self) -> Any:
        """As `Artifact.logged_by`."""

    def json_encode(self) -> JsonObject:
        """As `Artifact.json_encode`."""


class PendingVersion(Protocol):
    """A version that is on its way to a server."""

    def wait(self, timeout: float | None) -> LoggedVersion:
        """Block until the server has it.

        Raises:
            WaitTimeoutError: It takes longer than `timeout` seconds.
            ValueError: It failed; with what the server says.
        """


class LoggedMembers:
    """Members of `Artifact` that need a version; before there is one they raise `ArtifactNotLoggedError`."""

    logged: LoggedVersion | None = None
    """The version, once it is known."""
    pending: PendingVersion | None = None
    """Set when logging has begun."""

    def require_logged(self, member: str) -> LoggedVersion:
        """The version.

        Raises:
            ArtifactNotLoggedError: There is none yet; `member` is what was asked for.
        """
        if self.logged is None:
            raise ArtifactNotLoggedError(f"Artifact.{member}")
        return self.logged

    @property
    def entity(self) -> str:
        """Whose project it is in."""
        return self.require_logged("entity").entity

    @property
    def project(self) -> str:
        """The project it is in."""
        return self.require_logged("project").project

    @property
    def qualified_name(self) -> str:
        """``entity/project/collection:version``."""
        logged = self.require_logged("qualified_name")
        return f"{logged.entity}/{logged.project}/{logged.name}"

    @property
    def version(self) -> str:
        """``v`` and its number in its collection."""
        return self.require_logged("version").version

    @property
    def collection(self) -> Any:
        """All versions under its name."""
        return self.require_logged("collection").collection

    @property
    def aliases(self) -> list[str]:
        """Its names in its collection, besides the version; assign and `save()`."""
        return self.require_logged("aliases").aliases

    @aliases.setter
    def aliases(self, aliases: Iterable[str] | str) -> None:
        from kymograph.core.artifact_rules import check_aliases

        self.require_logged("aliases").aliases = check_aliases(aliases)

    @property
    def tags(self) -> list[str]:
        """Its tags; assign and `save()`."""
        return self.require_logged("tags").tags

    @tags.setter
    def tags(self, tags: Iterable[str] | str) -> None:
        from kymograph.core.artifact_rules import check_tags

        self.require_logged("tags").tags = check_tags(tags)

    @property
    def commit_hash(self) -> str:
        """What the server gave when it was committed."""
        return self.require_logged("commit_hash").commit_hash

    @property
    def created_at(self) -> str:
        """When it was made: ISO 8601, UTC."""
        return self.require_logged("created_at").created_at

    @property
    def updated_at(self) -> str:
        """When it was last changed: ISO 8601, UTC."""
        return self.require_logged("updated_at").updated_at

    @property
    def linked_at(self) -> str | None:
        """When it was linked; None for what is no link."""
        return self.require_logged("linked_at").linked_at

    @property
    def history_step(self) -> int | None:
        """The nearest step of the run that made it."""
        return self.require_logged("history_step").history_step

    @property
    def url(self) -> str:
        """Address of its page."""
        return self.require_logged("url").url

    @property
    def is_link(self) -> bool:
        """Whether it is in this collection by a link."""
        return self.logged is not None and self.logged.is_link

    @property
    def source_entity(self) -> str:
        """Of a link: whose project the source is in."""
        return self.require_logged("source_entity").source_entity

    @property
    def source_project(self) -> str:
        """Of a link: the project that the source is in."""
        return self.require_logged("source_project").source_project

    @property
    def source_version(self) -> str:
        """Of a link: the version of the source."""
        return self.require_logged("source_version").source_version

    @property
    def source_qualified_name(self) -> str:
        """Of a link: ``entity/project/collection:version`` of the source."""
        logged = self.require_logged("source_qualified_name")
        return f"{logged.source_entity}/{logged.source_project}/{logged.source_name}"

    @property
    def source_collection(self) -> Any:
        """Of a link: the collection of the source."""
        return self.require_logged("source_collection").source_collection

    @property
    def source_artifact(self) -> Artifact:
        """Of a link: the source; of anything else itself."""
        return self.require_logged("source_artifact").source_artifact

    @property
    def linked_artifacts(self) -> list[Artifact]:
        """Links to it, 500 at most."""
        return self.require_logged("linked_artifacts").linked_artifacts

    def wait(self: Self, timeout: float | None = None) -> Self:
        """Block until the server has it.

        Args:
            timeout: In s; None for as long as it takes.

        Raises:
            ArtifactNotLoggedError: It was never logged.
            WaitTimeoutError: It takes longer.
            ValueError: It failed; with what the server says.
        """
        if self.logged is None:
            if self.pending is None:
                raise ArtifactNotLoggedError("Artifact.wait")
            self.become(self.pending.wait(timeout))
        return self

    def become(self, logged: LoggedVersion) -> None:
        """Take the version that this is now."""
        self.logged = logged

    def new_draft(self: Any) -> Artifact:
        """A draft with the same files, description and metadata, based on this version."""
        return self.require_logged("new_draft").new_draft(self)  # type: ignore[no-any-return] # self is an Artifact

    def get_entry(self: Any, name: StrPath) -> ArtifactManifestEntry:
        """The entry of a path, or of a media object by its name.

        Raises:
            KeyError: There is none.
        """
        self.require_logged("get_entry")
        return self.find_entry(name)  # type: ignore[no-any-return] # self is an Artifact

    def get_path(self, name: StrPath) -> ArtifactManifestEntry:
        """Deprecated: `get_entry`."""
        return self.get_entry(name)

    def get(self: Any, name: str) -> Any:
        """The media object of a name; None if there is none."""
        return self.require_logged("get").get(self, name)

    def __getitem__(self, name: str) -> Any:
        return self.get(name)

    def download(
        self: Any,
        root: StrPath | None = None,
        allow_missing_references: bool = False,
        skip_cache: bool | None = None,
        path_prefix: StrPath | None = None,
        multipart: bool | None = None,
    ) -> str:
        """Bring all files here; gives the folder.

        Args:
            root: The folder; by default ``artifacts/<collection>:<version>``.
            allow_missing_references: Whether to pass over references to what is not there any more.
            skip_cache: Whether to write files straight to their places.
            path_prefix: Only files whose paths begin so, or match this pattern.
            multipart: Whether to fetch one file in parallel parts; by default large ones.
        """
        return self.require_logged("download").download(  # type: ignore[no-any-return] # self is an Artifact
            self,
            root,
            allow_missing_references=allow_missing_references,
            skip_cache=skip_cache,
            path_prefix=path_prefix,
            multipart=multipart,
        )

    def checkout(self: Any, root: StrPath | None = None) -> str:
        """Make a folder hold exactly its files: others in it are deleted."""
        return self.require_logged("checkout").checkout(self, root)  # type: ignore[no-any-return] # as above

    def verify(self: Any, root: StrPath | None = None) -> None:
        """Check that a folder holds exactly its files.

        Raises:
            ValueError: There is another file, or one has other content.
        """
        self.require_logged("verify").verify(self, root)

    def file(self: Any, root: StrPath | None = None) -> str:
        """Bring its only file here; gives its path.

        Raises:
            ValueError: It has none, or several.
        """
        return self.require_logged("file").file(self, root)  # type: ignore[no-any-return] # as above

    def files(self, names: list[str] | None = None, per_page: int = 50, start: str | None = None) -> Any:
        """Its files as the server lists them."""
        return self.require_logged("files").files(names, per_page, start)

    def delete(self, delete_aliases: bool = False) -> None:
        """Delete it; a link is only unlinked.

        Args:
            delete_aliases: Whether it may have aliases.
        """
        self.require_logged("delete").delete(delete_aliases)

    def save(self: Any, project: str | None = None, settings: Any = None) -> None:
        """Log it, or have the server know what was changed.

        Args:
            project: For a draft, while no run is active.
            settings: Of the run that is then begun.
        """
        if self.logged is not None and not self.is_draft():
            self.logged.save(self)
            return
        from kymograph.sdk.run_artifacts import save_draft

        save_draft(self, project, settings)

    def link(self: Any, target_path: str, aliases: Iterable[str] | None = None) -> Artifact:
        """Put it into another collection; a draft is logged first.

        Args:
            target_path: ``[entity/]project/collection`` or ``[organization/]wandb-registry-<name>/<collection>``.
            aliases: Of the link.

        Returns:
            The link.
        """
        if self.logged is None:
            if self.pending is None:
                self.save()
            self.wait()
        return self.logged.link(self, target_path, aliases)  # type: ignore[no-any-return] # waited for

    def unlink(self) -> None:
        """Take a link out of its collection.

        Raises:
            ValueError: It is no link.
        """
        self.require_logged("unlink").unlink()

    def used_by(self) -> list[Any]:
        """Runs that used it, as `Api.run` gives them."""
        return self.require_logged("used_by").used_by()

    def logged_by(self) -> Any:
        """The run that made it, as `Api.run` gives it; None if it was no run."""
        return self.require_logged("logged_by").logged_by()

    def json_encode(self) -> JsonObject:
        """What rows of history have of it."""
        return self.require_logged("json_encode").json_encode()
