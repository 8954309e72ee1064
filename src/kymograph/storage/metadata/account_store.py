"""People, teams, keys and sessions in SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, insert, select, update

from kymograph.core.accounts import ApiKey, Entity, EntityKind, Member, Role, Session, User
from kymograph.errors import NameTaken
from kymograph.storage.metadata.sql import contains_text, insert_into
from kymograph.storage.metadata.tables import (
    api_keys,
    entities,
    login_links,
    members,
    projects,
    sessions,
    users,
)
from kymograph.types import EntityId, EntityName, UserId


class SqlAccountStore:
    """Docstrings of the methods: `storage.metadata.base.AccountStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- users -------------------------------------------------------------------------------------------------------

    def create_user(self, username: str, *, name: str, email: str, is_admin: bool, now: datetime) -> User:
        """Docstring inherited."""
        statement = (
            insert_into(self._connection, users)
            .values(
                username=username,
                name=name,
                email=email,
                is_admin=is_admin,
                default_entity=username,
                created_at=now,
            )
            .on_conflict_do_nothing()
            .returning(*users.c)
        )
        row = self._connection.execute(statement).one_or_none()
        if row is None:
            raise NameTaken("user", username)
        user = user_of(row)
        own = self.create_entity(EntityName(username), kind=EntityKind.USER, now=now)
        self.put_member(own.id, user.id, Role.ADMIN)
        return user

    def find_user(self, username: str) -> User | None:
        """Docstring inherited."""
        return self._one_user(_USER_BY_NAME, {"with_name": username})

    def find_user_by_id(self, user: UserId) -> User | None:
        """Docstring inherited."""
        return self._one_user(_USER_BY_ID, {"with_id": user})

    def list_users(self, *, search: str = "", limit: int = 100, offset: int = 0) -> list[User]:
        """Docstring inherited."""
        statement = select(users).order_by(users.c.username).limit(limit).offset(offset)
        if search:
            statement = statement.where(contains_text(search, users.c.username, users.c.name, users.c.email))
        return [user_of(row) for row in self._connection.execute(statement)]

    def count_users(self) -> int:
        """Docstring inherited."""
        return self._connection.execute(select(func.count()).select_from(users)).scalar_one()

    def update_user(
        self,
        user: UserId,
        *,
        default_entity: EntityName | None = None,
        name: str | None = None,
        is_admin: bool | None = None,
    ) -> None:
        """Docstring inherited."""
        changes: dict[str, Any] = {"default_entity": default_entity, "name": name, "is_admin": is_admin}
        changes = {column: value for column, value in changes.items() if value is not None}
        if changes:
            self._connection.execute(update(users).where(users.c.id == user).values(changes))

    def delete_user(self, user: UserId) -> None:
        """Docstring inherited."""
        found = self.find_user_by_id(user)
        if found is None:
            return
        own = self.find_entity(found.username)
        if own is not None and own.kind is EntityKind.USER:
            self.delete_entity(own.id)
        self._connection.execute(delete(users).where(users.c.id == user))

    def _one_user(self, statement: Select[Any], values: dict[str, Any]) -> User | None:
        row = self._connection.execute(statement, values).one_or_none()
        return None if row is None else user_of(row)

    # --- entities ----------------------------------------------------------------------------------------------------

    def create_entity(
        self, name: EntityName, *, kind: EntityKind, now: datetime, organization: EntityId | None = None
    ) -> Entity:
        """Docstring inherited."""
        statement = (
            insert_into(self._connection, entities)
            .values(name=name, kind=kind.value, organization_id=organization, created_at=now)
            .on_conflict_do_nothing()
            .returning(*entities.c)
        )
        row = self._connection.execute(statement).one_or_none()
        if row is None:
            raise NameTaken("entity", name)
        return entity_of(row)

    def find_entity(self, name: str) -> Entity | None:
        """Docstring inherited."""
        return self._one_entity(_ENTITY_BY_NAME, {"with_name": name})

    def find_entity_by_id(self, entity: EntityId) -> Entity | None:
        """Docstring inherited."""
        return self._one_entity(_ENTITY_BY_ID, {"with_id": entity})

    def list_teams(self, organization: EntityId) -> list[Entity]:
        """Docstring inherited."""
        statement = _live_entities().where(entities.c.organization_id == organization).order_by(entities.c.name)
        return [entity_of(row) for row in self._connection.execute(statement)]

    def delete_entity(self, entity: EntityId) -> None:
        """Docstring inherited."""
        ids = [entity, *(team.id for team in self.list_teams(entity))]
        # The moment does not matter, only that there is one: marked rows are collected later.
        deleted_at = func.coalesce(entities.c.deleted_at, entities.c.created_at)
        self._connection.execute(delete(members).where(members.c.entity_id.in_(ids)))
        self._connection.execute(
            update(projects)
            .where(projects.c.entity_id.in_(ids), projects.c.deleted_at.is_(None))
            .values(deleted_at=projects.c.last_activity_at)
        )
        self._connection.execute(update(entities).where(entities.c.id.in_(ids)).values(deleted_at=deleted_at))

    def _one_entity(self, statement: Select[Any], values: dict[str, Any]) -> Entity | None:
        row = self._connection.execute(statement, values).one_or_none()
        return None if row is None else entity_of(row)

    # --- members -----------------------------------------------------------------------------------------------------

    def put_member(self, entity: EntityId, user: UserId, role: Role) -> None:
        """Docstring inherited."""
        statement = insert_into(self._connection, members).values(entity_id=entity, user_id=user, role=role.value)
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=[members.c.entity_id, members.c.user_id], set_={"role": statement.excluded.role}
            )
        )

    def remove_member(self, entity: EntityId, user: UserId) -> None:
        """Docstring inherited."""
        self._connection.execute(delete(members).where(members.c.entity_id == entity, members.c.user_id == user))

    def find_role(self, entity: EntityId, user: UserId) -> Role | None:
        """Docstring inherited."""
        role = self._connection.execute(_ROLE, {"in_entity": entity, "of_user": user}).scalar_one_or_none()
        return None if role is None else Role(role)

    def list_members(self, entity: EntityId) -> list[Member]:
        """Docstring inherited."""
        return self._members(_memberships().where(members.c.entity_id == entity).order_by(users.c.username))

    def list_memberships(self, user: UserId) -> list[Member]:
        """Docstring inherited."""
        own_first = entities.c.kind != EntityKind.USER.value
        return self._members(_memberships().where(members.c.user_id == user).order_by(own_first, entities.c.name))

    def _members(self, statement: Select[Any]) -> list[Member]:
        found = []
        for row in self._connection.execute(statement):
            person = row[: len(users.c)]
            place = row[len(users.c) : -1]
            found.append(
                Member(
                    user=_user_from(dict(zip(users.c.keys(), person, strict=True))),
                    entity=_entity_from(dict(zip(entities.c.keys(), place, strict=True))),
                    role=Role(row[-1]),
                )
            )
        return found

    # --- keys --------------------------------------------------------------------------------------------------------

    def put_key(self, digest: bytes, user: UserId, *, description: str, prefix: str, now: datetime) -> ApiKey:
        """Docstring inherited."""
        statement = insert_into(self._connection, api_keys).values(
            digest=digest, user_id=user, description=description, prefix=prefix, created_at=now
        )
        statement = statement.on_conflict_do_update(
            index_elements=[api_keys.c.digest],
            set_={"user_id": user, "description": description, "prefix": prefix},
        )
        return _key(self._connection.execute(statement.returning(*api_keys.c)).one())

    def find_key_owner(self, digest: bytes) -> tuple[User, ApiKey] | None:
        """Docstring inherited."""
        row = self._connection.execute(_KEY_BY_DIGEST, {"with_digest": digest}).one_or_none()
        if row is None:
            return None
        owner = self.find_user_by_id(UserId(row.user_id))
        return None if owner is None else (owner, _key(row))

    def list_keys(self, user: UserId) -> list[ApiKey]:
        """Docstring inherited."""
        statement = select(api_keys).where(api_keys.c.user_id == user).order_by(api_keys.c.id)
        return [_key(row) for row in self._connection.execute(statement)]

    def delete_key(self, user: UserId, key: int) -> bool:
        """Docstring inherited."""
        statement = delete(api_keys).where(api_keys.c.user_id == user, api_keys.c.id == key)
        return self._connection.execute(statement).rowcount > 0

    def touch_key(self, key: int, now: datetime) -> None:
        """Docstring inherited."""
        self._connection.execute(update(api_keys).where(api_keys.c.id == key).values(last_used_at=now))

    # --- sessions ----------------------------------------------------------------------------------------------------

    def create_session(self, digest: bytes, user: UserId, *, csrf_token: str, expires_at: datetime) -> None:
        """Docstring inherited."""
        self._connection.execute(
            insert(sessions).values(digest=digest, user_id=user, csrf_token=csrf_token, expires_at=expires_at)
        )

    def find_session(self, digest: bytes, now: datetime) -> Session | None:
        """Docstring inherited."""
        row = self._connection.execute(_SESSION, {"with_digest": digest, "at": now}).one_or_none()
        return None if row is None else Session(UserId(row.user_id), row.csrf_token, row.expires_at)

    def delete_session(self, digest: bytes) -> None:
        """Docstring inherited."""
        self._connection.execute(delete(sessions).where(sessions.c.digest == digest))

    def create_login_link(self, digest: bytes, user: UserId, *, expires_at: datetime) -> None:
        """Docstring inherited."""
        self._connection.execute(insert(login_links).values(digest=digest, user_id=user, expires_at=expires_at))

    def take_login_link(self, digest: bytes, now: datetime) -> UserId | None:
        """Docstring inherited."""
        row = self._connection.execute(
            delete(login_links)
            .where(login_links.c.digest == digest)
            .returning(login_links.c.user_id, login_links.c.expires_at)
        ).one_or_none()
        return UserId(row.user_id) if row is not None and row.expires_at > now else None


def _live_entities() -> Select[Any]:
    return select(entities).where(entities.c.deleted_at.is_(None))


# Every request asks these, so they are built once.
_USER_BY_NAME = select(users).where(users.c.username == bindparam("with_name"))
_USER_BY_ID = select(users).where(users.c.id == bindparam("with_id"))
_ENTITY_BY_NAME = _live_entities().where(entities.c.name == bindparam("with_name"))
_ENTITY_BY_ID = _live_entities().where(entities.c.id == bindparam("with_id"))
_ROLE = select(members.c.role).where(
    members.c.entity_id == bindparam("in_entity"), members.c.user_id == bindparam("of_user")
)
_KEY_BY_DIGEST = select(api_keys).where(api_keys.c.digest == bindparam("with_digest"))
_SESSION = select(sessions).where(
    sessions.c.digest == bindparam("with_digest"), sessions.c.expires_at > bindparam("at")
)


def _memberships() -> Select[Any]:
    return (
        select(*users.c, *entities.c, members.c.role)
        .select_from(members.join(users).join(entities))
        .where(entities.c.deleted_at.is_(None))
    )


def user_of(row: Row[Any]) -> User:
    """A row with the columns of `users` as a value."""
    return _user_from(row._mapping)


def _user_from(values: Any) -> User:
    return User(
        id=UserId(values["id"]),
        username=values["username"],
        name=values["name"],
        email=values["email"],
        is_admin=values["is_admin"],
        default_entity=EntityName(values["default_entity"]),
        created_at=values["created_at"],
        password_hash=values["password_hash"],
    )


def entity_of(row: Row[Any]) -> Entity:
    """A row with the columns of `entities` as a value."""
    return _entity_from(row._mapping)


def _entity_from(values: Any) -> Entity:
    organization = values["organization_id"]
    return Entity(
        id=EntityId(values["id"]),
        name=EntityName(values["name"]),
        kind=EntityKind(values["kind"]),
        created_at=values["created_at"],
        organization_id=None if organization is None else EntityId(organization),
    )


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        user_id=UserId(row.user_id),
        description=row.description,
        prefix=row.prefix,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
    )
