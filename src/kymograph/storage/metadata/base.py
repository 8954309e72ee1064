"""The metadata port: one small store per noun, all on the transaction they came with.

`get_` raises the noun's NotFound error when absent, `find_` returns None, `list_` pages, `put_` is idempotent,
`create_` raises `NameTaken` when present. Times are aware UTC datetimes with microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from kymograph.core.accounts import (
    ApiKey,
    Entity,
    EntityKind,
    Member,
    RegistryMember,
    RegistryTeam,
    Role,
    Session,
    User,
)
from kymograph.core.artifact_filters import RegistryQuery
from kymograph.core.column_search import ColumnPage, ColumnQuery
from kymograph.core.files import RunFile
from kymograph.core.filters import Filter, RunQuery
from kymograph.core.groups import GroupPage, GroupQuery
from kymograph.core.project import Project, ProjectStats, RegistryRules, RegistryStats, Visibility
from kymograph.core.run import Run, RunChange
from kymograph.types import (
    Digest,
    EntityId,
    EntityName,
    FilePath,
    ObjectKey,
    ProjectId,
    ProjectName,
    RunId,
    RunKey,
    UserId,
)


class AccountStore(Protocol):
    """People, teams, organizations, API keys, sessions and login links.

    Secrets never come here: keys, session and link tokens are given as digests (`bytes`, 32 long).
    """

    def create_user(self, username: str, *, name: str, email: str, is_admin: bool, now: datetime) -> User:
        """Create a user with an entity of the same name, of which the user is administrator.

        Raises:
            NameTaken: An entity or user of that name exists.
        """

    def find_user(self, username: str) -> User | None: ...

    def find_user_by_id(self, user: UserId) -> User | None: ...

    def list_users(self, *, search: str = "", limit: int = 100, offset: int = 0) -> list[User]:
        """Users whose name, username or e-mail contains `search`, by username."""

    def count_users(self) -> int: ...

    def update_user(
        self,
        user: UserId,
        *,
        default_entity: EntityName | None = None,
        name: str | None = None,
        is_admin: bool | None = None,
    ) -> None: ...

    def delete_user(self, user: UserId) -> None:
        """Remove the user, keys, sessions, memberships and the personal entity with all its projects."""

    def create_entity(
        self, name: EntityName, *, kind: EntityKind, now: datetime, organization: EntityId | None = None
    ) -> Entity:
        """Create a team or organization.

        Raises:
            NameTaken: An entity of that name exists.
        """

    def find_entity(self, name: str) -> Entity | None: ...

    def find_entity_by_id(self, entity: EntityId) -> Entity | None: ...

    def list_teams(self, organization: EntityId) -> list[Entity]:
        """Teams of an organization, by name."""

    def delete_entity(self, entity: EntityId) -> None:
        """Remove a team or organization (with its teams), their memberships and projects."""

    def put_member(self, entity: EntityId, user: UserId, role: Role) -> None: ...

    def remove_member(self, entity: EntityId, user: UserId) -> None: ...

    def find_role(self, entity: EntityId, user: UserId) -> Role | None: ...

    def list_members(self, entity: EntityId) -> list[Member]:
        """Members of an entity, by username."""

    def list_memberships(self, user: UserId) -> list[Member]:
        """Entities a user belongs to, own one first, then by name."""

    def put_key(self, digest: bytes, user: UserId, *, description: str, prefix: str, now: datetime) -> ApiKey:
        """Keep a key's digest; the same digest again moves it to `user`."""

    def find_key_owner(self, digest: bytes) -> tuple[User, ApiKey] | None: ...

    def list_keys(self, user: UserId) -> list[ApiKey]: ...

    def delete_key(self, user: UserId, key: int) -> bool:
        """Revoke a key; False if the user has no such key."""

    def touch_key(self, key: int, now: datetime) -> None: ...

    def create_session(self, digest: bytes, user: UserId, *, csrf_token: str, expires_at: datetime) -> None: ...

    def find_session(self, digest: bytes, now: datetime) -> Session | None:
        """The session, unless it has expired."""

    def delete_session(self, digest: bytes) -> None: ...

    def create_login_link(self, digest: bytes, user: UserId, *, expires_at: datetime) -> None: ...

    def take_login_link(self, digest: bytes, now: datetime) -> UserId | None:
        """Use up a one-time link; None if unknown, used or expired."""


class ProjectStore(Protocol):
    """Projects."""

    def create(
        self,
        entity: Entity,
        name: ProjectName,
        *,
        now: datetime,
        description: str | None = None,
        visibility: Visibility = Visibility.PRIVATE,
        registry: RegistryRules | None = None,
    ) -> Project:
        """Create a project; with rules, a registry.

        Raises:
            NameTaken: The entity has a project of that name.
        """

    def find(self, entity: str, name: str) -> Project | None: ...

    def find_by_id(self, project: ProjectId) -> Project | None: ...

    def list(
        self, entities: Sequence[EntityId], *, search: str = "", limit: int = 100, offset: int = 0
    ) -> tuple[list[Project], int]:
        """Projects of any of `entities` plus the total, newest activity first; registries are not among them."""

    def stats(
        self, projects: Sequence[ProjectId], now: datetime, *, days: int = 30
    ) -> dict[ProjectId, ProjectStats]: ...

    def update(
        self,
        project: ProjectId,
        *,
        description: str | None = None,
        visibility: Visibility | None = None,
        name: ProjectName | None = None,
        registry: RegistryRules | None = None,
    ) -> None:
        """Change what is given; `registry` only of a registry."""

    def touch(self, project: ProjectId, now: datetime) -> None:
        """Record activity."""

    def delete(self, project: ProjectId) -> None: ...


class RegistryStore(Protocol):
    """What registries have beside other projects: types, and members of their own."""

    def list_of(self, organizations: Sequence[EntityId]) -> list[Project]:
        """Registries of some organizations, by organization and name."""

    def search(self, registries: Sequence[Project], query: RegistryQuery) -> tuple[Sequence[Project], int]:
        """One page of some registries, plus the total of those that match.

        Raises:
            InvalidFilter: A value that its field cannot be compared with, or a pattern that takes too long.
        """

    def stats(self, registries: Sequence[ProjectId]) -> dict[ProjectId, RegistryStats]:
        """Counts of each."""

    def put_types(self, registry: ProjectId, names: Iterable[str]) -> None:
        """List more types; those that are listed stay."""

    def list_types(self, registry: ProjectId) -> list[str]:
        """Listed types, and those of its collections, sorted."""

    def put_member(self, registry: ProjectId, user: UserId, role: Role) -> None:
        """Add a person, or change the role."""

    def remove_member(self, registry: ProjectId, user: UserId) -> None: ...

    def list_members(self, registry: ProjectId) -> list[RegistryMember]:
        """People with a role of their own, by username."""

    def put_team(self, registry: ProjectId, team: EntityId, role: Role) -> None:
        """Add a team, or change the role of its people."""

    def remove_team(self, registry: ProjectId, team: EntityId) -> None: ...

    def list_teams(self, registry: ProjectId) -> list[RegistryTeam]:
        """Teams with a role, by name."""

    def roles_of(self, user: UserId, registries: Sequence[ProjectId]) -> dict[ProjectId, Role]:
        """The highest role that somebody has in each, alone or by a team; registries without one are left out."""

    def list_organizations_of(self, user: UserId) -> list[EntityId]:
        """Organizations that somebody is a member of, has a team in, or has a role in a registry of."""

    def is_in_team_of(self, organization: EntityId, user: UserId) -> bool:
        """Whether somebody is a member of any team of an organization."""


class RunStore(Protocol):
    """Runs. Deleted runs are kept as tombstones: invisible, their ids refused."""

    def create(
        self,
        project: Project,
        run: RunId,
        *,
        display_name: str | None,
        user: UserId | None,
        now: datetime,
        change: RunChange,
    ) -> Run:
        """Create a run.

        Gives it its palette slot (`core.palette`) and, without a `display_name`, an invented one whose counter is the
        number of runs ever created in the project.

        Raises:
            RunDeleted: A run of that id was deleted.
            NameTaken: It exists.
        """

    def find(self, project: ProjectId, run: str, *, lock: bool = False) -> Run | None:
        """A run by its id; `lock` keeps others from changing it until the transaction ends."""

    def find_ancestor(self, project: ProjectId, run: str) -> Run | None:
        """Like `find`, but also a deleted run that was not purged yet: its forks keep what they inherited."""

    def find_by_key(self, run: RunKey) -> Run | None: ...

    def is_deleted(self, project: ProjectId, run: str) -> bool: ...

    def list_by_keys(self, runs: Sequence[RunKey]) -> list[Run]: ...

    def update(self, run: RunKey, change: RunChange, now: datetime) -> Run:
        """Apply a change; keeps the index of config and summary values in step. Returns the run afterwards."""

    def change(self, run: Run, change: RunChange, now: datetime) -> Run:
        """As `update`, of a run that this transaction has found and locked: it is not read again."""

    def search(self, project: ProjectId, query: RunQuery, now: datetime) -> list[Run]:
        """One page of runs; `state` in filters means `Run.state_at(now)`. Ties are broken by newest first."""

    def count(self, project: ProjectId, filter: Filter, now: datetime) -> int: ...

    def group(self, project: ProjectId, query: GroupQuery, now: datetime) -> GroupPage:
        """One page of the groups of runs with equal values; `state` means what it means in `search`."""

    def list_columns(self, project: ProjectId, query: ColumnQuery) -> ColumnPage:
        """One page of the config and summary columns of a project: all that runs have, and some that runs had."""

    def list_silent(self, before: datetime, *, limit: int = 1000) -> list[Run]:
        """Live runs whose last heartbeat is older than `before`."""

    def delete(self, run: RunKey, now: datetime) -> None:
        """Make the run a tombstone; its history, files and objects are collected later."""


class ValueIndex(Protocol):
    """Keeps config and summary values so that a column of many runs is read quickly.

    Searches give the same answers without it: it changes how long they take.
    """

    def index(self, now: datetime) -> int:
        """Take in the runs that have come to rest since; returns how many."""

    def stop(self) -> None:
        """Let `index` end soon, now and from then on."""


class FileStore(Protocol):
    """Files of runs."""

    def put(
        self,
        run: RunKey,
        path: FilePath,
        *,
        size_bytes: int,
        md5: Digest | None,
        mimetype: str,
        object_key: ObjectKey,
        now: datetime,
    ) -> RunFile: ...

    def find(self, run: RunKey, path: str) -> RunFile | None: ...

    def find_by_id(self, file: int) -> RunFile | None: ...

    def list(
        self,
        run: RunKey,
        *,
        names: Sequence[str] = (),
        pattern: str | None = None,
        prefix: str = "",
        is_shallow: bool = False,
        after: str | None = None,
        limit: int = 100,
    ) -> tuple[list[RunFile], int]:
        """Files by path plus the total of matches.

        Args:
            run: Whose files.
            names: Only these paths, if any are given.
            pattern: SQL LIKE pattern (``%`` and ``_``), case-sensitive.
            prefix: Only paths that begin so.
            is_shallow: Only those without a slash after `prefix`.
            after: Only paths greater than this one (paging).
            limit: Page size.
        """

    def list_folders(
        self, run: RunKey, *, prefix: str = "", after: str | None = None, limit: int = 100
    ) -> Sequence[str]:
        """Folders that files below a prefix are in, as far as the first slash after it; in order.

        Args:
            run: Whose files.
            prefix: Empty, or the path of a folder with a slash at its end.
            after: Only folders greater than this one (paging).
            limit: Page size.
        """

    def delete(self, file: int) -> RunFile | None:
        """Remove a file's record and return it; the bytes are the caller's to delete afterwards."""
