"""Collections of artifact versions, and types of collections: read, changed, deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kymograph.client import artifact_documents as documents
from kymograph.client.artifact_values import (
    Page,
    RemoteArtifact,
    RemoteCollection,
    RemoteType,
    as_object,
    next_cursor,
    nodes_of,
    parse_artifact,
    parse_collection,
    parse_type,
    whole,
)
from kymograph.client.artifacts import ArtifactClient, Graphql
from kymograph.errors import CollectionNotFound, ProjectNotFound, UnsupportedOperation
from kymograph.types import JsonObject

ORDER_FEATURE = "ARTIFACT_COLLECTIONS_FILTERING_SORTING"


class CollectionClient:
    """Collections of one server. Safe to share between threads."""

    def __init__(self, server: Graphql, artifacts: ArtifactClient) -> None:
        """Prepare; nothing is sent yet.

        Args:
            server: Sends documents.
            artifacts: Of the same server: knows what it announces.
        """
        self._server, self._artifacts = server, artifacts

    def projects(self, entity: str, *, cursor: str | None = None, per_page: int = 50) -> Page[str]:
        """Names of the projects of an entity that may be seen."""
        variables = {"entity": entity, "cursor": cursor, "perPage": per_page}
        found = self._server.graphql(documents.PROJECTS, variables).get("models")
        return Page([str(as_object(node).get("name")) for node in nodes_of(found)], next_cursor(found))

    def types(self, entity: str, project: str, *, cursor: str | None = None, per_page: int = 50) -> Page[RemoteType]:
        """Types of artifacts in a project."""
        variables = {"entity": entity, "project": project, "cursor": cursor, "perPage": per_page}
        found = self._project(documents.TYPES, variables).get("artifactTypes")
        return Page([parse_type(node) for node in nodes_of(found)], next_cursor(found))

    def find_type(self, entity: str, project: str, name: str) -> RemoteType | None:
        """A type of a project."""
        node = self._project(documents.TYPE, {"entity": entity, "project": project, "type": name}).get("artifactType")
        return parse_type(node) if isinstance(node, dict) else None

    def find(self, entity: str, project: str, type_name: str, name: str) -> RemoteCollection | None:
        """A collection of a type."""
        variables = {"entity": entity, "project": project, "type": type_name, "name": name}
        type_node = as_object(self._project(documents.ONE_COLLECTION, variables).get("artifactType"))
        node = type_node.get("artifactCollection")
        return parse_collection(node) if isinstance(node, dict) else None

    def get(self, entity: str, project: str, type_name: str, name: str) -> RemoteCollection:
        """A collection of a type.

        Raises:
            CollectionNotFound: There is none of that name and type.
        """
        found = self.find(entity, project, type_name, name)
        if found is None:
            raise CollectionNotFound(name, within=f"{entity}/{project} ({type_name})")
        return found

    def list_of_type(
        self,
        entity: str,
        project: str,
        type_name: str,
        *,
        order: str | None = None,
        filters_json: str | None = None,
        cursor: str | None = None,
        per_page: int = 50,
    ) -> Page[RemoteCollection]:
        """Collections of a type.

        Raises:
            UnsupportedOperation: An order or a filter is asked for that the server does not know.
        """
        knows = self._artifacts.supports(ORDER_FEATURE)
        if (order or filters_json) and not knows:
            raise UnsupportedOperation("an order or filter of collections", hint="leave it out")
        variables: JsonObject = {
            "entity": entity,
            "project": project,
            "type": type_name,
            "cursor": cursor,
            "perPage": per_page,
        }
        if knows:
            variables |= {"order": order, "filters": filters_json}
        project_node = self._project(documents.collections(with_filters=knows), variables)
        found = as_object(project_node.get("artifactType")).get("artifactCollections")
        items = [parse_collection(node) for node in nodes_of(found)]
        return Page(items, next_cursor(found), whole(as_object(found).get("totalCount")))

    def aliases(self, collection_id: str) -> list[str]:
        """All aliases of a collection."""
        aliases: list[str] = []
        cursor: str | None = None
        while True:
            answer = self._server.graphql(documents.COLLECTION_ALIASES, {"id": collection_id, "cursor": cursor})
            found = as_object(answer.get("artifactCollection")).get("aliases")
            aliases += [str(node.get("alias")) for node in nodes_of(found)]
            cursor = next_cursor(found)
            if cursor is None:
                return aliases

    def versions(
        self,
        collection: RemoteCollection,
        *,
        order: str | None = None,
        filters_json: str | None = None,
        cursor: str | None = None,
        per_page: int = 50,
    ) -> Page[tuple[str, RemoteArtifact]]:
        """Versions of a collection, each with its name there (``v3``)."""
        at = collection.address
        variables = {
            "entity": at.entity,
            "project": at.project,
            "type": collection.type_name,
            "collection": at.name,
            "cursor": cursor,
            "perPage": per_page,
            "order": order,
            "filters": filters_json,
        }
        type_node = as_object(self._project(documents.VERSIONS, variables).get("artifactType"))
        found = as_object(type_node.get("artifactCollection")).get("artifacts")
        edges = as_object(found).get("edges")
        items = [
            (str(edge.get("version") or ""), parse_artifact(edge["node"]))
            for edge in (edges if isinstance(edges, list) else [])
            if isinstance(edge, dict) and isinstance(edge.get("node"), dict)
        ]
        return Page(items, next_cursor(found), whole(as_object(found).get("totalCount")))

    # --- changes -----------------------------------------------------------------------------------------------------

    def update(self, collection: RemoteCollection, *, name: str, description: str | None) -> RemoteCollection:
        """Rename a collection, describe it; returns it as it is then."""
        given = {"name": name, "description": description}
        if collection.is_sequence:
            document, given["artifactSequenceID"] = documents.UPDATE_SEQUENCE, collection.id
        else:
            document, given["artifactPortfolioID"] = documents.UPDATE_PORTFOLIO, collection.id
        return self._changed(document, given)

    def change_type(self, collection: RemoteCollection, type_name: str) -> RemoteCollection:
        """Give a collection another type; returns it as it is then."""
        given = {"artifactSequenceID": collection.id, "destinationArtifactTypeName": type_name}
        return self._changed(documents.MOVE_SEQUENCE, given)

    def change_tags(self, collection: RemoteCollection, *, added: Iterable[str], deleted: Iterable[str]) -> None:
        """Change the tags of a collection."""
        at = collection.address
        place = {"entityName": at.entity, "projectName": at.project, "artifactCollectionName": at.name}
        for document, tags in (
            (documents.ADD_COLLECTION_TAGS, sorted(added)),
            (documents.DELETE_COLLECTION_TAGS, sorted(deleted)),
        ):
            if tags:
                self._server.graphql(document, {"input": {**place, "tags": [{"tagName": tag} for tag in tags]}})

    def delete(self, collection: RemoteCollection) -> None:
        """Delete a collection with all its versions; of a portfolio, its links."""
        document = documents.DELETE_SEQUENCE if collection.is_sequence else documents.DELETE_PORTFOLIO
        self._server.graphql(document, {"id": collection.id})

    def _changed(self, document: str, given: Mapping[str, Any]) -> RemoteCollection:
        result = as_object(self._server.graphql(document, {"input": dict(given)}).get("result"))
        return parse_collection(result.get("artifactCollection"))

    def _project(self, document: str, variables: Mapping[str, Any]) -> JsonObject:
        found = self._server.graphql(document, variables).get("project")
        if not isinstance(found, dict):
            raise ProjectNotFound(f"{variables.get('entity')}/{variables.get('project')}")
        return found
