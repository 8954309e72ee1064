"""What is asked of a server about artifacts, as operations: types, collections, versions, what runs made and used.

Servers differ in age: callers say what theirs announces. Source: protocol.md §3.1, §9.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from kymograph.client import artifact_documents as documents
from kymograph.client.artifact_values import (
    PORTFOLIO,
    SEQUENCE,
    CollectionAddress,
    Page,
    RemoteArtifact,
    RemoteCollection,
    RemoteMembership,
    RemoteType,
    as_object,
    as_objects,
    next_cursor,
    nodes_of,
    parse_artifact,
    parse_collection,
    parse_membership,
    parse_type,
    whole,
)
from kymograph.client.operations import Operation, ask
from kymograph.client.runs import RunAddress
from kymograph.core import exact_json
from kymograph.core.artifact import split_artifact_name
from kymograph.core.digest import DigestAlgorithm
from kymograph.errors import (
    CollectionNotFound,
    EntityNotFound,
    MembershipNotFound,
    ProjectNotFound,
    ProtocolError,
    UnknownOrganization,
    UnsupportedOperation,
)
from kymograph.types import JsonObject

FILTERS_FEATURE = "ARTIFACT_COLLECTIONS_FILTERING_SORTING"
MEMBERSHIP_FEATURE = "PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP"
USE_FEATURE = "USE_ARTIFACT_WITH_ENTITY_AND_PROJECT_INFORMATION"
COMMITTED_ONLY: Mapping[str, Any] = {"state": "COMMITTED"}
"""The filter of versions that holds unless another is given."""

# --- types and collections --------------------------------------------------------------------------------------------


def types(entity: str, project: str, *, cursor: str | None, per_page: int) -> Operation[Page[RemoteType]]:
    """Types of artifacts in a project.

    Raises:
        ProjectNotFound: There is no such project.
    """
    variables = {"entity": entity, "project": project, "cursor": cursor, "perPage": per_page}
    found = (yield from _project(documents.TYPES, variables)).get("artifactTypes")
    return Page([parse_type(node) for node in nodes_of(found)], next_cursor(found))


def find_type(entity: str, project: str, name: str) -> Operation[RemoteType | None]:
    """A type of a project; None if it has none of that name."""
    answer = yield from _project(documents.TYPE, {"entity": entity, "project": project, "type": name})
    node = answer.get("artifactType")
    return parse_type(node) if isinstance(node, dict) else None


def collection(at: CollectionAddress, type_name: str) -> Operation[RemoteCollection]:
    """A collection of a type.

    Raises:
        CollectionNotFound: There is none of that name and type.
    """
    variables = {"entity": at.entity, "project": at.project, "type": type_name, "name": at.name}
    found = yield from _project(documents.ONE_COLLECTION, variables)
    return parse_collection(_collection_node(found, at, type_name))


def collections(
    entity: str,
    project: str,
    type_name: str | None,
    *,
    can_filter: bool,
    order: str | None = None,
    filters: Mapping[str, Any] | None = None,
    cursor: str | None = None,
    per_page: int = 50,
) -> Operation[Page[RemoteCollection]]:
    """Collections of a project.

    Args:
        entity: Who owns the project.
        project: Its name.
        type_name: Of which type; None for all.
        can_filter: Whether the server announces `FILTERS_FEATURE`.
        order: A key with ``+`` or ``-`` before it.
        filters: In the protocol's form.
        cursor: Of the page before.
        per_page: At most so many.

    Raises:
        ProjectNotFound: There is no such project.
        UnsupportedOperation: An order or a filter is asked for that the server does not know.
    """
    if (order or filters) and not can_filter:
        raise UnsupportedOperation("an order or filter of collections", hint="leave it out")
    variables: JsonObject = {"entity": entity, "project": project, "cursor": cursor, "perPage": per_page}
    if can_filter:
        variables |= {"order": order, "filters": exact_json.dumps(dict(filters)) if filters else None}
    if type_name is not None:
        variables["type"] = type_name
        found = yield from _project(documents.collections(with_filters=can_filter), variables)
        found = as_object(found.get("artifactType"))
    else:
        found = yield from _project(documents.project_collections(with_filters=can_filter), variables)
    connection = as_object(found.get("artifactCollections"))
    items = [parse_collection(node) for node in nodes_of(connection)]
    return Page(items, next_cursor(connection), whole(connection.get("totalCount")))


def aliases(collection_id: str) -> Operation[list[str]]:
    """All aliases of a collection."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        answer = yield from ask(documents.COLLECTION_ALIASES, {"id": collection_id, "cursor": cursor})
        connection = as_object(answer.get("artifactCollection")).get("aliases")
        found += [str(node.get("alias")) for node in nodes_of(connection)]
        cursor = next_cursor(connection)
        if cursor is None:
            return found


# --- versions ---------------------------------------------------------------------------------------------------------


def versions(
    at: CollectionAddress,
    type_name: str,
    *,
    order: str | None = None,
    filters: Mapping[str, Any] | None = None,
    cursor: str | None = None,
    per_page: int = 50,
) -> Operation[Page[tuple[str, RemoteArtifact]]]:
    """Versions of a collection, each with its name there (``v3``).

    Args:
        at: The collection.
        type_name: Its type.
        order: A key with ``+`` or ``-`` before it; the newest first unless it is given.
        filters: In the protocol's form; `COMMITTED_ONLY` unless it is given.
        cursor: Of the page before.
        per_page: At most so many.

    Raises:
        CollectionNotFound: There is none of that name and type.
    """
    variables = {
        "entity": at.entity,
        "project": at.project,
        "type": type_name,
        "collection": at.name,
        "cursor": cursor,
        "perPage": per_page,
        "order": order,
        "filters": exact_json.dumps(dict(COMMITTED_ONLY if filters is None else filters)),
    }
    found = yield from _project(documents.VERSIONS, variables)
    connection = as_object(_collection_node(found, at, type_name).get("artifacts"))
    items = [
        (str(edge.get("version") or ""), parse_artifact(edge["node"]))
        for edge in as_objects(connection.get("edges"))
        if isinstance(edge.get("node"), dict)
    ]
    return Page(items, next_cursor(connection), whole(connection.get("totalCount")))


def membership(entity: str, project: str, name: str, *, knows_places: bool) -> Operation[RemoteMembership]:
    """A version by its name in a collection.

    Args:
        entity: Who owns the project.
        project: Its name.
        name: ``name``, ``name:alias`` or ``name:v3``.
        knows_places: Whether the server announces `MEMBERSHIP_FEATURE`.

    Raises:
        MembershipNotFound: There is no such project, or it has no such version.
    """
    variables = {"entity": entity, "project": project, "name": name}
    document = documents.MEMBERSHIP_BY_NAME if knows_places else documents.BY_NAME
    try:
        found = yield from _project(document, variables)
    except (ProjectNotFound, EntityNotFound) as exc:
        raise MembershipNotFound(name, entity=entity, project=project, is_project_missing=True) from exc
    place, artifact = found.get("artifactCollectionMembership"), found.get("artifact")
    if isinstance(place, dict):
        return parse_membership(place)
    if isinstance(artifact, dict):
        return _own_membership(parse_artifact(artifact), CollectionAddress(entity, project, name))
    raise MembershipNotFound(name, entity=entity, project=project)


def of_run(
    at: RunAddress, which: Literal["input", "output"], *, cursor: str | None, per_page: int
) -> Operation[Page[RemoteArtifact]]:
    """Versions that a run used (``input``) or made (``output``)."""
    variables = {
        "entity": at.entity,
        "project": at.project,
        "run": at.run_id,
        "cursor": cursor,
        "perPage": per_page,
    }
    run = as_object((yield from _project(documents.run_artifacts(which), variables)).get("run"))
    found = run.get("artifacts")
    items = [parse_artifact(node) for node in nodes_of(found)]
    return Page(items, next_cursor(found), whole(as_object(found).get("totalCount")))


def use(artifact_id: str, at: RunAddress, *, found_in: tuple[str, str] | None) -> Operation[None]:
    """Note that a run uses a version; doing it twice changes nothing.

    Args:
        artifact_id: Of the version.
        at: The run.
        found_in: Entity and project in which it was found; None where the server does not announce `USE_FEATURE`.
    """
    given: JsonObject = {
        "artifactID": artifact_id,
        "entityName": at.entity,
        "projectName": at.project,
        "runName": at.run_id,
    }
    if found_in is not None:
        given |= {"artifactEntityName": found_in[0], "artifactProjectName": found_in[1]}
    yield from ask(documents.USE, {"input": given})


def algorithm_of(artifact_id: str) -> Operation[DigestAlgorithm]:
    """How the contents of a version are hashed, of a server that announces `ALGORITHM_FEATURE`."""
    node = as_object((yield from ask(documents.ALGORITHM_BY_ID, {"id": artifact_id})).get("artifact"))
    known = node.get("digestAlgorithm")
    return DigestAlgorithm(str(known)) if known in list(DigestAlgorithm) else DigestAlgorithm.MD5


def log(
    at: RunAddress,
    collection: str,
    type_name: str,
    digest: str,
    *,
    algorithm: DigestAlgorithm,
    aliases: Iterable[str],
    tags: Iterable[str],
) -> Operation[str]:
    """Note that a run has made a version that is there; gives its id.

    Args:
        at: The run; the version is of its project.
        collection: That the version was made in.
        type_name: Its type.
        digest: By which the server knows it.
        algorithm: Of the digest.
        aliases: To give to it.
        tags: To give to it.

    Raises:
        ProtocolError: The server does not say which version that is.
    """
    given: JsonObject = {
        "entityName": at.entity,
        "projectName": at.project,
        "runName": at.run_id,
        "artifactTypeName": type_name,
        "artifactCollectionName": collection,
        "digest": digest,
        "digestAlgorithm": str(algorithm),
        "aliases": [{"artifactCollectionName": collection, "alias": alias} for alias in aliases],
        "enableDigestDeduplication": True,
    }
    named = [{"tagName": tag} for tag in tags]
    if named:  # older servers do not know the field
        given["tags"] = named  # type: ignore[assignment] # a list of objects
    answer = yield from ask(documents.CREATE, {"input": given})
    found = as_object(as_object(answer.get("createArtifact")).get("artifact"))
    if not found.get("id"):
        raise ProtocolError("the server begins no artifact and does not say why")
    return str(found["id"])


# --- organizations ----------------------------------------------------------------------------------------------------


def _organizations(entity: str) -> Operation[dict[str, str]]:
    """Organizations that a team or a person is part of: their names by those of their entities."""
    found = as_object((yield from ask(documents.ORGANIZATION, {"entity": entity})).get("entity"))
    team = found.get("organization")
    person = as_object(found.get("user")).get("organizations")
    options: Iterable[JsonObject] = [team] if isinstance(team, dict) else as_objects(person)
    names = {
        str(as_object(option.get("orgEntity")).get("name") or ""): str(option.get("name") or "") for option in options
    }
    names.pop("", None)
    return names


def organization_of(entity: str, organization: str | None) -> Operation[tuple[str, str]]:
    """The organization that somebody means: the name of its entity, which owns the registries, and its own.

    Args:
        entity: Whose organization is meant unless one is named: a team, or a person.
        organization: Its name, or that of its entity.

    Raises:
        UnknownOrganization: There is none, several could be meant, or the one that is named is another.
    """
    names = yield from _organizations(entity)
    if organization is None and len(names) == 1:
        return next(iter(names.items()))
    for owner, name in names.items():
        if organization is not None and organization in (owner, name):
            return owner, name
    raise UnknownOrganization(entity, organization, options=sorted(names.values()))


def _project(document: str, variables: Mapping[str, Any]) -> Operation[JsonObject]:
    found = (yield from ask(document, variables)).get("project")
    if not isinstance(found, dict):
        raise ProjectNotFound(f"{variables.get('entity')}/{variables.get('project')}")
    return found


def _collection_node(project: JsonObject, at: CollectionAddress, type_name: str) -> JsonObject:
    """A collection in what was told of a type of a project."""
    node = as_object(project.get("artifactType")).get("artifactCollection")
    if not isinstance(node, dict):
        raise CollectionNotFound(at.name, within=f"{at.entity}/{at.project} ({type_name})")
    return node


def _own_membership(artifact: RemoteArtifact, asked: CollectionAddress) -> RemoteMembership:
    """A place in a collection made from what older servers tell: the version alone."""
    collection = CollectionAddress(asked.entity, asked.project, split_artifact_name(asked.name)[0])
    kind = SEQUENCE if collection == artifact.source else PORTFOLIO
    return RemoteMembership(
        "", collection, kind, artifact.version_index, tuple(artifact.aliases_in(collection)), artifact
    )
