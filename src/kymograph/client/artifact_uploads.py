"""Logging a version, request by request: begin, announce files, announce the manifest, commit.

Every request may be sent again: a version is known by the id that its client made up, a file by its digest.
Source: protocol.md §7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kymograph.client import artifact_documents as documents
from kymograph.client.artifact_values import as_object, as_objects, text_or_none, whole
from kymograph.client.artifacts import ArtifactClient, Graphql
from kymograph.client.runs import parse_upload_headers
from kymograph.core.digest import DigestAlgorithm
from kymograph.errors import ProtocolError
from kymograph.types import JsonObject

STORAGE_LAYOUT = "V2"
COMMITTED = "COMMITTED"
ALGORITHM_FEATURE = "ARTIFACT_DIGEST_ALGORITHM"


@dataclass(frozen=True, slots=True)
class Begun:
    """A version that was begun, or was there already."""

    id: str
    is_committed: bool
    latest_id: str | None
    """The newest version of its collection before it."""


@dataclass(frozen=True, slots=True)
class Part:
    """Part of a large file."""

    number: int
    """From 1."""
    hex_md5: str


@dataclass(frozen=True, slots=True)
class FileSpec:
    """A file that is to be there."""

    name: str
    digest: str
    """Base64, in the algorithm of the version."""
    parts: tuple[Part, ...] = ()
    """Of a file that may go up in parts."""


@dataclass(frozen=True, slots=True)
class UploadPlan:
    """What a server wants of one file."""

    birth_id: str
    """The version that first brought the bytes."""
    url: str | None
    """None if the server has the bytes, or wants them in parts."""
    headers: tuple[tuple[str, str], ...] = ()
    upload_id: str = ""
    storage_path: str = ""
    part_urls: tuple[tuple[int, str], ...] = ()
    """Number and address of each part; empty if the file goes up whole."""

    @property
    def is_wanted(self) -> bool:
        """Whether bytes have to be sent."""
        return self.url is not None or bool(self.part_urls)


@dataclass(frozen=True, slots=True)
class ManifestPlan:
    """A manifest that was begun, and where its document goes."""

    id: str
    url: str | None
    headers: tuple[tuple[str, str], ...]


class ArtifactUploadClient:
    """The requests of logging. Safe to share between threads."""

    def __init__(self, server: Graphql, artifacts: ArtifactClient) -> None:
        """Prepare; nothing is sent yet.

        Args:
            server: Sends documents.
            artifacts: Of the same server: knows what it announces.
        """
        self._server, self._artifacts = server, artifacts

    def begin(self, given: Mapping[str, Any]) -> Begun:
        """Begin a version, or find it; the same client id means the same version.

        Args:
            given: ``CreateArtifactInput``, less what is not said.
        """
        node = as_object(
            as_object(self._server.graphql(documents.CREATE, {"input": dict(given)}).get("createArtifact"))
        )
        artifact = as_object(node.get("artifact"))
        if not artifact.get("id"):
            raise ProtocolError("the server begins no artifact and does not say why")
        latest = as_object(as_object(artifact.get("artifactSequence")).get("latestArtifact"))
        return Begun(str(artifact["id"]), artifact.get("state") == COMMITTED, text_or_none(latest.get("id")))

    def begin_manifest(self, variables: Mapping[str, Any]) -> ManifestPlan:
        """Begin a manifest, or say what document a full one has; see the document for the variables."""
        return _manifest_plan(self._server.graphql(documents.CREATE_MANIFEST, variables), "createArtifactManifest")

    def announce_manifest(self, manifest_id: str, *, digest: str) -> ManifestPlan:
        """Say what document a manifest has that was begun: one of a part or of changes."""
        variables = {"artifactManifestID": manifest_id, "digest": digest, "includeUpload": True}
        return _manifest_plan(self._server.graphql(documents.UPDATE_MANIFEST, variables), "updateArtifactManifest")

    def plan_files(
        self, artifact_id: str, manifest_id: str, specs: Sequence[FileSpec], algorithm: DigestAlgorithm
    ) -> list[UploadPlan]:
        """What the server wants of each file, in the order of `specs`.

        Raises:
            ProtocolError: It answers for more or fewer files.
        """
        names_algorithm = self._artifacts.supports(ALGORITHM_FEATURE)
        files: list[JsonObject] = []
        for spec in specs:
            file: JsonObject = {
                "artifactID": artifact_id,
                "artifactManifestID": manifest_id,
                "name": spec.name,
                "md5": spec.digest,
            }
            if names_algorithm:
                file["digest"] = spec.digest
            if spec.parts:
                file["uploadPartsInput"] = [{"partNumber": part.number, "hexMD5": part.hex_md5} for part in spec.parts]
            files.append(file)
        variables: JsonObject = {"artifactFiles": files, "storageLayout": STORAGE_LAYOUT}  # type: ignore[dict-item]
        document = documents.CREATE_FILES
        if names_algorithm:
            document, variables["digestAlgorithm"] = documents.CREATE_FILES_WITH_ALGORITHM, str(algorithm)
        answer = as_object(self._server.graphql(document, variables).get("createArtifactFiles"))
        nodes = [as_object(edge.get("node")) for edge in as_objects(as_object(answer.get("files")).get("edges"))]
        if len(nodes) != len(specs):
            raise ProtocolError(f"the server answers for {len(nodes)} files of an artifact instead of {len(specs)}")
        return [_upload_plan(node) for node in nodes]

    def complete_parts(self, plan: UploadPlan, etags: Sequence[tuple[int, str]]) -> None:
        """All parts of a file are there.

        Args:
            plan: Of the file.
            etags: Number of each part, and the ETag that its upload was answered with.
        """
        self._server.graphql(
            documents.COMPLETE_PARTS,
            {
                "completeMultipartAction": "Complete",
                "completedParts": [{"partNumber": number, "hexMD5": etag} for number, etag in etags],
                "artifactID": plan.birth_id,
                "storagePath": plan.storage_path,
                "uploadID": plan.upload_id,
            },
        )

    def commit(self, artifact_id: str) -> None:
        """Make a version visible; everything it names is there."""
        self._server.graphql(documents.COMMIT, {"artifactID": artifact_id})


def _manifest_plan(answer: JsonObject, field: str) -> ManifestPlan:
    manifest = as_object(as_object(answer.get(field)).get("artifactManifest"))
    if not manifest.get("id"):
        raise ProtocolError("the server begins no manifest and does not say why")
    file = as_object(manifest.get("file"))
    return ManifestPlan(str(manifest["id"]), text_or_none(file.get("uploadUrl")), _headers(file.get("uploadHeaders")))


def _upload_plan(node: JsonObject) -> UploadPlan:
    parts = as_object(node.get("uploadMultipartUrls"))
    urls = [
        (whole(part.get("partNumber")) or number, str(part.get("uploadUrl")))
        for number, part in enumerate(as_objects(parts.get("uploadUrlParts")), 1)
    ]
    return UploadPlan(
        birth_id=str(as_object(node.get("artifact")).get("id") or ""),
        url=text_or_none(node.get("uploadUrl")),
        headers=_headers(node.get("uploadHeaders")),
        upload_id=str(parts.get("uploadID") or ""),
        storage_path=str(node.get("storagePath") or ""),
        part_urls=tuple(urls),
    )


def _headers(told: Any) -> tuple[tuple[str, str], ...]:
    return tuple(parse_upload_headers(told).items())
