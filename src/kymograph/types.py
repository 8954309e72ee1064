"""Identifiers and JSON aliases shared by every layer."""

from __future__ import annotations

from typing import NewType, TypeAlias

JsonScalar: TypeAlias = str | int | float | bool | None
JsonValue: TypeAlias = "JsonScalar | list[JsonValue] | dict[str, JsonValue]"
JsonObject: TypeAlias = dict[str, JsonValue]

UserId = NewType("UserId", int)
"""Row number of a user."""
EntityId = NewType("EntityId", int)
"""Row number of an entity: a user's own, a team's, or an organization's."""
ProjectId = NewType("ProjectId", int)
"""Row number of a project; `projectId` on the wire."""
RunKey = NewType("RunKey", int)
"""Row number of a run: internal, never shown. The visible id is `RunId`."""
ArtifactId = NewType("ArtifactId", int)
"""Row number of an artifact version."""
CollectionId = NewType("CollectionId", int)
"""Row number of an artifact collection (a sequence or a portfolio)."""
ManifestId = NewType("ManifestId", int)
"""Row number of an artifact manifest document."""
BlobId = NewType("BlobId", int)
"""Row number of content that artifact versions share."""

EntityName = NewType("EntityName", str)
ProjectName = NewType("ProjectName", str)
RunId = NewType("RunId", str)
"""The short id of a run in addresses: 1 to 64 characters, unique in its project."""
MetricName = NewType("MetricName", str)
"""Any non-empty string; nested keys are joined by dots."""
FilePath = NewType("FilePath", str)
"""A validated relative path with forward slashes (`core.names.parse_file_path`)."""
Digest = NewType("Digest", str)
"""Base64 of the MD5 of some content: 24 characters with padding."""
ManifestDigest = NewType("ManifestDigest", str)
"""Lower-case hex digest of a manifest: 32 characters."""
ObjectKey = NewType("ObjectKey", str)
"""Address of bytes in the object store."""
WriterId = NewType("WriterId", str)
"""Names one of several writers of a run (shared mode); the empty string is the only writer."""
