"""Artifact versions: logging, reading, editing, lineage."""

from __future__ import annotations

from typing import Any

from ariadne import MutationType, ObjectType, QueryType, UnionType
from graphql import FieldNode

from kymograph.core.accounts import User
from kymograph.core.artifact import TTL_INHERITED, ArtifactVersion, ManifestKind
from kymograph.core.digest import DigestAlgorithm
from kymograph.core.run import Run
from kymograph.errors import Forbidden, MalformedRequest
from kymograph.server.graphql.connections import connection, page_bounds, whole
from kymograph.server.graphql.context import Info, Payload
from kymograph.server.graphql.resolvers.artifact_files import (
    entry_connection,
    entry_nodes,
    manifest_node,
    manifest_upload_node,
    upload_node,
)
from kymograph.server.graphql.resolvers.collections import type_of
from kymograph.server.graphql.resolvers.places import alias_node, tag_node
from kymograph.services.artifact_lineage import RunAddressOfUse
from kymograph.services.artifact_uploads import ArtifactRequest, FileRequest
from kymograph.services.artifacts import ArtifactChange
from kymograph.types import ArtifactId, ManifestId
from kymograph.wire.ids import encode_id, find_id, parse_id

query = QueryType()
mutation = MutationType()
artifact = ObjectType("Artifact")
run = ObjectType("Run")
creator = UnionType("ArtifactCreator")


def _artifact_id(text: str) -> ArtifactId:
    return ArtifactId(parse_id("Artifact", text))


def _optional_artifact_id(text: str | None) -> ArtifactId | None:
    return _artifact_id(text) if text else None


# --- logging ----------------------------------------------------------------------------------------------------------


@mutation.field("createArtifact")
def resolve_create(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Begin a version. Source: protocol.md §7.2."""
    context = info.context
    version = context.services.artifact_uploads.create(context.caller, _request_of(input))
    return {"artifact": version}


def _request_of(input: dict[str, Any]) -> ArtifactRequest:
    # Python clients up to 0.29 send a list with one name.
    names = [input.get("artifactCollectionName"), *(input.get("artifactCollectionNames") or [])]
    name = next((given for given in names if given), None)
    if name is None:
        raise MalformedRequest("an artifact needs the name of its collection", where="input.artifactCollectionName")
    return ArtifactRequest(
        entity=input["entityName"] or None,
        project=input["projectName"],
        run=input.get("runName") or None,
        type_name=input["artifactTypeName"],
        collection=name,
        digest=input["digest"],
        digest_algorithm=DigestAlgorithm(input["digestAlgorithm"]),
        aliases=tuple(aliases_of(input.get("aliases") or [])),
        tags=_tag_names(input.get("tags")),
        description=input.get("description"),
        metadata_json=input.get("metadata") or None,
        client_id=input.get("clientID") or None,
        sequence_client_id=input.get("sequenceClientID") or None,
        distributed_id=input.get("distributedID") or None,
        ttl_duration_s=input.get("ttlDurationSeconds"),
        history_step=input.get("historyStep"),
        reuses_equal=bool(input.get("enableDigestDeduplication")),
        storage_region=input.get("storageRegion"),
    )


def aliases_of(inputs: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Alias inputs as pairs of collection and alias."""
    return [(given.get("artifactCollectionName") or "", given["alias"]) for given in inputs]


def _tag_names(tags: list[dict[str, Any]] | None) -> tuple[str, ...]:
    return tuple(tag["tagName"] for tag in tags or [])


@mutation.field("createArtifactManifest")
def resolve_create_manifest(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Begin a manifest, or announce its document. Source: protocol.md §7.1, steps 3 and 6."""
    context = info.context
    upload = context.services.artifact_uploads.put_manifest(
        context.caller,
        _artifact_id(input["artifactID"]),
        name=input["name"],
        kind=ManifestKind(input.get("type") or ManifestKind.FULL),
        digest=input["digest"] or None,
        base=_optional_artifact_id(input.get("baseArtifactID")),
    )
    return {"artifactManifest": manifest_upload_node(upload)}


@mutation.field("updateArtifactManifest")
def resolve_update_manifest(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Announce the document of a manifest that was begun."""
    context = info.context
    upload = context.services.artifact_uploads.announce_manifest(
        context.caller,
        ManifestId(parse_id("ArtifactManifest", input["artifactManifestID"])),
        digest=input.get("digest") or None,
        base=_optional_artifact_id(input.get("baseArtifactID")),
    )
    return {"artifactManifest": manifest_upload_node(upload)}


@mutation.field("createArtifactFiles")
def resolve_create_files(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Where to PUT files: as many answers as asked for, in the same order."""
    context = info.context
    algorithm = DigestAlgorithm(input.get("digestAlgorithm") or DigestAlgorithm.MD5)
    # Clients that know one algorithm only send `md5`; those that know more send `digest`, too.
    first, second = ("md5", "digest") if algorithm is DigestAlgorithm.MD5 else ("digest", "md5")
    requests = [
        FileRequest(
            artifact=_artifact_id(given["artifactID"]),
            name=given["name"],
            digest=given.get(first) or given.get(second),
            mimetype=given.get("mimetype"),
            algorithm=algorithm,
        )
        for given in input["artifactFiles"]
    ]
    uploads = context.services.artifact_uploads.put_files(context.caller, requests)
    births = {
        birth: context.services.artifacts.find(context.caller, birth)
        for birth in {upload.file.artifact_id for upload in uploads}
    }
    nodes = [
        upload_node(upload, request.name, births[upload.file.artifact_id])
        for request, upload in zip(requests, uploads, strict=True)
    ]
    return {"files": whole(nodes, uploadHeaders=[])}


@mutation.field("commitArtifact")
def resolve_commit(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Make a version visible."""
    context = info.context
    return {"artifact": context.services.artifact_commits.commit(context.caller, _artifact_id(input["artifactID"]))}


@mutation.field("useArtifact")
def resolve_use(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Record that a run uses a version."""
    context = info.context
    user = RunAddressOfUse(input["entityName"] or None, input["projectName"], input["runName"])
    version = context.services.artifact_lineage.use(
        context.caller, _artifact_id(input["artifactID"]), user, used_as=input.get("usedAs")
    )
    return {"artifact": version}


# --- editing ----------------------------------------------------------------------------------------------------------


@mutation.field("updateArtifact")
def resolve_update(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Change what is said of a version; null means "leave as it is"."""
    context = info.context
    aliases = input.get("aliases")
    change = ArtifactChange(
        description=input.get("description"),
        metadata_json=input.get("metadata"),
        ttl_duration_s=input.get("ttlDurationSeconds"),
        aliases=tuple(aliases_of(aliases)) if aliases is not None else None,
        tags_to_add=_tag_names(input.get("tagsToAdd")),
        tags_to_delete=_tag_names(input.get("tagsToDelete")),
    )
    version = context.services.artifacts.update(context.caller, _artifact_id(input["artifactID"]), change)
    return {"artifact": version}


@mutation.field("deleteArtifact")
def resolve_delete(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Delete a version."""
    context = info.context
    version = context.services.artifacts.delete(
        context.caller, _artifact_id(input["artifactID"]), with_aliases=bool(input.get("deleteAliases"))
    )
    return {"artifact": version}


# --- reading ----------------------------------------------------------------------------------------------------------


@query.field("artifact")
def resolve_by_id(_parent: None, info: Info, id: str) -> ArtifactVersion | None:
    """A version by its id, null when absent or not readable."""
    number = find_id("Artifact", id)
    if number is None:
        return None
    return info.context.services.artifacts.find(info.context.caller, ArtifactId(number))


artifact.set_field("id", lambda parent, _info: encode_id("Artifact", parent.id))
artifact.set_field("state", lambda parent, _info: parent.state.value)
artifact.set_field("digest", lambda parent, _info: parent.digest)
artifact.set_field("digestAlgorithm", lambda parent, _info: parent.digest_algorithm.value)
artifact.set_field("commitHash", lambda parent, _info: parent.commit_hash)
artifact.set_field("description", lambda parent, _info: parent.description)
artifact.set_field("metadata", lambda parent, _info: parent.metadata_json)
artifact.set_field("labels", lambda _parent, _info: None)
artifact.set_field("size", lambda parent, _info: parent.size_bytes)
artifact.set_field("fileCount", lambda parent, _info: parent.file_count)
artifact.set_field("versionIndex", lambda parent, _info: parent.version_index)
artifact.set_field(
    "ttlDurationSeconds",
    lambda parent, info: _ttl_of(parent, info),
)
artifact.set_field("ttlIsInherited", lambda parent, _info: parent.ttl_is_inherited)
artifact.set_field("historyStep", lambda parent, _info: parent.history_step)
artifact.set_field("createdAt", lambda parent, _info: parent.created_at)
artifact.set_field("updatedAt", lambda parent, _info: parent.updated_at)
artifact.set_field("artifactType", lambda parent, _info: type_of(parent.collection))
artifact.set_field("artifactSequence", lambda parent, _info: parent.collection)
artifact.set_field("tags", lambda parent, _info: [tag_node(name) for name in parent.tags])
artifact.set_field(
    "artifactMemberships",
    lambda parent, info, **_arguments: whole(info.context.services.artifact_links.places(info.context.caller, parent)),
)


def _ttl_of(parent: ArtifactVersion, info: Info) -> int:
    if not parent.ttl_is_inherited:
        return parent.ttl_duration_s or 0
    return info.context.services.artifact_space.inherited_ttl(parent.collection.project_id) or TTL_INHERITED


@artifact.field("aliases")
def resolve_aliases(parent: ArtifactVersion, info: Info) -> list[Payload]:
    """The version's aliases in all collections. Clients up to 0.13 also look for its number there."""
    held = info.context.aliases.take(info.context, parent)
    nodes = [alias_node(record.collection, record.alias) for record in held]
    if parent.version_index is not None and _selects(info, "artifactCollectionName"):
        nodes.append(alias_node(parent.collection, f"v{parent.version_index}"))
    return nodes


def _selects(info: Info, name: str) -> bool:
    """Whether the document names a field directly under the present one."""
    return any(
        isinstance(selection, FieldNode) and selection.name.value == name
        for node in info.field_nodes
        if node.selection_set is not None
        for selection in node.selection_set.selections
    )


@artifact.field("currentManifest")
def resolve_manifest(parent: ArtifactVersion, info: Info) -> Payload | None:
    """The manifest of a committed version, for those who may get its content."""
    context = info.context
    manifest = context.services.artifacts.current_manifest(parent)
    if manifest is None:
        return None
    if not context.services.artifacts.is_usable(context.caller, parent):
        raise Forbidden("get the content of this artifact", where="the registries that it is linked to")
    return manifest_node(context, manifest)


@artifact.field("files")
def resolve_files(parent: ArtifactVersion, info: Info, names: list[str] | None = None, **arguments: Any) -> Payload:
    """Files and references."""
    return entry_connection(info.context, parent, names, arguments)


@artifact.field("filesByManifestEntries")
def resolve_files_by_entries(
    parent: ArtifactVersion, info: Info, entries: list[dict[str, Any]] | None = None, **_arguments: Any
) -> Payload:
    """Download addresses of the entries asked for, all on one page. Source: protocol.md §9."""
    names = [given["name"] for given in entries or []]
    page = info.context.services.artifacts.entries(parent, names=names, limit=len(names))
    return whole(entry_nodes(info.context, parent, page.entries), uploadHeaders=[])


# --- lineage ----------------------------------------------------------------------------------------------------------


@creator.type_resolver
def resolve_creator_type(value: Run | User, *_: object) -> str:
    """Run or user."""
    return "Run" if isinstance(value, Run) else "User"


@artifact.field("createdBy")
def resolve_created_by(parent: ArtifactVersion, info: Info) -> Run | User | None:
    """The run that logged the version, or the user who did so outside any run."""
    context = info.context
    if parent.created_by_run is not None:
        return context.services.runs.find_by_key(context.caller, parent.created_by_run)
    return context.services.accounts.find_user(parent.created_by_user) if parent.created_by_user is not None else None


@artifact.field("usedBy")
def resolve_used_by(parent: ArtifactVersion, info: Info, **_arguments: Any) -> Payload:
    """Readable runs that used the version, in order of use."""
    context = info.context
    keys = context.services.artifact_lineage.used_by(parent)
    found = {used.key: used for used in context.services.runs.list_by_keys(context.caller, keys)}
    return whole([found[key] for key in keys if key in found])


@run.field("outputArtifacts")
def resolve_outputs(parent: Run, info: Info, **arguments: Any) -> Payload:
    """Versions that the run made."""
    offset, limit = page_bounds(arguments)
    found = info.context.services.artifact_lineage.outputs(parent)
    page = found[offset : offset + limit]
    info.context.aliases.expect(page)
    return connection(page, offset=offset, total=len(found))


@run.field("inputArtifacts")
def resolve_inputs(parent: Run, info: Info, **arguments: Any) -> Payload:
    """Versions that the run used, each with the name of the use."""
    offset, limit = page_bounds(arguments)
    found = info.context.services.artifact_lineage.inputs(info.context.caller, parent)
    page = found[offset : offset + limit]
    info.context.aliases.expect(version for version, _ in page)
    result = connection([version for version, _ in page], offset=offset, total=len(found))
    for edge, (_, used_as) in zip(result["edges"], page, strict=True):
        edge["usedAs"] = used_as
    return result


BINDABLES = [query, mutation, artifact, run, creator]
