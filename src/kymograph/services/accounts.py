"""People, teams, keys and sessions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from kymograph.core.accounts import ApiKey, Entity, EntityKind, Member, Role, Session, User
from kymograph.core.names import parse_entity_name
from kymograph.core.project import Project
from kymograph.errors import (
    EntityNotFound,
    Forbidden,
    InvalidName,
    InvalidSetting,
    KeyNotFound,
    NameTaken,
    TransportError,
    Unauthenticated,
    UserNotFound,
)
from kymograph.services.access import Access, Caller, find_visible_entity, require_entity, role_in
from kymograph.services.secrets import PREFIX_LENGTH, new_api_key, new_token, secret_digest
from kymograph.storage.base import Database, Transaction
from kymograph.types import EntityName, UserId

SESSION_LENGTH = timedelta(days=30)
LOGIN_LINK_LENGTH = timedelta(hours=24)
KEY_TOUCH_INTERVAL = timedelta(minutes=10)
"""`last_used_at` of a key is this coarse, so that reading does not become writing."""
KEY_CACHE_LENGTH_S = 5.0
"""A server forgets at once a key that it revokes itself, and after this time one that another replica revoked."""
MIN_KEY_LENGTH = 8


@dataclass(frozen=True, slots=True)
class SignIn:
    """A new browser session; the token goes into the cookie and is not kept."""

    caller: Caller
    token: str
    csrf_token: str


class AccountService:
    """Sign-in and administration of people, teams and keys."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._key_cache: dict[bytes, tuple[datetime, Caller]] = {}

    # Signing in

    def known_caller(self, api_key: str) -> Caller | None:
        """Whom an API key belongs to, if that is remembered; asks no database, so it may be called anywhere."""
        cached = self._key_cache.get(secret_digest(api_key))
        is_fresh = cached is not None and (self._clock() - cached[0]).total_seconds() < KEY_CACHE_LENGTH_S
        return cached[1] if cached is not None and is_fresh else None

    def caller_of_key(self, api_key: str) -> Caller:
        """Whom an API key belongs to.

        Known keys are remembered for a few seconds: a training sends the same key with each request.

        Raises:
            Unauthenticated: No such key.
        """
        known = self.known_caller(api_key)
        if known is not None:
            return known
        now = self._clock()
        digest = secret_digest(api_key)
        owner = self._database.read(lambda tx: tx.accounts.find_key_owner(digest))
        if owner is None:
            self._key_cache.pop(digest, None)
            raise Unauthenticated(
                "this API key is not known to the server; run `wandb login` with a key of this server"
            )
        user, key = owner
        if key.last_used_at is None or now - key.last_used_at > KEY_TOUCH_INTERVAL:
            # A note for people only: a full or busy database must not turn away those who read.
            with suppress(TransportError):
                self._database.write(lambda tx: tx.accounts.touch_key(key.id, now))
        caller = Caller(user)
        if len(self._key_cache) > 10_000:
            self._key_cache.clear()
        self._key_cache[digest] = (now, caller)
        return caller

    def sign_in_with_key(self, api_key: str) -> SignIn:
        """Begin a browser session with an API key.

        Raises:
            Unauthenticated: No such key.
        """
        caller = self.caller_of_key(api_key)
        return self._database.write(lambda tx: self._begin_session(tx, caller))

    def sign_in_with_link(self, token: str) -> SignIn:
        """Begin a browser session with a one-time link.

        Raises:
            Unauthenticated: Unknown, used or expired.
        """

        def job(tx: Transaction) -> SignIn:
            user_id = tx.accounts.take_login_link(secret_digest(token), self._clock())
            user = tx.accounts.find_user_by_id(user_id) if user_id is not None else None
            if user is None:
                raise Unauthenticated(
                    "this sign-in link was used already or has expired; make another with `kymograph admin login-link`"
                )
            return self._begin_session(tx, Caller(user))

        return self._database.write(job)

    def session_of(self, token: str) -> tuple[Caller, Session]:
        """The session behind a cookie.

        Raises:
            Unauthenticated: Unknown or expired.
        """

        def job(tx: Transaction) -> tuple[Caller, Session]:
            session = tx.accounts.find_session(secret_digest(token), self._clock())
            user = tx.accounts.find_user_by_id(session.user_id) if session is not None else None
            if session is None or user is None:
                raise Unauthenticated("your session has ended; sign in again")
            return Caller(user), session

        return self._database.read(job)

    def sign_out(self, token: str) -> None:
        """End a browser session."""
        self._database.write(lambda tx: tx.accounts.delete_session(secret_digest(token)))

    def create_login_link(self, username: str) -> str:
        """A one-time token that signs `username` in.

        Raises:
            UserNotFound: No such user.
        """
        token = new_token()

        def job(tx: Transaction) -> None:
            user = tx.accounts.find_user(username)
            if user is None:
                raise UserNotFound(username)
            expires_at = self._clock() + LOGIN_LINK_LENGTH
            tx.accounts.create_login_link(secret_digest(token), user.id, expires_at=expires_at)

        self._database.write(job)
        return token

    def _begin_session(self, tx: Transaction, caller: Caller) -> SignIn:
        token, csrf_token = new_token(), new_token()
        tx.accounts.create_session(
            secret_digest(token),
            caller.user.id,
            csrf_token=csrf_token,
            expires_at=self._clock() + SESSION_LENGTH,
        )
        return SignIn(caller, token, csrf_token)

    # Keys

    def create_key(self, caller: Caller, *, description: str = "") -> tuple[ApiKey, str]:
        """Issue a key to the caller; the secret is returned once and not kept."""
        secret = new_api_key()
        key = self._database.write(
            lambda tx: tx.accounts.put_key(
                secret_digest(secret),
                caller.user.id,
                description=description[:200],
                prefix=secret[:PREFIX_LENGTH],
                now=self._clock(),
            )
        )
        return key, secret

    def list_keys(self, caller: Caller) -> list[ApiKey]:
        """The caller's keys, without their secrets."""
        return self._database.read(lambda tx: tx.accounts.list_keys(caller.user.id))

    def delete_key(self, caller: Caller, key: int) -> None:
        """Revoke one of the caller's keys, at once.

        Raises:
            KeyNotFound: The caller has no such key.
        """
        if not self._database.write(lambda tx: tx.accounts.delete_key(caller.user.id, key)):
            raise KeyNotFound(str(key))
        self._key_cache.clear()

    # Reading

    def memberships(self, caller: Caller) -> list[Member]:
        """Entities that the caller belongs to, the own one first."""
        return self._database.read(lambda tx: tx.accounts.list_memberships(caller.user.id))

    def find_entity(self, caller: Caller, name: str | None) -> Entity | None:
        """An entity that the caller may see, None otherwise."""

        def job(tx: Transaction) -> Entity | None:
            return find_visible_entity(tx, caller, name)

        return self._database.read(job)

    def is_free(self, name: str) -> bool:
        """Whether a user, team or organization could be made under a name; making one tells as much."""
        try:
            parsed = parse_entity_name(name)
        except InvalidName:
            return False
        return self._database.read(lambda tx: tx.accounts.find_entity(parsed) is None)

    def members(self, caller: Caller, entity: Entity) -> list[Member]:
        """Members of an entity that the caller may see."""
        return self._database.read(
            lambda tx: tx.accounts.list_members(entity.id) if role_in(tx, caller, entity) else []
        )

    def owner_of(self, project: Project) -> Entity:
        """The entity of a project (got already), whatever the caller may do with the entity itself."""
        found = self._database.read(lambda tx: tx.accounts.find_entity_by_id(project.entity_id))
        if found is None:
            raise EntityNotFound(project.entity)
        return found

    def organizations(self, caller: Caller) -> list[Entity]:
        """Organizations that the caller is a member of, has a team in, or a role in a registry of."""

        def job(tx: Transaction) -> list[Entity]:
            numbers = tx.registries.list_organizations_of(caller.user.id)
            found = (tx.accounts.find_entity_by_id(number) for number in numbers)
            return [organization for organization in found if organization is not None]

        return self._database.read(job)

    def organization_of(self, entity: Entity) -> Entity | None:
        """The organization that a team belongs to."""
        parent = entity.organization_id
        return self._database.read(lambda tx: tx.accounts.find_entity_by_id(parent)) if parent is not None else None

    def search_users(self, caller: Caller, search: str, *, limit: int = 100) -> list[User]:
        """Users by name; administrators find all, others those who share an entity with them."""

        def job(tx: Transaction) -> list[User]:
            users = tx.accounts.list_users(search=search, limit=limit)
            if caller.user.is_admin:
                return users
            mine = {member.entity.id for member in tx.accounts.list_memberships(caller.user.id)}
            return [
                user
                for user in users
                if mine.intersection(member.entity.id for member in tx.accounts.list_memberships(user.id))
            ]

        return self._database.read(job)

    def find_user(self, user: UserId) -> User | None:
        """A user by row number, for those who see something that the user made."""
        return self._database.read(lambda tx: tx.accounts.find_user_by_id(user))

    def set_default_entity(self, caller: Caller, name: str) -> User:
        """Choose the entity that is meant when none is named.

        Raises:
            EntityNotFound: Not one the caller may see.
        """

        def job(tx: Transaction) -> User:
            entity = require_entity(tx, caller, name, Access.READ)
            tx.accounts.update_user(caller.user.id, default_entity=entity.name)
            user = tx.accounts.find_user_by_id(caller.user.id)
            assert user is not None
            return user

        user = self._database.write(job)
        self._key_cache.clear()
        return user

    # Administration

    def bootstrap_admin(self, *, username: str, api_key: str | None) -> str | None:
        """Make the first administrator if there are no users yet; a given key is made valid in any case.

        Returns:
            A generated key, to be shown once; None if there was nothing to make or the key was given.
        """

        def job(tx: Transaction) -> str | None:
            now = self._clock()
            user = tx.accounts.find_user(username)
            is_first = user is None and tx.accounts.count_users() == 0
            if user is None:
                if not is_first and api_key is None:
                    return None
                user = tx.accounts.create_user(username, name=username, email="", is_admin=True, now=now)
            if api_key is None and not is_first:
                return None
            secret = api_key or new_api_key()
            _check_key(secret)
            tx.accounts.put_key(
                secret_digest(secret),
                user.id,
                description="first administrator",
                prefix=secret[:PREFIX_LENGTH],
                now=now,
            )
            return None if api_key else secret

        try:
            return self._database.write(job)
        except NameTaken:
            # Another replica that started at the same moment was quicker; now the user is there.
            return self._database.write(job)

    def put_user(
        self, caller: Caller, username: str, *, email: str = "", is_admin: bool = False, api_key: str | None = None
    ) -> User:
        """Create a user, or give an existing one a key. For administrators.

        Raises:
            Forbidden: The caller is no administrator.
            InvalidName: See `core.names.parse_entity_name`.
            NameTaken: A team or organization has the name.
        """
        self._require_admin(caller)
        name = parse_entity_name(username)
        if api_key is not None:
            _check_key(api_key)

        def job(tx: Transaction) -> User:
            now = self._clock()
            user = tx.accounts.find_user(name)
            if user is None:
                user = tx.accounts.create_user(name, name=name, email=email, is_admin=is_admin, now=now)
            if api_key is not None:
                tx.accounts.put_key(
                    secret_digest(api_key),
                    user.id,
                    description="set by an administrator",
                    prefix=api_key[:PREFIX_LENGTH],
                    now=now,
                )
            return user

        user = self._database.write(job)
        self._key_cache.clear()  # the key may have been another user's
        return user

    def delete_user(self, caller: Caller, username: str) -> None:
        """Remove a user with keys, sessions and own projects. For administrators.

        Raises:
            UserNotFound: No such user.
        """
        self._require_admin(caller)

        def job(tx: Transaction) -> None:
            user = tx.accounts.find_user(username)
            if user is None:
                raise UserNotFound(username)
            tx.accounts.delete_user(user.id)

        self._database.write(job)
        self._key_cache.clear()

    def create_organization(self, caller: Caller, name: str, *, owner: str) -> Entity:
        """Create an organization with its first administrator. For administrators.

        Raises:
            NameTaken: The name is in use.
            UserNotFound: `owner` does not exist.
        """
        self._require_admin(caller)
        return self._create_entity(name, EntityKind.ORGANIZATION, owner=owner, organization=None)

    def create_team(
        self, caller: Caller, name: str, *, owner: str | None = None, organization: str | None = None
    ) -> Entity:
        """Create a team. Anybody may; only administrators may name another owner or somebody else's organization.

        Raises:
            NameTaken: The name is in use.
            Forbidden: Somebody else's organization, or another owner.
        """
        if owner is not None and owner != caller.user.username:
            self._require_admin(caller)
        if organization is not None:
            self._database.read(lambda tx: require_entity(tx, caller, organization, Access.WRITE))
        return self._create_entity(
            name, EntityKind.TEAM, owner=owner or caller.user.username, organization=organization
        )

    def _create_entity(self, name: str, kind: EntityKind, *, owner: str, organization: str | None) -> Entity:
        parsed = parse_entity_name(name)

        def job(tx: Transaction) -> Entity:
            parent = tx.accounts.find_entity(organization) if organization is not None else None
            if organization is not None and (parent is None or parent.kind is not EntityKind.ORGANIZATION):
                raise EntityNotFound(organization)
            user = tx.accounts.find_user(owner)
            if user is None:
                raise UserNotFound(owner)
            if tx.accounts.find_entity(parsed) is not None:
                raise NameTaken(kind.value, parsed)
            entity = tx.accounts.create_entity(
                parsed, kind=kind, now=self._clock(), organization=parent.id if parent else None
            )
            tx.accounts.put_member(entity.id, user.id, Role.ADMIN)
            return entity

        return self._database.write(job)

    def put_member(self, caller: Caller, entity: str, username: str, role: Role) -> None:
        """Add a member or change a role; needs the right to administer the entity."""

        def job(tx: Transaction) -> None:
            target = require_entity(tx, caller, entity, Access.ADMINISTER)
            user = tx.accounts.find_user(username)
            if user is None:
                raise UserNotFound(username)
            tx.accounts.put_member(target.id, user.id, role)

        self._database.write(job)

    def invite(self, caller: Caller, entity: str, *, username: str = "", email: str = "", role: Role) -> User:
        """Add a person who has an account; needs the right to administer the entity.

        Nothing is mailed and nothing is asked: whoever is invited is a member at once. A role that is higher stays.

        Raises:
            EntityNotFound: No such entity, or not the caller's.
            Forbidden: The caller does not administer it.
            UserNotFound: Nobody has that name or address.
        """

        def job(tx: Transaction) -> User:
            target = require_entity(tx, caller, entity, Access.ADMINISTER)
            user = tx.accounts.find_user(username) if username else _find_by_email(tx, email)
            if user is None:
                raise UserNotFound(username or email)
            known = tx.accounts.find_role(target.id, user.id)
            if known is None or not known.includes(role):
                tx.accounts.put_member(target.id, user.id, role)
            return user

        return self._database.write(job)

    def remove_member(self, caller: Caller, entity: str, user: UserId) -> None:
        """End a membership; needs the right to administer the entity, or to be the member. Doing it twice is fine.

        Raises:
            EntityNotFound: No such entity, or not the caller's.
            Forbidden: Somebody else's membership, or a person's own entity.
        """

        def job(tx: Transaction) -> None:
            access = Access.READ if user == caller.user.id else Access.ADMINISTER
            target = require_entity(tx, caller, entity, access)
            if target.kind is EntityKind.USER:
                raise Forbidden("remove the owner", where=f"entity {target.name!r}")
            tx.accounts.remove_member(target.id, user)

        self._database.write(job)

    def delete_entity(self, caller: Caller, name: str) -> None:
        """Remove a team or organization with all its projects; needs the right to administer it."""

        def job(tx: Transaction) -> None:
            entity = require_entity(tx, caller, name, Access.ADMINISTER)
            if entity.kind is EntityKind.USER:
                raise Forbidden("delete a personal entity (delete its user)", where=name)
            for team in tx.accounts.list_teams(entity.id):
                tx.accounts.delete_entity(team.id)
            tx.accounts.delete_entity(entity.id)

        self._database.write(job)

    def default_username(self, wanted: str) -> EntityName:
        """A usable user name near `wanted` (the operating system's, say)."""
        try:
            return parse_entity_name(wanted)
        except ValueError:
            return EntityName("admin")

    @staticmethod
    def _require_admin(caller: Caller) -> None:
        if not caller.user.is_admin:
            raise Forbidden("administer users", where="this server")


def _find_by_email(tx: Transaction, email: str) -> User | None:
    if not email:
        return None
    matching = tx.accounts.list_users(search=email, limit=1000)
    return next((user for user in matching if user.email.casefold() == email.casefold()), None)


def _check_key(api_key: str) -> None:
    if len(api_key) < MIN_KEY_LENGTH or any(character.isspace() for character in api_key):
        raise InvalidSetting(
            "API key", f"{api_key[:4]}…", rule=f"at least {MIN_KEY_LENGTH} characters and no white space"
        )
