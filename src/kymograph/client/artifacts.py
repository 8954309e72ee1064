"""Artifacts at a server of the protocol: looked up, used, linked, edited, deleted, and their lineage.

Servers differ in age: what only newer ones know is asked for where they announce it. Source: protocol.md §3.1, §9.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from kymograph.client import artifact_documents as documents
from kymograph.client import artifact_lookups
from kymograph.client.artifact_values import (
    PORTFOLIO,
    ArtifactRun,
    CollectionAddress,
    RemoteArtifact,
    RemoteMembership,
    as_object,
    nodes_of,
    parse_artifact,
    parse_membership,
    parse_run,
    text_or_none,
    whole,
)
from kymograph.client.carriers import Carrier
from kymograph.client.runs import RunAddress, RunClient
from kymograph.errors import (
    ArtifactNotFound,
    Forbidden,
    ProjectNotFound,
    ProtocolError,
)
from kymograph.types import JsonObject

MAX_LINKED = 500
"""Links of one version that are told. Source: seeds.md C.10."""
REGISTRY_PREFIX = "wandb-registry-"
"""What names of projects that are registries begin with. Source: protocol.md §10."""
MODEL_REGISTRY = "model-registry"
"""The project of registered models before there were registries."""


class Graphql(Protocol):
    """Anything that sends documents to one server as one user."""

    def graphql(self, document: str, variables: Mapping[str, Any] | None = None) -> JsonObject:
        """The data that a document asks for; what goes wrong is raised as an error of our tree."""
        ...

    def features(self) -> frozenset[str]:
        """Names of what the server announces."""
        ...


class ArtifactClient:
    """Artifacts of one server. Safe to share between threads."""

    def __init__(self, server: RunClient) -> None:
        """Prepare; nothing is sent yet."""
        self._server, self._carrier = server, Carrier(server)
        self._features: frozenset[str] | None = None

    def supports(self, feature: str) -> bool:
        """Whether the server announces something."""
        if self._features is None:
            self._features = self._server.features()
        return feature in self._features

    # --- look-ups ----------------------------------------------------------------------------------------------------

    def find(self, artifact_id: str) -> RemoteArtifact | None:
        """A version by its id."""
        node = self._server.graphql(documents.BY_ID, {"id": artifact_id}).get("artifact")
        return parse_artifact(node) if isinstance(node, dict) else None

    def get(self, artifact_id: str) -> RemoteArtifact:
        """A version by its id.

        Raises:
            ArtifactNotFound: There is none.
        """
        found = self.find(artifact_id)
        if found is None:
            raise ArtifactNotFound(artifact_id)
        return found

    def state_of(self, artifact_id: str) -> str | None:
        """The state of a version; None if there is no such version."""
        node = self._server.graphql(documents.STATE_BY_ID, {"id": artifact_id}).get("artifact")
        return text_or_none(as_object(node).get("state"))

    def membership(self, entity: str, project: str, name: str) -> RemoteMembership:
        """As `artifact_lookups.membership`."""
        knows_places = self.supports(artifact_lookups.MEMBERSHIP_FEATURE)
        return self._carrier.carry_out(artifact_lookups.membership(entity, project, name, knows_places=knows_places))

    def type_of(self, entity: str | None, project: str | None, name: str) -> str | None:
        """The type of the versions of a name; None if there are none."""
        variables = {
            "entity": entity or None,
            "project": project or None,
            "name": name if ":" in name else f"{name}:latest",
        }
        project_node = as_object(self._server.graphql(documents.TYPE_BY_NAME, variables).get("project"))
        found = as_object(as_object(project_node.get("artifact")).get("artifactType"))
        return text_or_none(found.get("name"))

    def id_of_client_id(self, client_id: str) -> str | None:
        """The server's id for one that a client made up; None if the server has not heard of it."""
        found = self._server.graphql(documents.CLIENT_ID, {"clientID": client_id}).get("clientIDMapping")
        return text_or_none(as_object(found).get("serverID"))

    def manifest_url(self, artifact_id: str) -> str:
        """Where the manifest of a version is, for some time.

        Raises:
            ArtifactNotFound: There is no such version, or it has no manifest.
        """
        node = as_object(self._server.graphql(documents.MANIFEST, {"id": artifact_id}).get("artifact"))
        url = as_object(as_object(node.get("currentManifest")).get("file")).get("directUrl")
        if not url:
            raise ArtifactNotFound(f"the manifest of {artifact_id}")
        return str(url)

    def linked(self, artifact_id: str) -> list[RemoteMembership]:
        """The places that a version was linked to, `MAX_LINKED` at most."""
        node = as_object(self._server.graphql(documents.LINKED, {"artifactID": artifact_id}).get("artifact"))
        found = [parse_membership(place) for place in nodes_of(node.get("artifactMemberships"))]
        return [place for place in found if place.kind == PORTFOLIO][:MAX_LINKED]

    # --- lineage -----------------------------------------------------------------------------------------------------

    def used_by(self, artifact_id: str) -> list[ArtifactRun]:
        """The runs that use a version."""
        node = as_object(self._server.graphql(documents.USED_BY, {"id": artifact_id}).get("artifact"))
        runs = (parse_run(run) for run in nodes_of(node.get("usedBy")))
        return [run for run in runs if run is not None]

    def created_by(self, artifact_id: str) -> ArtifactRun | None:
        """The run that made a version; None if a user did, or it may not be seen."""
        node = as_object(self._server.graphql(documents.CREATED_BY, {"id": artifact_id}).get("artifact"))
        creator = as_object(node.get("createdBy"))
        return parse_run(creator) if creator.get("__typename") == "Run" else None

    def use(self, artifact_id: str, at: RunAddress, *, found_in: tuple[str, str] | None = None) -> None:
        """As `artifact_lookups.use`; `found_in` counts where the server knows it."""
        known = found_in if found_in is not None and self.supports(artifact_lookups.USE_FEATURE) else None
        self._carrier.carry_out(artifact_lookups.use(artifact_id, at, found_in=known))

    # --- changes -----------------------------------------------------------------------------------------------------

    def add_aliases(self, artifact_id: str, at: CollectionAddress, aliases: Iterable[str]) -> None:
        """Give a version aliases in a collection; whoever had them there has them no more."""
        self._change_aliases(documents.ADD_ALIASES, artifact_id, at, aliases)

    def delete_aliases(self, artifact_id: str, at: CollectionAddress, aliases: Iterable[str]) -> None:
        """Take aliases from a version in a collection."""
        self._change_aliases(documents.DELETE_ALIASES, artifact_id, at, aliases)

    def _change_aliases(self, document: str, artifact_id: str, at: CollectionAddress, aliases: Iterable[str]) -> None:
        place = {"entityName": at.entity, "projectName": at.project, "artifactCollectionName": at.name}
        given = [{**place, "alias": alias} for alias in sorted(aliases)]
        if given:
            self._server.graphql(document, {"input": {"artifactID": artifact_id, "aliases": given}})

    def update(
        self,
        artifact_id: str,
        *,
        description: str | None,
        metadata_json: str,
        ttl_s: int | None,
        tags_to_add: Iterable[str] = (),
        tags_to_delete: Iterable[str] = (),
    ) -> RemoteArtifact:
        """Change what a version says of itself; returns it as it is then.

        Args:
            artifact_id: Of the version.
            description: None leaves it.
            metadata_json: All of the metadata.
            ttl_s: Seconds, -1 for the team's, -2 for never; None leaves it.
            tags_to_add: That it shall have.
            tags_to_delete: That it shall not have.
        """
        given = {
            "artifactID": artifact_id,
            "description": description,
            "metadata": metadata_json,
            "ttlDurationSeconds": ttl_s,
            "tagsToAdd": [{"tagName": tag} for tag in sorted(tags_to_add)],
            "tagsToDelete": [{"tagName": tag} for tag in sorted(tags_to_delete)],
        }
        result = as_object(self._server.graphql(documents.UPDATE, {"input": given}).get("result"))
        return parse_artifact(result.get("artifact"))

    def delete(self, artifact_id: str, *, with_aliases: bool) -> None:
        """Delete a version; one that has aliases only if they go, too."""
        self._server.graphql(documents.DELETE, {"input": {"artifactID": artifact_id, "deleteAliases": with_aliases}})

    def is_read_only(self, entity: str, project: str) -> bool:
        """Whether a project may not be changed, or not even be seen."""
        try:
            found = self._server.graphql(documents.READ_ONLY, {"entity": entity, "project": project}).get("project")
        except (Forbidden, ProjectNotFound):
            return True
        return not isinstance(found, dict) or bool(found.get("readOnly"))

    # --- links -------------------------------------------------------------------------------------------------------

    def link(
        self,
        target: CollectionAddress,
        aliases: Iterable[str],
        *,
        artifact_id: str | None = None,
        client_id: str | None = None,
    ) -> RemoteMembership:
        """Put a version into another collection, which is made if it has to be.

        Args:
            target: The collection.
            aliases: Of the version there.
            artifact_id: Of the version.
            client_id: Instead: the id that a client made up for it.

        Returns:
            Its place there, without the version if the server does not tell.
        """
        given: JsonObject = {
            "artifactPortfolioName": target.name,
            "entityName": target.entity,
            "projectName": target.project,
            "aliases": [{"artifactCollectionName": target.name, "alias": alias} for alias in aliases],
            **({"artifactID": artifact_id} if artifact_id else {"clientID": client_id}),
        }
        tells = self.supports("ARTIFACT_MEMBERSHIP_IN_LINK_ARTIFACT_RESPONSE")
        document = documents.LINK_WITH_MEMBERSHIP if tells else documents.LINK
        result = as_object(self._server.graphql(document, {"input": given}).get("result"))
        place = result.get("artifactMembership")
        if isinstance(place, dict):
            return parse_membership(place)
        index = whole(result.get("versionIndex"))
        if index is None:
            raise ProtocolError(f"the server does not say which version of {target.path} the link became")
        return RemoteMembership("", target, PORTFOLIO, index, (), None)

    def unlink(self, artifact_id: str, portfolio_id: str) -> None:
        """Take a version out of a collection that it was linked to."""
        self._server.graphql(
            documents.UNLINK, {"input": {"artifactID": artifact_id, "artifactPortfolioID": portfolio_id}}
        )

    def organization_entity(self, entity: str, organization: str | None) -> str:
        """The entity that owns the registries which somebody means; see `artifact_lookups.organization_of`."""
        return self._carrier.carry_out(artifact_lookups.organization_of(entity, organization))[0]
