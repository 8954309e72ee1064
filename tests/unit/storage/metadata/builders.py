"""Things to store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from kymograph.core.accounts import Entity, User
from kymograph.core.artifact import NewArtifact
from kymograph.core.filters import RunQuery
from kymograph.core.project import Project
from kymograph.core.run import Run, RunChange
from kymograph.storage.database import SqlDatabase
from kymograph.types import EntityName, ManifestDigest, ProjectName, RunId, RunKey

NOW = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class World:
    """A database with one user, who has one project."""

    database: SqlDatabase
    user: User
    entity: Entity
    project: Project

    def run(
        self, run_id: str = "r1", change: RunChange | None = None, *, now: datetime = NOW, name: str | None = None
    ) -> Run:
        """Create a run."""
        return self.database.write(
            lambda tx: tx.runs.create(
                self.project, RunId(run_id), display_name=name, user=self.user.id, now=now, change=change or RunChange()
            )
        )


def search(world: World, query: RunQuery, now: datetime = NOW) -> list[Run]:
    return world.database.read(lambda tx: tx.runs.search(world.project.id, query, now))


def make_user(database: SqlDatabase, username: str) -> User:
    return database.write(
        lambda tx: tx.accounts.create_user(
            username, name=username.title(), email=f"{username}@example.org", is_admin=False, now=NOW
        )
    )


def make_entity(database: SqlDatabase, name: str) -> Entity:
    found = database.read(lambda tx: tx.accounts.find_entity(name))
    assert found is not None
    return found


def make_project(database: SqlDatabase, entity: Entity, name: str, *, now: datetime = NOW) -> Project:
    return database.write(lambda tx: tx.projects.create(entity, ProjectName(name), now=now))


def make_world(database: SqlDatabase) -> World:
    user = make_user(database, "ada")
    entity = make_entity(database, EntityName("ada"))
    return World(database, user, entity, make_project(database, entity, "mnist"))


def new_artifact(
    world: World,
    name: str = "weights",
    *,
    digest: str = "0" * 32,
    aliases: tuple[str, ...] = (),
    type_name: str = "model",
    run: RunKey | None = None,
    client_id: str | None = None,
    sequence_client_id: str | None = None,
) -> NewArtifact:
    return NewArtifact(
        project_id=world.project.id,
        type_name=type_name,
        collection_name=name,
        digest=ManifestDigest(digest),
        created_by_run=run,
        description=None,
        metadata_json=None,
        aliases=aliases,
        tags=(),
        client_id=client_id,
        sequence_client_id=sequence_client_id,
        distributed_id=None,
        ttl_duration_s=None,
        history_step=None,
    )
