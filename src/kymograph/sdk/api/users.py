"""People, teams and their members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kymograph.client import public_documents as documents
from kymograph.client.artifact_values import as_object, as_objects
from kymograph.client.fields import nodes_of
from kymograph.client.operations import Operation, ask
from kymograph.client.public_reads import team as read_team
from kymograph.errors import CommError, EntityNotFound, TransportError
from kymograph.sdk.api.attributes import Described
from kymograph.sdk.api.either import Bound, M, either
from kymograph.sdk.api.session import ApiSession
from kymograph.types import JsonObject

if TYPE_CHECKING:
    from kymograph.sdk.api.api import Api


class User(Described[M]):
    """Somebody with an account."""

    name: str
    username: str | None
    email: str | None
    entity: str | None
    admin: bool | None

    def __init__(self, session: ApiSession[M], node: JsonObject, *, api_key: str | None = None) -> None:
        """Describe what a server has told; `api_key` is the user's own, if it is known."""
        super().__init__(session, node)
        self._api_key = api_key

    @property
    def user_api(self) -> Api | None:
        """An `Api` of the user's own; None unless it is whom this one belongs to."""
        from kymograph.sdk.api.api import Api

        if self._api_key is None:
            return None
        return Api(overrides={"base_url": self._session.base_url}, api_key=self._api_key)

    @property
    def api_keys(self) -> list[str]:
        """Names of the keys; none of them is a key."""
        return [str(node.get("name")) for node in nodes_of(self._node.get("apiKeys"))]

    @property
    def teams(self) -> list[str]:
        """Names of the teams, and the user's own name."""
        return [str(node.get("name")) for node in nodes_of(self._node.get("teams"))]

    @either
    def delete_api_key(self, api_key: str) -> Operation[bool]:
        """Delete a key, by its name; says whether that worked.

        Raises:
            ValueError: The user has none of that name.
        """
        at = self.api_keys.index(api_key)
        key_id = list(nodes_of(self._node.get("apiKeys")))[at].get("id")
        return (yield from _succeeds(documents.DELETE_KEY, {"id": key_id}))

    @either
    def generate_api_key(self, description: str | None = None) -> Operation[str | None]:
        """Make a new key and give it, this once; None if the server refuses."""
        try:
            answer = yield from ask(documents.GENERATE_KEY, {"description": description})
        except TransportError:
            raise
        except CommError:
            return None
        key = as_object(as_object(answer.get("generateApiKey")).get("apiKey"))
        keys = as_object(self._node.setdefault("apiKeys", {"edges": []}))
        edges = keys.setdefault("edges", [])
        if isinstance(edges, list):
            edges.append({"node": key})
        return str(key["name"]) if key.get("name") else None

    def __repr__(self) -> str:
        shown = (self._node.get(name) for name in ("email", "username", "id", "name"))
        return f"<User {next(filter(None, shown), '???')}>"


class Member(Described[M]):
    """Somebody in a team, or who was invited to it."""

    name: str
    account_type: str | None

    def __init__(self, session: ApiSession[M], team: str, node: JsonObject) -> None:
        """Describe what a server has told."""
        super().__init__(session, node)
        self.team = team

    @either
    def delete(self) -> Operation[bool]:
        """Take the member out of the team; says whether that worked."""
        return (yield from _succeeds(documents.DELETE_INVITE, {"id": self._node.get("id"), "entity": self.team}))

    def __repr__(self) -> str:
        return f"<Member {self._node.get('name')} ({self._node.get('accountType')})>"


class Team(Described[M]):
    """A team."""

    members: list[Member[M]]

    def __init__(self, session: ApiSession[M], name: str, node: JsonObject) -> None:
        """Describe what a server has told."""
        super().__init__(session, node)
        self.name = name
        self._take(node)

    def _take(self, node: JsonObject) -> None:
        self._node = node
        self.members = [Member(self._session, self.name, member) for member in as_objects(node.get("members"))]

    @either
    def load(self, force: bool = False) -> Operation[dict[str, Any]]:
        """What the server says of the team; `force` asks it anew."""
        if force:
            self._take((yield from _team_node(self.name)))
        return {**self._node, "members": self.members}

    @either
    def invite(self, username_or_email: str, admin: bool = False) -> Operation[bool]:
        """Ask somebody to join; says whether that worked."""
        field = "email" if "@" in username_or_email else "username"
        return (
            yield from _goes_through(
                documents.CREATE_INVITE, {"entity": self.name, "admin": admin, field: username_or_email}
            )
        )

    @either
    def create_service_account(self, description: str) -> Operation[Member[M] | None]:
        """Make an account for programs; None if the server refuses."""
        variables = {"entity": self.name, "description": description}
        if not (yield from _goes_through(documents.CREATE_SERVICE_ACCOUNT, variables)):
            return None
        yield from Team.load.operation(self, force=True)
        return self.members[-1] if self.members else None

    def __repr__(self) -> str:
        return f"<Team {self.name}>"


class People(Bound[M]):
    """What an `Api` offers of people."""

    def _user(self, node: JsonObject) -> User[M]:
        return User(self._session, node)

    @either
    def users(self, username_or_email: str) -> Operation[list[User[M]]]:
        """People whose name or address matches, as far as the caller may see them."""
        found = yield from self._session.reads.users(username_or_email)
        return [self._user(node) for node in found]

    @either
    def user(self, username_or_email: str) -> Operation[User[M] | None]:
        """The first one whose name or address matches."""
        found = yield from self._session.reads.users(username_or_email)
        return self._user(found[0]) if found else None

    @either
    def create_user(self, email: str, admin: bool | None = False) -> Operation[User[M]]:
        """Make an account; for administrators of the server."""
        answer = yield from ask(documents.CREATE_USER, {"email": email, "admin": admin})
        return self._user(as_object(as_object(answer.get("createUser")).get("user")))

    @either
    def team(self, team: str) -> Operation[Team[M]]:
        """A team with its members.

        Raises:
            EntityNotFound: There is none, or it may not be seen.
        """
        return Team(self._session, team, (yield from _team_node(team)))

    @either
    def create_team(self, team: str, admin_username: str | None = None) -> Operation[Team[M]]:
        """Make a team, or give the one that is there."""
        yield from _goes_through(documents.CREATE_TEAM, {"team": team, "admin": admin_username})
        return Team(self._session, team, (yield from _team_node(team)))


def _team_node(name: str) -> Operation[JsonObject]:
    node = yield from read_team(name)
    if node is None:
        raise EntityNotFound(name)
    return node


def _succeeds(document: str, variables: dict[str, Any]) -> Operation[bool]:
    """Whether a change that says so itself has worked."""
    try:
        answer = yield from ask(document, variables)
    except TransportError:
        raise
    except CommError:
        return False
    return any(as_object(part).get("success") is True for part in answer.values())


def _goes_through(document: str, variables: dict[str, Any]) -> Operation[bool]:
    """Whether the server takes a change."""
    try:
        yield from ask(document, variables)
    except TransportError:
        raise
    except CommError:
        return False
    return True
