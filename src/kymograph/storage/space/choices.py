"""Which versions a clean-up means, in SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    FromClause,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    type_coerce,
)

from kymograph.core.artifact import TTL_INHERITED, ArtifactState
from kymograph.core.space import VersionFilter
from kymograph.storage.metadata.tables import (
    aliases,
    collections,
    entities,
    memberships,
    projects,
    runs,
    uses,
    versions,
)
from kymograph.storage.schema import micros_since_epoch
from kymograph.storage.space.base import Sized
from kymograph.storage.space.bulk import among
from kymograph.storage.space.tables import version_references
from kymograph.types import ArtifactId, ProjectId, RunKey

NEVER_EXPIRES = "wandb-history"
"""Type of versions that a run's history lies in. Source: seeds.md C.9."""
_SECOND = 1_000_000


class SqlChoiceStore:
    """Docstrings of the methods: `storage.space.base.ChoiceStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def choose(self, project: ProjectId, wanted: VersionFilter, now: datetime) -> list[Sized]:
        """Docstring inherited."""
        conditions = [*self._named(project, wanted), _is(ArtifactState.COMMITTED), collections.c.deleted_at.is_(None)]
        if wanted.created_before is not None:
            conditions.append(versions.c.created_at < wanted.created_before)
        if wanted.without_alias:
            conditions.append(~exists().where(aliases.c.artifact_id == versions.c.id))
        if wanted.versions is None:
            conditions.append(~is_link())
        if wanted.is_expired:
            conditions.append(_is_expired(now))
        if wanted.keep_last:
            conditions.append(versions.c.id.in_(_all_but_newest(project, wanted.keep_last)))
        return self._read(_sized().where(*conditions))

    def choose_all(self, project: ProjectId) -> list[Sized]:
        """Docstring inherited."""
        is_meant = and_(collections.c.project_id == project, _is(ArtifactState.COMMITTED))
        return self._read(_sized().where(is_meant, ~is_link_outside()))

    def choose_of_run(self, run: RunKey) -> list[Sized]:
        """Docstring inherited."""
        return self._read(_sized().where(versions.c.created_by_run == run, _is(ArtifactState.COMMITTED)))

    def choose_deleted(self, project: ProjectId, wanted: VersionFilter) -> list[Sized]:
        """Docstring inherited."""
        is_there = collections.c.deleted_at.is_(None)
        return self._read(_sized().where(*self._named(project, wanted), _is(ArtifactState.DELETED), is_there))

    def list_expired(self, now: datetime, *, limit: int) -> list[Sized]:
        """Docstring inherited."""
        conditions = (_is(ArtifactState.COMMITTED), _is_expired(now), ~is_link(), ~is_gone())
        return self._read(_sized().where(*conditions).limit(limit))

    def list_orphans(self, *, limit: int) -> list[Sized]:
        """Docstring inherited."""
        return self._read(_sized().where(_is(ArtifactState.COMMITTED), is_gone(), ~is_link()).limit(limit))

    def list_purgeable(
        self,
        *,
        deleted_before: datetime,
        gone_before: datetime,
        project: ProjectId | None = None,
        after: ArtifactId | None = None,
        limit: int,
    ) -> list[Sized]:
        """Docstring inherited."""
        is_over = or_(versions.c.deleted_at < deleted_before, and_(versions.c.deleted_at < gone_before, is_gone()))
        statement = _sized().where(_is(ArtifactState.DELETED), is_over, ~is_needed_elsewhere())
        if project is not None:
            statement = statement.where(collections.c.project_id == project)
        if after is not None:
            statement = statement.where(versions.c.id > after)
        return self._read(statement.limit(limit))

    def list_abandoned(self, before: datetime, *, limit: int) -> list[Sized]:
        """Docstring inherited."""
        return self._read(_sized().where(_is(ArtifactState.PENDING), versions.c.updated_at < before).limit(limit))

    def _named(self, project: ProjectId, wanted: VersionFilter) -> list[Any]:
        conditions: list[Any] = [collections.c.project_id == project]
        if wanted.collection is not None:
            conditions.append(collections.c.name == wanted.collection)
        if wanted.type_name is not None:
            conditions.append(collections.c.type_name == wanted.type_name)
        if wanted.versions is not None:
            conditions.append(among(self._connection, versions.c.id, wanted.versions))
        return conditions

    def _read(self, statement: Select[Any]) -> list[Sized]:
        rows = self._connection.execute(statement.order_by(versions.c.id))
        return [Sized(ArtifactId(artifact), ProjectId(project), files) for artifact, project, files in rows]


def is_link() -> Any:
    """Whether a version has a place in a collection that is not its own, and that is there."""
    return _has_place_in(_there())


def is_link_outside() -> Any:
    """Whether it has such a place in another project."""
    return _has_place_in(_there().where(_link_collections.c.project_id != _home()))


_places = memberships.alias("link_places")
_link_collections = collections.alias("link_collections")


def _has_place_in(other: Select[Any]) -> Any:
    place = select(_places.c.artifact_id).where(
        _places.c.artifact_id == versions.c.id,
        _places.c.collection_id != versions.c.collection_id,
        _looked_up(other.where(_link_collections.c.id == _places.c.collection_id), _places, versions),
    )
    return _looked_up(place, versions)


def _there() -> Select[Any]:
    return (
        select(_link_collections.c.id)
        .join(projects, projects.c.id == _link_collections.c.project_id)
        .join(entities, entities.c.id == projects.c.entity_id)
        .where(
            _link_collections.c.deleted_at.is_(None), projects.c.deleted_at.is_(None), entities.c.deleted_at.is_(None)
        )
    )


def _home() -> Any:
    """The project of a version."""
    home = collections.alias("home")
    made_in = select(home.c.project_id).where(home.c.id == versions.c.collection_id)
    return made_in.correlate(versions).scalar_subquery()


def _looked_up(rows: Select[Any], *of: FromClause) -> Any:
    """Whether there is such a row, by the indexes, once for each row of the tables it depends on.

    PostgreSQL would rather join them all. It knows nothing of tables that are too small to be analysed, such as that of
    the projects, takes their rows for none, and then compares every version with every link. The offset forbids it.
    """
    return exists(rows.offset(0).correlate(*of))


def is_needed_elsewhere() -> Any:
    """Whether something else needs a version; see `storage.space.base.ChoiceStore`."""
    is_referenced = exists().where(version_references.c.target_id == versions.c.id)
    user = select(runs.c.key).where(
        runs.c.key == uses.c.run_key, runs.c.deleted_at.is_(None), runs.c.project_id != _home()
    )
    use = select(uses.c.artifact_id).where(uses.c.artifact_id == versions.c.id, _looked_up(user, uses, versions))
    is_used = _looked_up(use, versions)
    return or_(is_referenced, is_used, is_link())


def _sized() -> Select[Any]:
    return select(versions.c.id, collections.c.project_id, versions.c.file_count).select_from(
        versions.join(collections, collections.c.id == versions.c.collection_id)
    )


def _all_but_newest(project: ProjectId, count: int) -> Select[tuple[int]]:
    """Committed versions of a project without the `count` newest ones of each collection."""
    own = and_(memberships.c.artifact_id == versions.c.id, memberships.c.collection_id == versions.c.collection_id)
    position = func.row_number().over(
        partition_by=versions.c.collection_id, order_by=memberships.c.version_index.desc()
    )
    numbered = (
        select(versions.c.id, position.label("position"))
        .select_from(versions.join(collections, collections.c.id == versions.c.collection_id).join(memberships, own))
        .where(collections.c.project_id == project, _is(ArtifactState.COMMITTED))
        .subquery()
    )
    return select(numbered.c.id).where(numbered.c.position > count)


def _is(state: ArtifactState) -> Any:
    return versions.c.state == state.value


def is_gone() -> Any:
    """Whether the project of a collection is gone."""
    return exists(
        select(projects.c.id)
        .join(entities, entities.c.id == projects.c.entity_id)
        .where(
            projects.c.id == collections.c.project_id,
            or_(projects.c.deleted_at.is_not(None), entities.c.deleted_at.is_not(None)),
        )
        .correlate(collections)
    )


def _is_expired(now: datetime) -> Any:
    inherited = (
        select(func.coalesce(projects.c.artifact_ttl_s, entities.c.artifact_ttl_s))
        .join(entities, entities.c.id == projects.c.entity_id)
        .where(projects.c.id == collections.c.project_id)
        .correlate(collections)
        .scalar_subquery()
    )
    own = versions.c.ttl_duration_s
    ttl = case((or_(own.is_(None), own == TTL_INHERITED), inherited), else_=own)
    age = literal(micros_since_epoch(now), BigInteger) - type_coerce(versions.c.created_at, BigInteger)
    # By division: a long time in microseconds would not fit.
    return and_(collections.c.type_name != NEVER_EXPIRES, ttl > 0, age // _SECOND >= ttl)
