"""A version that a server knows, with what can be asked and changed of it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kymograph.client.artifact_values import (
    PORTFOLIO,
    SEQUENCE,
    CollectionAddress,
    RemoteArtifact,
    RemoteMembership,
)
from kymograph.client.artifacts import MODEL_REGISTRY, REGISTRY_PREFIX
from kymograph.core import exact_json
from kymograph.core.artifact import split_artifact_name
from kymograph.errors import AuthError, CommError, Forbidden, InvalidArtifact, KymographError
from kymograph.sdk.artifacts import links
from kymograph.sdk.artifacts.download import Download, DownloadOptions, StrPath, default_root
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.folder_contents import remove_others, verify_folder
from kymograph.sdk.artifacts.manifest import ArtifactManifest
from kymograph.sdk.artifacts.manifest_reading import fetch_manifest
from kymograph.sdk.artifacts.references.registry import References
from kymograph.sdk.artifacts.session import Session
from kymograph.sdk.artifacts.voice import current_voice
from kymograph.types import JsonObject
from kymograph.wire.artifact_addresses import find_artifact_id, split_address

if TYPE_CHECKING:
    from kymograph.sdk.api.either import Sync
    from kymograph.sdk.api.run import Run
    from kymograph.sdk.artifacts.artifact import Artifact
    from kymograph.sdk.artifacts.collection import ArtifactCollection
    from kymograph.sdk.artifacts.file_pages import ArtifactFiles

_VERSION = re.compile(r"v\d+")


class ServerVersion:
    """One version in one collection: that it was made in, or one it is linked to. See `LoggedVersion`.

    Attributes:
        download_class: Brings files here.
    """

    download_class: type[Download] = Download

    def __init__(
        self,
        session: Session,
        remote: RemoteArtifact,
        place: CollectionAddress,
        *,
        version_index: int | None,
        aliases: Iterable[str],
        asked: str = "",
        linked_at: str | None = None,
    ) -> None:
        """Describe what a server has told.

        Args:
            session: With the server.
            remote: The version.
            place: The collection.
            version_index: Its number there.
            aliases: Its aliases there.
            asked: Under which name it was asked for.
            linked_at: When it came there, if that was by a link.
        """
        self._session, self._place = session, place
        self.entity, self.project = place.entity, place.project
        self.version = "" if version_index is None else f"v{version_index}"
        self.name = asked if ":" in asked else ":".join(filter(None, (place.name, self.version)))
        self.aliases = [alias for alias in aliases if not _VERSION.fullmatch(alias)]
        self._saved_aliases = list(self.aliases)
        self.is_link = place != remote.source
        self.linked_at = linked_at if self.is_link else None
        self._take(remote)
        self.url = _url(session.app_url, self)
        self._manifest: ArtifactManifest | None = None
        self._lock = threading.Lock()

    @classmethod
    def of_source(cls, session: Session, remote: RemoteArtifact) -> ServerVersion:
        """A version in the collection it was made in."""
        return cls(
            session,
            remote,
            remote.source,
            version_index=remote.version_index,
            aliases=remote.aliases_in(remote.source),
        )

    @classmethod
    def of_collection(
        cls, session: Session, place: CollectionAddress, version: str, remote: RemoteArtifact
    ) -> ServerVersion:
        """A version as a list of the versions of a collection has it, with its name there (``v3``)."""
        number = int(version[1:]) if _VERSION.fullmatch(version) else remote.version_index
        return cls(session, remote, place, version_index=number, aliases=remote.aliases_in(place))

    @classmethod
    def of_membership(cls, session: Session, place: RemoteMembership, *, asked: str = "") -> ServerVersion:
        """A version in any collection."""
        remote = place.artifact
        assert remote is not None
        if place.collection.project.startswith(REGISTRY_PREFIX) and asked and MODEL_REGISTRY in asked:
            current_voice().warn(f"the model registry has moved to {place.collection.project}; ask for it there")
        index = place.version_index if place.version_index is not None else remote.version_index
        named = [int(alias[1:]) for alias in place.aliases if _VERSION.fullmatch(alias)]
        return cls(
            session,
            remote,
            place.collection,
            version_index=named[0] if named else index,
            aliases=place.aliases,
            asked=asked,
            linked_at=place.created_at,
        )

    def _take(self, remote: RemoteArtifact) -> None:
        self._remote = remote
        self.id, self.type, self.state = remote.id, remote.type_name, remote.state
        self.source_entity, self.source_project = remote.source.entity, remote.source.project
        self.source_version = "" if remote.version_index is None else f"v{remote.version_index}"
        self.source_name = ":".join(filter(None, (remote.source.name, self.source_version)))
        self.digest, self.size, self.file_count = remote.digest, remote.size_bytes, remote.file_count
        self.commit_hash = remote.commit_hash or ""
        self.created_at, self.updated_at = remote.created_at, remote.updated_at or remote.created_at
        # It is noted as the step that came next. Source: the vendor's `Artifact.history_step`.
        self.history_step = None if remote.history_step is None else max(0, remote.history_step - 1)
        self.tags = list(remote.tags)
        self._saved_tags = list(remote.tags)

    @property
    def remote(self) -> RemoteArtifact:
        """What the server has told."""
        return self._remote

    @property
    def place(self) -> CollectionAddress:
        """The collection it is in."""
        return self._place

    # --- where it is -------------------------------------------------------------------------------------------------

    @property
    def collection(self) -> ArtifactCollection:
        """The collection it is in."""
        from kymograph.sdk.artifacts.collection import ArtifactCollection

        return ArtifactCollection.load(self._session, self._place, self.type)

    @property
    def source_collection(self) -> ArtifactCollection:
        """The collection it was made in."""
        from kymograph.sdk.artifacts.collection import ArtifactCollection

        return ArtifactCollection.load(self._session, self._remote.source, self.type)

    @property
    def source_artifact(self) -> Artifact:
        """Of a link: what it is a link to; of anything else the same version."""
        if not self.is_link:
            return artifact_of(self)
        source = self._remote.source
        try:
            return self._session.artifact_by_name(source.entity, source.project, self.source_name)
        except KymographError as exc:
            raise InvalidArtifact(f"Unable to fetch source artifact for linked artifact {self.name}: {exc}") from exc

    @property
    def linked_artifacts(self) -> list[Artifact]:
        """Links to it."""
        if self.is_link:
            return []
        found = []
        for place in self._session.artifacts.linked(self.id):
            version = ServerVersion.of_membership(self._session, replace(place, artifact=self._remote))
            if version.version:
                version.aliases.append(version.version)
                version._saved_aliases.append(version.version)
            found.append(artifact_of(version))
        return found

    # --- what is in it -----------------------------------------------------------------------------------------------

    @property
    def manifest(self) -> ArtifactManifest:
        """Its files; fetched once."""
        with self._lock:
            if self._manifest is None:
                self._manifest = self._read_manifest()
            return self._manifest

    def _read_manifest(self) -> ArtifactManifest:
        session = self._session

        def note(document: bytearray) -> None:
            session.seen.save(session.client.base_url, self._membership(), document)

        return fetch_manifest(session.artifacts, session.client.transfers, self.id, name=self.name, note=note)

    def _membership(self) -> RemoteMembership:
        """Its place in the collection, as the server told of it."""
        index = int(self.version[1:]) if self.version else None
        kind = PORTFOLIO if self.is_link else SEQUENCE
        aliases = tuple(self._saved_aliases)
        return RemoteMembership("", self._place, kind, index, aliases, self._remote, self.linked_at)

    def files(self, names: list[str] | None, per_page: int, start: str | None) -> ArtifactFiles:
        """Its files as the server lists them."""
        from kymograph.sdk.artifacts.file_pages import ArtifactFiles

        return ArtifactFiles(self._session, self._place, self.version, names=names, per_page=per_page, start=start)

    def get(self, artifact: Artifact, name: str) -> Any:
        """The media object of a name; None if there is none."""
        from kymograph.sdk.artifacts.media_reading import read_object

        return read_object(artifact, name, find_artifact=self._session.artifact_by_id)

    # --- files here --------------------------------------------------------------------------------------------------

    def download(self, artifact: Artifact, root: StrPath | None, **options: Any) -> str:
        """Bring its files here; gives the folder."""
        folder = str(root or self.default_root())
        self._download(artifact, folder, DownloadOptions(**options)).run(self.manifest.entries.values())
        return folder

    def download_entry(self, entry: ArtifactManifestEntry, root: StrPath | None, *, skip_cache: bool | None) -> str:
        """Bring one file here; gives its path."""
        folder = str(root or self.default_root())
        artifact = entry.parent_artifact()
        return self._download(artifact, folder, DownloadOptions(skip_cache=skip_cache)).run_one(entry)

    def _download(self, artifact: Artifact, root: str, options: DownloadOptions) -> Download:
        return self.download_class(
            self._session,
            self.id,
            root,
            policy=self.manifest.policy,
            name=self.name,
            references=self._references(artifact),
            options=options,
            listed_in=(self._place, self.version),
        )

    def _references(self, artifact: Artifact) -> References:
        from kymograph.sdk.artifacts.building import reference_context

        if artifact._references is None:
            artifact._references = References(reference_context(self._session.artifact_by_id))
        return artifact._references

    def default_root(self, *, with_version: bool = True) -> str:
        """Where it is downloaded to unless another folder is named."""
        return default_root(self.source_name if with_version else self._remote.source.name)

    def checkout(self, artifact: Artifact, root: StrPath | None) -> str:
        """Make a folder hold exactly its files."""
        folder = str(root or self.default_root(with_version=False))
        remove_others(folder, self.manifest)
        return self.download(artifact, folder)

    def verify(self, artifact: Artifact, root: StrPath | None) -> None:
        """Check that a folder holds exactly its files."""
        verify_folder(str(root or self.default_root()), self.manifest, name=artifact.name)

    def file(self, artifact: Artifact, root: StrPath | None) -> str:
        """Bring its only file here; gives its path."""
        entries = list(self.manifest.entries.values())
        if len(entries) != 1:
            raise InvalidArtifact(
                "This artifact contains more than one file, call `.download()` to get all files or call "
                '.get_entry("filename").download()'
                if entries
                else "This artifact contains no file"
            )
        entries[0].parent = artifact
        return self.download_entry(entries[0], root, skip_cache=None)

    def resolve_reference(self, entry: ArtifactManifestEntry) -> str:
        """Where the content of a reference into another artifact is in the end."""
        for _ in range(100):
            artifact_id = find_artifact_id(str(entry.ref))
            if artifact_id is None:
                return str(entry.ref)
            other = self._session.artifact_by_id(artifact_id)
            found = None if other is None else other.manifest.get_entry_by_path(split_address(str(entry.ref))[2])
            if found is None or found.ref is None:
                return str(entry.ref)
            entry = found
        raise InvalidArtifact(f"{entry.ref} leads in a circle")

    # --- changes -----------------------------------------------------------------------------------------------------

    def ttl(self) -> timedelta | None:
        """How long it lives from its making; None for ever."""
        return None if self._remote.ttl_s is None else timedelta(seconds=self._remote.ttl_s)

    def save(self, artifact: Artifact) -> None:
        """Have the server know what was changed here."""
        self._save_aliases()
        remote = self._remote
        if self.is_link and self._session.artifacts.is_read_only(remote.source.entity, remote.source.project):
            current_voice().warn("Skipping non-alias updates due to insufficient permissions on the source artifact.")
            return
        old, new = set(self._saved_tags), set(self.tags)
        changed = self._session.artifacts.update(
            self.id,
            description=artifact.description,
            metadata_json=exact_json.dumps(artifact.metadata),
            ttl_s=artifact.ttl_on_the_wire(),
            tags_to_add=new - old,
            tags_to_delete=old - new,
        )
        self._take(changed)

    def _save_aliases(self) -> None:
        old, new = set(self._saved_aliases), set(self.aliases)
        for verb, aliases, change in (
            ("add", new - old, self._session.artifacts.add_aliases),
            ("delete", old - new, self._session.artifacts.delete_aliases),
        ):
            try:
                change(self.id, self._place, aliases)
            except AuthError as exc:
                which = "at least one of the following aliases" if len(aliases) > 1 else "the following alias"
                where = "to" if verb == "add" else "from"
                raise _denied(f"{verb} {which} {where} this artifact: {aliases!r}", exc) from exc
        self._saved_aliases = list(self.aliases)

    def delete(self, delete_aliases: bool) -> None:
        """Delete it; a link is only unlinked."""
        if self.is_link:
            current_voice().warn(
                "Deleting a link artifact will only unlink the artifact from the source artifact and not delete the "
                "source artifact and the data of the source artifact."
            )
            self._unlink()
        else:
            self._session.artifacts.delete(self.id, with_aliases=delete_aliases)

    def link(self, artifact: Artifact, target_path: str, aliases: Iterable[str] | None) -> Artifact:
        """Put it into another collection; gives the link."""
        if self.is_link:
            current_voice().warn(
                "Linking to a link artifact will result in directly linking to the source artifact of that one"
            )
        return links.link(self._session, self._remote, target_path, aliases or ())

    def unlink(self) -> None:
        """Take a link out of its collection."""
        if not self.is_link:
            path = f"{self._place.entity}/{self._place.project}/{self.name}"
            raise InvalidArtifact(
                f"Artifact {path!r} is not a linked artifact and cannot be unlinked.  "
                "To delete it, use 'delete' instead."
            )
        self._unlink()

    def _unlink(self) -> None:
        try:
            self._session.artifacts.unlink(self.id, self.collection.id)
        except AuthError as exc:
            path = f"{self._place.entity}/{self._place.project}/{self.name}"
            raise _denied(f"unlink the artifact {path!r}", exc) from exc

    def new_draft(self, artifact: Artifact) -> Artifact:
        """A draft with the same files, based on this version."""
        from kymograph.sdk.artifacts.artifact import Artifact

        source = self._remote.source
        draft = Artifact.__new__(Artifact)
        draft._begin(
            source.name,
            self.type,
            description=artifact.description,
            metadata=dict(artifact.metadata),
            storage_region=self.manifest.storage_region,
            algorithm=self.manifest.digest_algorithm,
        )
        for entry in self.manifest.entries.values():
            draft.manifest.entries[entry.path] = replace(entry, extra=dict(entry.extra), parent=None, local_path=None)
        draft.base_id = self.id
        draft.home = (source.entity, source.project)
        return draft

    # --- lineage -----------------------------------------------------------------------------------------------------

    def used_by(self) -> list[Run[Sync]]:
        """Runs that used it."""
        from kymograph.sdk.api.run_artifacts import read_runs

        return read_runs(self._session, self._session.artifacts.used_by(self.id))

    def logged_by(self) -> Run[Sync] | None:
        """The run that made it; None if it was no run."""
        from kymograph.sdk.api.run_artifacts import read_runs

        found = self._session.artifacts.created_by(self.id)
        return next(iter(read_runs(self._session, [found])), None) if found is not None else None

    def json_encode(self) -> JsonObject:
        """What configs and rows of history have of it. Source: the vendor's `artifact_to_json`."""
        collection = split_artifact_name(self.name)[0]
        return {
            "_type": "artifactVersion",
            "_version": "v0",
            "id": self.id,
            "version": self.source_version,
            "sequenceName": self._remote.source.name,
            "usedAs": collection,
        }


def _url(app_url: str, version: ServerVersion) -> str:
    """Address of the page of a version; empty if it has none."""
    place = version.place
    if not all((app_url, place.entity, place.project, place.name, version.version)):
        return ""
    selection = f"selectionPath={quote(place.path, safe='')}&view=membership&version={version.version}"
    if version.is_link and place.project.startswith(REGISTRY_PREFIX):
        return f"{app_url}/orgs/{place.entity}/registry/{place.project.removeprefix(REGISTRY_PREFIX)}?{selection}"
    if version.is_link and (version.type == "model" or place.project == MODEL_REGISTRY):
        return f"{app_url}/{place.entity}/registry/model?{selection}"
    path = f"{place.entity}/{place.project}/artifacts/{quote(version.type)}/{quote(place.name)}/{version.version}"
    return f"{app_url}/{path}"


def _denied(what: str, error: AuthError) -> CommError:
    denied: CommError = Forbidden.__new__(Forbidden)
    Exception.__init__(denied, f"You do not have permission to {what} ({error})")
    return denied


def artifact_of(version: ServerVersion) -> Artifact:
    """The artifact of a version."""
    from kymograph.sdk.artifacts.artifact import Artifact

    remote = version.remote
    return Artifact.from_logged(version, description=remote.description, metadata=dict(remote.metadata))
