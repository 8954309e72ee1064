"""One file of an artifact, or one reference to a file elsewhere."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from kymograph.core.digest import DigestAlgorithm
from kymograph.errors import ArtifactNotLoggedError, InvalidReference
from kymograph.types import JsonObject
from kymograph.wire.artifact_addresses import artifact_address, client_address, find_artifact_id

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact

ALGORITHM_KEY = "alg"
"""In `extra`: how the file was hashed; not there for MD5. Source: protocol.md §8.1."""
XXH128_NAME = "XXH128"


@dataclass(slots=True)
class ArtifactManifestEntry:
    """One entry of an artifact's manifest.

    Attributes:
        path: Its name in the artifact, with forward slashes.
        digest: Base64 of its content's hash; of a reference, what the place it is in has for one.
        ref: Where the content is, if it is not in the artifact itself.
        birth_artifact_id: The version that brought the content.
        size: In bytes; None if unknown.
        extra: More of what is known of the content, such as the version of an object.
        local_path: Where the content is on this machine.
        skip_cache: Whether it is kept out of the cache once it is uploaded.
    """

    path: str
    digest: str
    ref: str | None = None
    birth_artifact_id: str | None = None
    size: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    local_path: str | None = None
    skip_cache: bool = False
    parent: Artifact | None = field(default=None, compare=False, repr=False)
    """The artifact that it belongs to."""

    def __post_init__(self) -> None:
        if not isinstance(self.path, str):
            self.path = PurePath(self.path).as_posix()
        if self.local_path is not None:
            self.local_path = os.fspath(self.local_path)
            if self.size is None:
                self.size = os.path.getsize(self.local_path)

    def __repr__(self) -> str:
        shown = {item.name: getattr(self, item.name) for item in fields(self) if item.repr}
        parts = ", ".join(f"{name}={value!r}" for name, value in shown.items() if value not in (None, {}))
        return f"{type(self).__name__}({parts})"

    @property
    def name(self) -> str:
        """Its path, by an older name."""
        return self.path

    def parent_artifact(self) -> Artifact:
        """The artifact that it belongs to.

        Raises:
            ArtifactNotLoggedError: It belongs to none.
        """
        if self.parent is None:
            raise ArtifactNotLoggedError("ArtifactManifestEntry.parent_artifact")
        return self.parent

    def digest_algorithm(self) -> DigestAlgorithm:
        """How its content was hashed."""
        return DigestAlgorithm.XXH128 if self.extra.get(ALGORITHM_KEY) == XXH128_NAME else DigestAlgorithm.MD5

    def download(
        self, root: str | os.PathLike[str] | None = None, skip_cache: bool | None = None, executor: Any = None
    ) -> str:
        """Bring the file here.

        Args:
            root: Folder that its path is below; by default the artifact's.
            skip_cache: Whether to write it straight to its place.
            executor: Does nothing: files are fetched in parallel anyway.

        Returns:
            Where it is.
        """
        return self.parent_artifact().require_logged("download").download_entry(self, root, skip_cache=skip_cache)

    def ref_target(self) -> str:
        """Where the content is, in the end: of a reference to another artifact, what that one says.

        Raises:
            InvalidReference: It is no reference.
        """
        if self.ref is None:
            raise InvalidReference("Only reference entries support ref_target().")
        if self.referenced_artifact_id() is None or self.parent is None or self.parent.logged is None:
            return self.ref
        return self.parent.logged.resolve_reference(self)

    def ref_url(self) -> str:
        """An address of this entry that other artifacts can refer to."""
        parent = self.parent_artifact()
        if parent.id is None:
            return client_address(parent.client_id, self.path)
        return artifact_address(parent.id, self.path)

    def referenced_artifact_id(self) -> str | None:
        """The id of the artifact that a reference leads to; None for anything else."""
        return None if self.ref is None else find_artifact_id(self.ref)

    def to_json(self) -> JsonObject:
        """All fields that have a value, by their names."""
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.repr}
        return {name: value for name, value in values.items() if value is not None}

    def to_manifest_json(self) -> JsonObject:
        """Its form in a manifest, where its path is the key."""
        form: JsonObject = {"digest": self.digest}
        if self.ref is not None:
            form["ref"] = self.ref
        if self.birth_artifact_id is not None:
            form["birthArtifactID"] = self.birth_artifact_id
        if self.size is not None:
            form["size"] = self.size
        if self.extra:
            form["extra"] = self.extra
        return form

    @classmethod
    def from_manifest_json(cls, path: str, form: JsonObject) -> ArtifactManifestEntry:
        """The entry of a manifest.

        Raises:
            KeyError: It has no digest.
        """
        values: dict[str, Any] = {name: form.get(name) for name in ("ref", "size", "local_path")}
        return cls(
            path,
            str(form["digest"]),
            birth_artifact_id=form.get("birthArtifactID"),  # type: ignore[arg-type] # a text, or not there
            extra=dict(form.get("extra") or {}),  # type: ignore[arg-type] # as above
            skip_cache=bool(form.get("skip_cache", False)),
            **values,
        )
