"""GraphQL over a transport: documents of the protocol, and the user they are sent for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from kymograph.client.answers import error_of_problems
from kymograph.client.transport import Transport
from kymograph.errors import ProtocolError, Unauthenticated
from kymograph.types import JsonObject

if TYPE_CHECKING:
    import httpx

    from kymograph.client.connection import Connection

GRAPHQL_PATH = "/graphql"
VIEWER = """
query Viewer {
  viewer { id entity username email admin flags teams { edges { node { name } } } }
}
"""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whom a credential belongs to."""

    username: str
    entity: str
    """Where runs go for which no entity is named."""
    email: str = ""
    teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """A document with everything that goes along: one request of GraphQL, before it is sent."""

    document: str
    """One operation, and the fragments of it."""
    variables: Mapping[str, Any] | None = None
    """Left out of the request if there are none."""
    operation: str = ""
    """Its name; left out if it has none."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further ones of the request."""

    def arguments(self, connection: Connection) -> dict[str, Any]:
        """What the HTTP library is to post."""
        body: dict[str, Any] = {"query": self.document}
        if self.operation:
            body["operationName"] = self.operation
        if self.variables:
            body["variables"] = dict(self.variables)
        return {
            "timeout_s": connection.graphql.timeout_s,
            "content": orjson.dumps(body),
            "headers": {
                "Content-Type": "application/json",
                "Accept": "application/json",
                **connection.author,
                **self.headers,
            },
        }


def data_of(response: httpx.Response, base_url: str) -> JsonObject:
    """The data of an answer.

    Raises:
        KymographError: What the server says is wrong, as the error that it raised.
        ProtocolError: What answers speaks no GraphQL.
    """
    try:
        answer = response.json()
    except ValueError as exc:
        raise ProtocolError(
            f"{base_url} answers with something that is no JSON: is it the address of a server?"
        ) from exc
    if isinstance(answer, dict) and answer.get("errors"):
        raise error_of_problems(answer["errors"])
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        raise ProtocolError(f"{base_url} answers without data: is it the address of a server?")
    return data


def viewer_of(data: JsonObject, base_url: str) -> Viewer:
    """Whom an answer to `VIEWER` names.

    Raises:
        Unauthenticated: Nobody.
    """
    found: Any = data.get("viewer")
    if not isinstance(found, dict):
        raise Unauthenticated(
            f"{base_url} did not recognize an account for this key; fetch a new one at {base_url}/authorize"
        )
    edges = (found.get("teams") or {}).get("edges") or ()
    names = tuple(str(edge["node"]["name"]) for edge in edges if edge and edge.get("node"))
    username, entity = str(found.get("username") or ""), str(found.get("entity") or "")
    return Viewer(username, entity or username, str(found.get("email") or ""), names)


class GraphqlTransport(Transport):
    """A transport that speaks GraphQL."""

    def graphql(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        operation: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> JsonObject:
        """The data that a document asks for.

        Args:
            document: One operation, and the fragments of it.
            variables: Its variables; left out of the request if there are none.
            operation: Its name; left out if it has none.
            headers: Further ones of the request.

        Raises:
            KymographError: What the server says is wrong, as the error that it raised.
            TransportError: No answer, or one to try again after.
            ProtocolError: What answers speaks no GraphQL.
        """
        return self.ask(Question(document, variables, operation, headers or {}))

    def ask(self, question: Question) -> JsonObject:
        """The data that a question asks for; raises as `graphql` does."""
        response = self.request("POST", GRAPHQL_PATH, **question.arguments(self.connection))
        return data_of(response, self.base_url)

    def viewer(self) -> Viewer:
        """Whom this transport's credential belongs to.

        Raises:
            Unauthenticated: Nobody.
        """
        return viewer_of(self.graphql(VIEWER, operation="Viewer"), self.base_url)
