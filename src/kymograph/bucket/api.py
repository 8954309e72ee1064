"""`WaBucketRefAPI`: artifacts whose bytes are in a bucket, for scripts. Source: seeds.md B.3, B.5."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from kymograph.bucket.aliases import chosen_alias
from kymograph.bucket.claims import ClaimState
from kymograph.bucket.copying import remote_files
from kymograph.bucket.destination import Contents, filling
from kymograph.bucket.downloading import WAITS_S, BucketDownload, files_of
from kymograph.bucket.outputs import tell_workflow
from kymograph.bucket.places import BLOB_ENTRY, bucket_url, checked_place
from kymograph.bucket.runs import start_run
from kymograph.bucket.server import Tracker
from kymograph.bucket.stores.base import Store
from kymograph.bucket.stores.registry import is_url, open_store
from kymograph.bucket.uploading import Item, Upload, local_files
from kymograph.errors import BucketFolderNotFound, InvalidArtifact
from kymograph.sdk.active import active_run
from kymograph.sdk.artifacts.artifact import Artifact
from kymograph.sdk.artifacts.building import reference_context
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.references.registry import References
from kymograph.sdk.artifacts.session import session_of
from kymograph.sdk.artifacts.version_names import full_name
from kymograph.sdk.artifacts.voice import current_voice

if TYPE_CHECKING:
    from kymograph.sdk.run import Run

StrPath = str | os.PathLike[str]


class WaBucketRefAPI:
    """Puts artifacts into a bucket and gets them back. A context manager; nothing is asked before it is needed."""

    def __init__(
        self,
        bucket: str | None = None,
        project_name: str | None = None,
        entity: str | None = None,
        *,
        is_shown: bool = True,
        run_settings: dict[str, Any] | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Prepare.

        Args:
            bucket: An address such as ``s3://bucket/folder``; or a name, which is below the address in
                ``WABUCKET_ROOT``; by default the name of the project.
            project_name: Of the tracker; by default that of the settings (``WANDB_PROJECT``).
            entity: Whose project; by default that of the settings, or the key's user.
            is_shown: Whether progress and workflow outputs are printed.
            run_settings: Of the runs that are begun here.
            sleep: Waits for some s.
        """
        self._bucket, self._project_name, self._entity = bucket, project_name, entity
        self._is_shown, self._run_settings, self._sleep = is_shown, run_settings, sleep
        self._store: Store | None = None
        self._tracker: Tracker | None = None
        self._own_run: Run | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._finish(exit_code=0 if kind is None else 1)

    def close(self) -> None:
        """End the run that was begun because none was active."""
        self._finish(exit_code=0)

    def _finish(self, *, exit_code: int) -> None:
        run, self._own_run = self._own_run, None
        if run is not None and not run._is_finished:
            run.finish(exit_code=exit_code)

    @property
    def client(self) -> Tracker:
        """The tracker."""
        if self._tracker is None:
            from kymograph.sdk.artifacts.folders import current_settings

            settings = current_settings()
            self._tracker = Tracker(
                session_of(settings),
                entity=self._entity or settings.entity,
                project=self._project_name or settings.project,
            )
        return self._tracker

    @property
    def bucket(self) -> Store:
        """The bucket.

        Raises:
            InvalidSetting: None is named, or a name means no address.
            MissingPackage: Its package is not installed.
        """
        if self._store is None:
            self._store = open_store(bucket_url(self._bucket, self._project()))
        return self._store

    def _project(self) -> str | None:
        if self._project_name:
            return self._project_name
        run = active_run()
        if run is not None:
            return run.project
        from kymograph.sdk.artifacts.folders import current_settings

        return current_settings().project

    # --- runs --------------------------------------------------------------------------------------------------------

    def wandb_start_run(
        self, w_run_name: str | None = None, w_job_type: str | None = None, run_args: Any = None
    ) -> Run:
        """Begin a run.

        Args:
            w_run_name: What people call it.
            w_job_type: What kind of work it does.
            run_args: Its config: a mapping, or the path of a YAML file.

        Raises:
            RunActive: One is active.
        """
        return start_run(
            project=self._project_name,
            entity=self._entity,
            name=w_run_name,
            job_type=w_job_type,
            config=run_args,
            settings=self._run_settings,
        )

    def _run(self) -> Run:
        """The active run; one is begun if there is none."""
        run = active_run()
        if run is None:
            run = self._own_run = self.wandb_start_run()
        return run

    # --- up ----------------------------------------------------------------------------------------------------------

    def upload_artifact(
        self,
        src_folder: StrPath,
        art_name: str,
        art_type: str,
        art_alias: str | None = None,
        art_metadata: Mapping[str, Any] | None = None,
        as_refference: bool = True,
        overwrite: bool = False,
        suffix: str | None = None,
        *,
        checksum: bool = True,
    ) -> str:
        """Put a folder into the bucket and log a version of it, which is there only when all its files are.

        Args:
            src_folder: The folder.
            art_name: Name of the artifact.
            art_type: What it is: ``dataset``, ``model``, ….
            art_alias: Of the version; None for a random one, ``!run-config-hash`` for that of the run's config.
            art_metadata: What is known of it.
            as_refference: Whether the files go to the bucket; otherwise they go to the tracker.
            overwrite: Whether there may be something in the bucket under this name already. It is not touched: older
                versions keep their files, and `wabucket gc` removes what no version needs.
            suffix: Put behind the names of the workflow's outputs.
            checksum: Whether each file is noted with its checksum; otherwise there is one entry for all.

        Returns:
            The alias.

        Raises:
            BlobExists: There is something under this name, and there may not be.
            InvalidArtifact: It has no files, or is not called as it may be.
            CommError: The bucket or the tracker cannot be asked, or says no.
        """
        run = self._run()
        alias = chosen_alias(art_alias, lambda: dict(run.config))
        if as_refference:
            files = local_files(Path(src_folder), self._memo())
            self._upload(run, files, (art_type, art_name, alias), art_metadata, overwrite=overwrite, checksum=checksum)
        else:
            artifact = _artifact(art_name, art_type, art_metadata)
            artifact.add_dir(src_folder)
            self._log(run, artifact, alias)
        if self._is_shown:
            tell_workflow(art_name, art_type, alias, suffix=suffix, sleep=self._sleep)
        return alias

    def link(
        self,
        bucket_path: str,
        art_name: str,
        art_type: str,
        art_alias: str | None = None,
        art_metadata: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        *,
        checksum: bool = True,
    ) -> str:
        """Make an artifact of what is in a bucket already. It stays yours: `wabucket rm` and `gc` do not delete it.

        Args:
            bucket_path: Of the folder: an address, or a path in the bucket.
            art_name: As for `upload_artifact`; so are the others.
            art_type: What it is.
            art_alias: Of the version.
            art_metadata: What is known of it.
            suffix: Put behind the names of the workflow's outputs.
            checksum: Whether each object is noted with its checksum.

        Returns:
            The alias.

        Raises:
            BucketFolderNotFound: There is no such folder; a ValueError.
        """
        url = bucket_path if is_url(bucket_path) else self.bucket.ref(bucket_path.strip("/"))
        store = open_store(url.rstrip("/"))
        found = [one.entry(one.path) for one in store.iter_objects("", checksums=checksum)]
        if not found:
            raise BucketFolderNotFound(url)
        run = self._run()
        alias = chosen_alias(art_alias, lambda: dict(run.config))
        artifact = _artifact(art_name, art_type, art_metadata)
        _fill(artifact, found if checksum else [ArtifactManifestEntry(BLOB_ENTRY, store.url, ref=store.url)])
        self._log(run, artifact, alias)
        if self._is_shown:
            tell_workflow(art_name, art_type, alias, suffix=suffix, sleep=self._sleep)
        return alias

    def copy(
        self,
        source: str,
        art_name: str,
        *,
        art_alias: str | None = None,
        overwrite: bool = False,
        checksum: bool = True,
    ) -> Artifact | None:
        """Copy a version into the bucket, as a version of another artifact; within one place no byte comes here.

        Args:
            source: ``[[entity/]project/]name[:alias]``.
            art_name: Of the copy.
            art_alias: Of the copy; by default one that the source has.
            overwrite: As for `upload_artifact`.
            checksum: As for `upload_artifact`.

        Returns:
            The copy; None while it waits for a sync.

        Raises:
            InvalidArtifact: It would be a version of the same artifact, which is its content and not where that is.
        """
        run = self._run()
        artifact = run.use_artifact(source)
        if (run.entity, run.project, art_name) == (artifact.entity, artifact.project, artifact.name.partition(":")[0]):
            raise InvalidArtifact(
                f"a copy with the same content under the same name is no new version of {art_name}: give another name"
            )
        entries = files_of(artifact, bucket=self._bucket)
        if not entries or len(entries) < sum(entry.path != BLOB_ENTRY for entry in artifact.manifest.entries.values()):
            raise InvalidArtifact(
                f"{full_name(artifact)} has files at the tracker itself; download it and upload the folder"
            )
        own = [alias for alias in artifact.aliases if alias != "latest"]
        alias = art_alias or (own[0] if own else artifact.version)
        files = remote_files(entries, References(reference_context()))
        names = (artifact.type, art_name, chosen_alias(alias, dict))
        return self._upload(run, files, names, artifact.metadata, overwrite=overwrite, checksum=checksum)

    def _upload(
        self,
        run: Run,
        files: Sequence[Item],
        names: tuple[str, str, str],
        metadata: Mapping[str, Any] | None,
        *,
        overwrite: bool,
        checksum: bool,
    ) -> Artifact | None:
        """Both phases; gives the version, None while it waits for a sync."""
        place = checked_place(*names)
        artifact = _artifact(place.name, place.type, metadata)
        owner = Tracker(session_of(run._settings), entity=run.entity or None, project=run.project).owner
        upload = Upload(self.bucket, owner, is_shown=self._is_shown)
        uploaded = upload.send(place, files, replaces=overwrite)
        _fill(artifact, uploaded.entries if checksum else [uploaded.single_entry()])
        # Before it is logged: from then on a sync may make the version, whatever becomes of this process.
        upload.commit(uploaded, None)
        logged = self._log(run, artifact, place.alias)
        if logged is None:
            return None
        refs = {entry.ref for entry in logged.require_logged("manifest").manifest.entries.values()}
        is_elsewhere = refs.isdisjoint({uploaded.url, *(entry.ref for entry in uploaded.entries)})
        if is_elsewhere and uploaded.claim.state is ClaimState.UPLOADING:
            # The latest version has this very content: the server gave it the alias, and our copy is nobody's.
            upload.withdraw(uploaded)
            current_voice().chat(f"{full_name(logged)} has this content already; it is {place.alias} now, too")
        else:
            upload.commit(uploaded, full_name(logged))
        return logged

    def _log(self, run: Run, artifact: Artifact, alias: str) -> Artifact | None:
        """Log an artifact and wait for its version; None if it waits for a sync."""
        run.log_artifact(artifact, aliases=[alias])
        if run.offline or run.disabled:
            return None
        return artifact.wait()

    def _memo(self) -> Any:
        from kymograph.sdk.artifacts.checksum_memo import ChecksumMemo
        from kymograph.sdk.artifacts.folders import artifact_folders

        return ChecksumMemo(artifact_folders().cache)

    def entries(self, artifact: Artifact) -> list[ArtifactManifestEntry]:
        """The files of a version, wherever they are, by path; see `downloading.files_of`."""
        whole = list(artifact.manifest.entries.values())
        return whole if any(entry.ref is None for entry in whole) else files_of(artifact, bucket=self._bucket)

    # --- down --------------------------------------------------------------------------------------------------------

    def download_artifact(
        self,
        art_name: str,
        art_type: str | None,
        art_alias: str | None = None,
        dst_folder: StrPath | None = None,
        retries: int = len(WAITS_S),
        *,
        is_exact: bool = False,
    ) -> Path:
        """Bring the files of a version here; the run uses it.

        A folder that was not there, or was empty, is there when it is complete. One with other files in it has a file
        ``.wabucket-incomplete`` until it is. A download that was interrupted goes on where it stopped.

        Args:
            art_name: ``name`` or ``[entity/]project/name``, also with ``:alias`` or ``:v3``.
            art_type: What it should be; None for anything.
            art_alias: Of the version; may stand in the name instead.
            dst_folder: Where to; by default a new temporary folder.
            retries: How often to try when the network fails; waits of 1, 3, 7, 15 and 31 s between.
            is_exact: Whether other files in the folder are deleted.

        Returns:
            The folder.

        Raises:
            NotAFolder: There is something else in its place; a TypeError.
            MembershipNotFound: There is no such version.
            ReferenceNotFound: An object is gone.
            ReferenceChanged: An object is another now.
            CommError: The last attempt failed.
        """
        run = self._run()
        artifact = run.use_artifact(_full(art_name, art_alias), type=art_type)
        folder = Path(dst_folder) if dst_folder is not None else Path(tempfile.mkdtemp(prefix="wabucket-"))
        entries = artifact.manifest.entries.values()
        if entries and any(entry.ref is None for entry in entries):
            sizes = {entry.path: entry.size for entry in entries}
            key = hashlib.sha256(artifact.digest.encode()).hexdigest()
            with filling(folder, Contents(full_name(artifact), key, sizes), is_exact=is_exact) as place:
                artifact.download(str(place))
        else:
            BucketDownload(
                full_name(artifact),
                files_of(artifact, bucket=self._bucket),
                retries=retries,
                sleep=self._sleep,
                is_shown=self._is_shown,
            ).run(folder, is_exact=is_exact)
        return folder


def _artifact(name: str, type_name: str, metadata: Mapping[str, Any] | None) -> Artifact:
    return Artifact(name, type_name, metadata=dict(metadata or {}))


def _fill(artifact: Artifact, entries: Iterable[ArtifactManifestEntry]) -> None:
    for entry in entries:
        artifact.draft.add_entry(entry)


def _full(name: str, alias: str | None) -> str:
    if ":" in name.rpartition("/")[2]:
        if alias is not None:
            raise InvalidArtifact(f"{name!r} names a version already; leave out the alias {alias!r}")
        return name
    return f"{name}:{alias or 'latest'}"
