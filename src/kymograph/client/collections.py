"""Collections of artifact versions, and types of collections: read, changed, deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kymograph.client import artifact_documents as documents
from kymograph.client import artifact_lookups, public_reads
from kymograph.client.artifact_values import (
    CollectionAddress,
    Page,
    RemoteArtifact,
    RemoteCollection,
    RemoteType,
    as_object,
    parse_collection,
)
from kymograph.client.artifacts import ArtifactClient
from kymograph.client.carriers import Carrier
from kymograph.client.runs import RunClient


class CollectionClient:
    """Collections of one server. Safe to share between threads."""

    def __init__(self, server: RunClient, artifacts: ArtifactClient) -> None:
        """Prepare; nothing is sent yet.

        Args:
            server: Sends documents.
            artifacts: Of the same server: knows what it announces.
        """
        self._server, self._artifacts = server, artifacts
        self._carrier = Carrier(server)

    def projects(self, entity: str, *, cursor: str | None = None, per_page: int = 50) -> Page[str]:
        """Names of the projects of an entity that may be seen."""
        page = self._carrier.carry_out(public_reads.projects(entity, cursor=cursor, per_page=per_page))
        return Page([str(node["name"]) for node in page.items], page.cursor, page.total)

    def types(self, entity: str, project: str, *, cursor: str | None = None, per_page: int = 50) -> Page[RemoteType]:
        """As `artifact_lookups.types`."""
        return self._carrier.carry_out(artifact_lookups.types(entity, project, cursor=cursor, per_page=per_page))

    def find_type(self, entity: str, project: str, name: str) -> RemoteType | None:
        """As `artifact_lookups.find_type`."""
        return self._carrier.carry_out(artifact_lookups.find_type(entity, project, name))

    def get(self, entity: str, project: str, type_name: str, name: str) -> RemoteCollection:
        """As `artifact_lookups.collection`."""
        at = CollectionAddress(entity, project, name)
        return self._carrier.carry_out(artifact_lookups.collection(at, type_name))

    def list_of_type(
        self, entity: str, project: str, type_name: str, *, cursor: str | None = None, per_page: int = 50
    ) -> Page[RemoteCollection]:
        """Collections of a type; see `artifact_lookups.collections`."""
        can_filter = self._artifacts.supports(artifact_lookups.FILTERS_FEATURE)
        return self._carrier.carry_out(
            artifact_lookups.collections(
                entity, project, type_name, can_filter=can_filter, cursor=cursor, per_page=per_page
            )
        )

    def aliases(self, collection_id: str) -> list[str]:
        """As `artifact_lookups.aliases`."""
        return self._carrier.carry_out(artifact_lookups.aliases(collection_id))

    def versions(
        self,
        collection: RemoteCollection,
        *,
        order: str | None = None,
        cursor: str | None = None,
        per_page: int = 50,
    ) -> Page[tuple[str, RemoteArtifact]]:
        """Versions of a collection; see `artifact_lookups.versions`."""
        return self._carrier.carry_out(
            artifact_lookups.versions(
                collection.address, collection.type_name, order=order, cursor=cursor, per_page=per_page
            )
        )

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
