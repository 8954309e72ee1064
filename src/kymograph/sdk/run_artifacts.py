"""What a run does with artifacts: logs, uses and links versions.

Logging returns at once, like every logging: what is to be sent is in the run's folder and in its journal by then.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from kymograph.client.artifact_uploads import COMMITTED
from kymograph.client.artifacts import MODEL_REGISTRY, REGISTRY_PREFIX
from kymograph.client.known_versions import KnownVersion
from kymograph.client.runs import RunAddress
from kymograph.core.artifact import LATEST
from kymograph.core.artifact_rules import check_aliases, check_tags
from kymograph.core.digest import DigestAlgorithm
from kymograph.errors import (
    CommError,
    InvalidArtifact,
    InvalidValue,
    KymographError,
    MembershipNotFound,
    NotAModel,
    OfflineUse,
    TransportError,
    UsageError,
)
from kymograph.sdk.api.paths import parse_artifact
from kymograph.sdk.artifacts.artifact import Artifact
from kymograph.sdk.artifacts.links import parse_target
from kymograph.sdk.artifacts.pending import AwaitedVersion, KeptVersion, SentVersion
from kymograph.sdk.artifacts.record import artifact_record
from kymograph.sdk.artifacts.session import Session, session_of
from kymograph.sdk.artifacts.voice import current_voice
from kymograph.wire.records_pb2 import LinkArtifactRequest, Record, Request, UseArtifactRecord

if TYPE_CHECKING:
    from kymograph.sdk.media.base import Value
    from kymograph.sdk.run import Run

StrPath = str | os.PathLike[str]
UNSPECIFIED = "unspecified"
"""The type of what is logged by its path alone."""
_ALGORITHM_FEATURE = "ARTIFACT_DIGEST_ALGORITHM"


class RunArtifacts:
    """The artifacts of one run. Safe to share between threads."""

    def __init__(self, run: Run) -> None:
        """Take the run."""
        self._run = run
        self._lock = threading.Lock()
        self._operations = 0
        """In the journal of this process."""
        self._pid = os.getpid()

    # --- logging -----------------------------------------------------------------------------------------------------

    def log(
        self,
        artifact_or_path: Artifact | StrPath,
        name: str | None = None,
        type: str | None = None,
        aliases: Iterable[str] | str | None = None,
        tags: Iterable[str] | str | None = None,
        *,
        distributed_id: str | None = None,
        is_finalized: bool = True,
        is_user_created: bool = False,
        is_used: bool = False,
        is_checked: bool = True,
    ) -> Artifact:
        """Log a version; see `Run.log_artifact`.

        Args:
            artifact_or_path: The artifact, a file, a folder, or the address of something elsewhere.
            name: For what is no artifact; default: ``run-<id>-<last part of the path>``.
            type: For what is no artifact; default: ``unspecified``.
            aliases: Besides ``latest``.
            tags: Of the version.
            distributed_id: Shared by the processes that write the version together.
            is_finalized: Whether it is whole now.
            is_user_created: Whether it counts as made outside the run.
            is_used: Whether the run uses it, too.
            is_checked: Whether the server is asked if it can become a version.

        Raises:
            UsageError: Something cannot be logged so.
        """
        run = self._run
        checked_aliases = check_aliases(aliases or ())
        checked_tags = check_tags(tags or ())
        artifact = self._artifact(artifact_or_path, name, type)
        artifact.metadata = {**artifact.metadata}  # it may have been changed since, and is checked again here
        artifact.distributed_id = distributed_id
        if run.disabled:
            return artifact
        if is_checked and not run.offline:
            self._check_at_server(artifact)
        known = artifact.draft.relies_on
        if known is not None and not self._has_still(known):
            artifact.draft.keep_all()
        artifact.draft.move_into(run._folder.path, with_immutable=run.offline)
        record = artifact_record(
            artifact,
            run_id=run.id,
            entity=run.entity,
            project=run.project,
            aliases=dict.fromkeys([*checked_aliases, LATEST]),
            tags=checked_tags,
            folder=run._folder.artifacts,
            is_finalized=is_finalized,
            is_user_created=is_user_created,
            is_used=is_used,
        )
        number = self._append(Record(artifact=record))
        settings = run._settings
        if run.offline or number == 0:
            artifact.pending = KeptVersion()
        elif run._link is not None and os.getpid() == run._pid:
            artifact.pending = SentVersion(settings, run._link, number, artifact.name)
        else:
            artifact.pending = AwaitedVersion(settings, artifact.client_id, is_finalized=is_finalized)
        return artifact

    def log_own(self, artifact: Artifact) -> None:
        """Log what the client makes by itself: no server is asked first, for this must not take time."""
        self.log(artifact, is_checked=False)

    def put_table(self, table: Value, key: str) -> Callable[[], object] | None:
        """Put a table that is about to be logged under a key into an artifact; gives what logs that.

        What cannot be in an artifact is in the run's files alone: a row is logged all the same.
        """
        from kymograph.sdk.artifacts.run_tables import table_artifact

        try:
            artifact = table_artifact(table, key, run_id=self._run.id)
        except (UsageError, OSError) as exc:
            current_voice().warn(f"the table {key!r} is in no artifact: {exc}")
            return None

        def log() -> None:
            try:
                self.log_own(artifact)
            except OSError as exc:
                current_voice().warn(f"the table {key!r} is in no artifact: {exc}")

        return log

    def _append(self, record: Record) -> int:
        """Put an operation into the journal; gives its number there, 0 if the disk took nothing."""
        journal = self._run._journal
        with self._lock:
            if os.getpid() != self._pid:  # a fork: it has a journal of its own, with its own numbers
                self._pid, self._operations = os.getpid(), 0
            lost = journal.lost_records
            self._run._append(record)
            if journal.lost_records != lost:
                return 0
            self._operations += 1
            return self._operations

    def _artifact(self, given: Artifact | StrPath, name: str | None, type_name: str | None) -> Artifact:
        """The artifact that is meant, with nothing to be added any more."""
        if isinstance(given, str | os.PathLike):
            path = os.fspath(given)
            artifact = Artifact(name or f"run-{self._run.id}-{os.path.basename(path)}", type_name or UNSPECIFIED)
            if os.path.isfile(path):
                artifact.add_file(path)
            elif os.path.isdir(path):
                artifact.add_dir(path)
            elif "://" in path:
                artifact.add_reference(path)
            else:
                raise InvalidArtifact(
                    f"path must be a file, directory or external reference like s3://bucket/path, and is {path!r}"
                )
        elif isinstance(given, Artifact):
            artifact = given
        else:
            raise InvalidValue(
                "log_artifact()",
                given,
                rule="You must pass an instance of Artifact or a valid file path to log_artifact",
            )
        if not artifact.is_draft():
            raise InvalidArtifact(f"{artifact.name} is logged already; log a new version: new_draft()")
        artifact.finalize()
        return artifact

    def _check_at_server(self, artifact: Artifact) -> None:
        """Refuse early what the server will refuse later, if it can be asked now."""
        run = self._run
        try:
            session = self._session()
            known = session.artifacts.type_of(run.entity, run.project, artifact.name)
            if artifact.digest_algorithm is not DigestAlgorithm.MD5 and (
                not session.artifacts.supports(_ALGORITHM_FEATURE)
                or (known is not None and self._is_md5(session, artifact.name))
            ):
                artifact.manifest.hash_contents_with_md5()
        except CommError:
            return
        except KymographError:
            known = None
        if known is not None and known != artifact.type:
            raise InvalidArtifact(
                f"Artifact {artifact.name} already exists with type '{known}'; cannot create another with type "
                f"'{artifact.type}'"
            )
        if artifact.home is not None:
            entity, project = artifact.home
            if run.entity and entity and entity != run.entity:
                raise InvalidArtifact(
                    f"Artifact {artifact.name} is owned by entity '{entity}'; it can't be moved to '{run.entity}'"
                )
            if run.project and project and project != run.project:
                raise InvalidArtifact(
                    f"Artifact {artifact.name} exists in project '{project}'; it can't be moved to '{run.project}'"
                )

    def _has_still(self, known: KnownVersion) -> bool:
        """Whether the server has a version that contents are left to, where this run is logged to."""
        run = self._run
        if run.offline or (run.entity, run.project) != (known.entity, known.project):
            return False
        try:
            return self._session().artifacts.state_of(known.id) == COMMITTED
        except KymographError:
            return False

    def _is_md5(self, session: Session, name: str) -> bool:
        """Whether the versions of a name are hashed by MD5: those of one collection all are hashed alike."""
        latest = session.artifact_by_name(self._run.entity, self._run.project, name)
        return latest.manifest.digest_algorithm is DigestAlgorithm.MD5

    def upsert(
        self,
        artifact_or_path: Artifact | StrPath,
        name: str | None,
        type: str | None,
        aliases: Iterable[str] | str | None,
        distributed_id: str | None,
        *,
        is_finalized: bool,
    ) -> Artifact:
        """Add to a version that several processes write, or end it; see `Run.upsert_artifact`."""
        shared = distributed_id if distributed_id is not None else self._run.group
        if not shared:
            verb = "finish" if is_finalized else "upsert"
            raise InvalidValue(
                f"Cannot {verb} artifact unless run is in a group or distributed_id is provided; distributed_id",
                distributed_id,
                rule="give a text that all processes of the artifact share",
            )
        return self.log(artifact_or_path, name, type, aliases, distributed_id=shared, is_finalized=is_finalized)

    # --- using -------------------------------------------------------------------------------------------------------

    def use(
        self,
        artifact_or_name: Artifact | str,
        type: str | None = None,
        aliases: Iterable[str] | str | None = None,
        use_as: str | None = None,
    ) -> Artifact:
        """Mark a version as an input; see `Run.use_artifact`."""
        run = self._run
        if run.offline:
            raise OfflineUse("Cannot use artifact when in offline mode.")
        if use_as is not None:
            current_voice().warn("use_as is deprecated: it does nothing")
        if isinstance(artifact_or_name, str):
            artifact = self._find(artifact_or_name)
            if type is not None and artifact.type != type:
                raise InvalidArtifact(
                    f"Supplied type {type} does not match type {artifact.type} of artifact {artifact.name}"
                )
        elif isinstance(artifact_or_name, Artifact):
            artifact = artifact_or_name
            if artifact.is_draft():
                if artifact.pending is None:
                    self.log(artifact, aliases=aliases, is_user_created=True, is_used=True)
                artifact.wait()
        else:
            raise InvalidArtifact(
                'You must pass an artifact name (e.g. "pedestrian-dataset:v1"), an instance of Artifact, or what the '
                "API found, to use_artifact"
            )
        if run.disabled or artifact.id is None:
            return artifact
        self.note_use(artifact.id, type_name=artifact.type, name=artifact.name)
        try:
            # The journal would bring it there, too; now it is there when this returns.
            at = RunAddress(run.entity, run.project, run.id)
            self._session().artifacts.use(artifact.id, at, found_in=(artifact.entity, artifact.project))
        except TransportError as exc:
            current_voice().warn(f"the use of artifact {artifact.name} is told to the server later: {exc}")
        return artifact

    def note_use(self, artifact_id: str, *, type_name: str, name: str) -> None:
        """Mark a version as an input, as far as this machine is concerned: the sender tells the server."""
        self._append(Record(use_artifact=UseArtifactRecord(id=artifact_id, type=type_name, name=name)))

    def _find(self, name: str) -> Artifact:
        """A version by its name; entity and project are the run's unless they are in it.

        Raises:
            MembershipNotFound: There is none.
        """
        run, named, session = self._run, parse_artifact(name), self._session()
        project = named.project or run.project
        if project.startswith(REGISTRY_PREFIX):
            # Whose registry: that of the organization that the run's own team is part of.
            organization = named.entity or run._settings.organization or None
            owner = session.artifacts.organization_entity(run.entity, organization)
        else:
            owner = named.entity or run.entity
        return session.artifact_by_name(owner, project, named.id)

    def use_model(self, name: str) -> str:
        """The files of a model; see `Run.use_model`."""
        if self._run.offline:
            raise OfflineUse("`use_model` not supported in offline mode.")
        artifact = self.use(name)
        _require_model(artifact.type)
        folder = artifact.download()
        found = os.listdir(folder)
        return os.path.join(folder, found[0]) if len(found) == 1 else folder

    # --- linking -----------------------------------------------------------------------------------------------------

    def link(self, artifact: Artifact, target_path: str, aliases: Iterable[str] | str | None = None) -> Artifact:
        """Put a version into another collection; see `Run.link_artifact`."""
        run = self._run
        checked = check_aliases(aliases or ())
        owner, project, name = parse_target(target_path)
        is_registry = project.startswith(REGISTRY_PREFIX)
        if not is_registry:
            # Whose registry is meant is decided by the version's team; everything else is near the run.
            owner, project = owner or run.entity, project or run.project
        if artifact.is_draft() and artifact.pending is None:
            artifact = self.log(artifact)
        if run.disabled:
            return artifact
        if run.offline:
            self._append(
                Record(
                    request=Request(
                        link_artifact=LinkArtifactRequest(
                            client_id="" if artifact.id else artifact.client_id,
                            server_id=artifact.id or "",
                            portfolio_name=name,
                            portfolio_entity="" if is_registry else owner,
                            portfolio_project=project,
                            portfolio_organization=owner if is_registry else "",
                            portfolio_aliases=checked,
                        )
                    )
                )
            )
            return artifact
        path = "/".join(filter(None, (owner, project, name)))
        return artifact.wait().link(path, checked)

    def link_model(
        self, path: StrPath, registered_model_name: str, name: str | None, aliases: Iterable[str] | str | None
    ) -> Artifact:
        """Log a model and link it; see `Run.link_model`."""
        if "/" in registered_model_name:
            raise NotAModel(
                "Please provide only the name of the registered model. Do not append the entity or project name."
            )
        run = self._run
        type_name = "model"
        if not run.offline and not run.disabled and name:
            with suppress(MembershipNotFound, CommError):
                type_name = self._find(f"{name}:{LATEST}").type
            _require_model(type_name)
        artifact = self.log(path, name, type_name)
        target = "/".join(filter(None, (run.entity, MODEL_REGISTRY, registered_model_name)))
        return self.link(artifact, target, aliases)

    def _session(self) -> Session:
        return session_of(self._run._settings)


def _require_model(type_name: str) -> None:
    if "model" not in type_name.lower():
        raise NotAModel(
            "You can only use this method for 'model' artifacts. For an artifact to be a 'model' artifact, its type "
            f"property must contain the substring 'model', and is {type_name!r}."
        )


def save_draft(artifact: Artifact, project: str | None, settings: object | None) -> None:
    """Log a draft: by the active run, or by one that is begun for it alone."""
    from kymograph.sdk.active import active_run
    from kymograph.sdk.init import init
    from kymograph.sdk.settings import Settings

    run = active_run()
    if run is not None:
        run.log_artifact(artifact)
        return
    entity, home = artifact.home or (None, None)
    given = settings if isinstance(settings, Settings) else {"silent": True}
    with init(entity=entity, project=project or home, job_type="auto", settings=given) as started:
        started.log_artifact(artifact)
