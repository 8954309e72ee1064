"""Every error Kymograph raises, as one tree.

::

    KymographError
    ├─ UsageError (ValueError)       InvalidName · InvalidTag · ReservedType · InvalidSetting ·
    │                                InvalidChoice (TypeError) · UnknownSetting (AttributeError, KeyError) ·
    │                                SettingsFrozen (TypeError) ·
    │                                InvalidFilter · InvalidCursor · InvalidQuery · QueryOverLimit · DuplicatePath ·
    │                                InvalidValue (TypeError) · ConfigError · NoActiveRun · RunFinished ·
    │                                InvalidMedia (TypeError) · MissingPackage (ImportError) · InvalidArtifact ·
    │                                InvalidReference · ArtifactStatusError (AttributeError): ArtifactNotLoggedError,
    │                                ArtifactFinalizedError · UnknownOrganization ·
    │                                OfflineUse (TypeError, RuntimeError) · NotAModel (AssertionError) ·
    │                                RunActive (RuntimeError) · NotAFolder (TypeError) · IsFolder (IsADirectoryError) ·
    │                                IsFile (NotADirectoryError) · ReadOnlyPath (PermissionError)
    ├─ NotFoundError (LookupError)   UserNotFound · EntityNotFound · ProjectNotFound, RunNotFound (CommError) ·
    │                                RunFileNotFound (FileNotFoundError) · ArtifactNotFound · SweepNotFound ·
    │                                MembershipNotFound, CollectionNotFound, ArtifactTypeNotFound,
    │                                OrganizationNotFound (CommError, ValueError) · RegistryNotFound (ValueError) ·
    │                                KeyNotFound · RunNotResumable · ObjectNotFound (FileNotFoundError) ·
    │                                VersionNotHere (MembershipNotFound) · ContentNotHere (FileNotFoundError) ·
    │                                ShareNotFound ·
    │                                MediaFileNotFound (FileNotFoundError) · StagedFilesMissing (FileNotFoundError) ·
    │                                EntryNotFound (FileNotFoundError, KeyError) · ReferenceNotFound (FileNotFoundError)
    │                                · BucketFolderNotFound (FileNotFoundError, ValueError) ·
    │                                PathNotFound (FileNotFoundError)
    ├─ ConflictError                 NameTaken · RunDeleted · VersionSealed · AliasesPresent (CommError) ·
    │                                LinkRefused · InvalidTransition · DataFolderBusy · RunExists · FolderBusy ·
    │                                ContentCollected · ArtifactNotSaved (ValueError) · IncompleteRunHistoryError ·
    │                                BlobExists (RuntimeError) · UploadDisturbed · DestinationBusy · VersionNeeded ·
    │                                PathExists (FileExistsError) · FolderNotEmpty (OSError)
    ├─ IntegrityError                DigestMismatch · ManifestCorrupt · StoreCorrupt · JournalCorrupt ·
    │                                ReferenceChanged (ValueError)
    └─ CommError                     what goes wrong with a server, by the name that other clients have for it
       ├─ ProtocolError              MalformedRequest · RequestTooLarge · UnsupportedOperation
       ├─ AuthError                  Unauthenticated · Forbidden · PathForbidden (PermissionError)
       └─ TransportError (OSError)   Unreachable · CertificateRejected · ProxyRefused · ServerBusy · StorageFull ·
                                      FinishTimeout (TimeoutError) · WaitTimeoutError (TimeoutError)

Families end in ``Error`` and inherit the builtin that a caller would expect; leaves state the fact, keep their data as
attributes and say what to do next. The server maps families to HTTP statuses in `kymograph.wire.errors`.
"""

from __future__ import annotations


class KymographError(Exception):
    """Base of every error that Kymograph raises on purpose."""


class CommError(KymographError):
    """A server cannot be asked, does not understand, will not, or does not have it: scripts catch it by this name."""


# --- usage ------------------------------------------------------------------------------------------------------------


class UsageError(KymographError, ValueError):
    """The caller asked for something that cannot be done; the message says what to change."""


class InvalidName(UsageError):
    """A name breaks the rules of its kind."""

    def __init__(self, kind: str, name: str, *, rule: str) -> None:
        shown = name if len(name) <= 80 else f"{name[:77]}…"
        super().__init__(f"{kind} {shown!r} is not allowed: {rule}")
        self.kind, self.name, self.rule = kind, name, rule


class InvalidTag(UsageError):
    """A tag of an artifact or collection breaks the rules."""

    def __init__(self, tag: str) -> None:
        shown = tag if len(tag) <= 80 else f"{tag[:77]}…"
        super().__init__(
            f"Invalid tag {shown!r}: use words of letters, digits, hyphens and underscores, with spaces between them"
        )
        self.tag = tag


class ReservedType(UsageError):
    """A type of artifacts that clients keep for what they log by themselves."""

    def __init__(self, type_name: str) -> None:
        super().__init__(f"Artifact type {type_name!r} is reserved for internal use. Please use a different type.")
        self.type_name = type_name


class InvalidSetting(UsageError):
    """A setting has a value that cannot be used."""

    def __init__(self, setting: str, value: object, *, rule: str) -> None:
        super().__init__(f"setting {setting} = {value!r} cannot be used: {rule}")
        self.setting, self.value, self.rule = setting, value, rule


class InvalidChoice(InvalidSetting, TypeError):
    """A setting has a value of another type, or none of those that there are."""


class UnknownSetting(UsageError, AttributeError, KeyError):
    """There is no setting of that name."""

    def __init__(
        self, setting: str, *, hint: str = "see `kymograph status --settings` for those that there are"
    ) -> None:
        super().__init__(f"there is no setting {setting!r}; {hint}")
        self.setting = setting

    def __str__(self) -> str:
        return str(self.args[0])  # a KeyError would show its quoted form


class SettingsFrozen(UsageError, TypeError):
    """Settings were to be changed after they had been settled."""

    def __init__(self, setting: str) -> None:
        super().__init__(f"setting {setting} cannot change any more: the settings are frozen; change a copy() of them")
        self.setting = setting


class InvalidFilter(UsageError):
    """A run filter does not parse."""

    def __init__(self, problem: str, *, where: str = "filter") -> None:
        super().__init__(f"{where}: {problem}")
        self.problem, self.where = problem, where


class InvalidCursor(UsageError):
    """A page cursor was not issued by this server."""

    def __init__(self, cursor: str) -> None:
        super().__init__(f"cursor {cursor[:40]!r} is not one of ours; start again without it")
        self.cursor = cursor


class InvalidQuery(UsageError):
    """A statement does not parse, does not fit the tables, or asks for something that is not allowed."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"SQL: {problem}")
        self.problem = problem


class QueryOverLimit(UsageError):
    """A query takes more time or memory than one may."""

    def __init__(self, what: str, *, limit: str) -> None:
        super().__init__(
            f"the query was stopped: it needs more than {limit} of {what}; "
            "narrow it to fewer runs, metrics or steps, or aggregate in it"
        )
        self.what, self.limit = what, limit


class DuplicatePath(UsageError):
    """Two entries of one manifest share a path."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"Cannot add the same path twice: {path!r} is there with other content; remove it first, or overwrite it"
        )
        self.path = path


class InvalidValue(UsageError, TypeError):
    """A value of a type that cannot be logged or stored."""

    def __init__(self, where: str, value: object, *, rule: str) -> None:
        super().__init__(f"{where} is of type {type(value).__name__}: {rule}")
        self.where, self.rule = where, rule


class ConfigError(UsageError):
    """A config cannot be read, or a value of it was to change unasked."""


class InvalidMedia(UsageError, TypeError):
    """A media object cannot be made of what was given."""

    def __init__(self, kind: str, problem: str) -> None:
        super().__init__(f"{kind}: {problem}")
        self.kind, self.problem = kind, problem


class MissingPackage(UsageError, ImportError):
    """Something needs a package that is not installed."""

    def __init__(self, package: str, *, purpose: str, install: str) -> None:
        super().__init__(f"{purpose} needs the package {package}, which is not installed: {install}")
        self.package, self.purpose = package, purpose


class UnknownOrganization(UsageError):
    """No organization is meant, or not the one that was named."""

    def __init__(self, entity: str, organization: str | None, *, options: list[str]) -> None:
        known = f"; it belongs to {', '.join(options)}" if options else ""
        if organization is None:
            problem = f"cannot tell which organization's registry is meant for {entity!r}{known}"
        else:
            problem = f"{entity!r} does not belong to the organization {organization!r}{known}"
        super().__init__(f"{problem}; write '<organization>/wandb-registry-<name>/<collection>'")
        self.entity, self.organization, self.options = entity, organization, options


class OfflineUse(UsageError, TypeError, RuntimeError):
    """Something needs a server, and the run is kept offline."""


class NotAModel(UsageError, AssertionError):
    """Something was asked of a model that only models have."""


class RunActive(UsageError, RuntimeError):
    """A run was to be begun beside one that is active."""

    def __init__(self, run: str) -> None:
        super().__init__(f"run {run} is active already; finish it first, or use it")
        self.run = run


class NotAFolder(UsageError, TypeError):
    """Files were to be brought to a place that is no folder."""

    def __init__(self, path: str) -> None:
        super().__init__(f"Destination '{path}' exists, but not a directory; name another one, or move it away")
        self.path = path


class InvalidArtifact(UsageError):
    """An artifact, or a part of it, cannot be as asked."""


class InvalidReference(UsageError):
    """What lies elsewhere cannot be tracked or fetched as asked."""


class ArtifactStatusError(UsageError, AttributeError):
    """Something was asked of an artifact at a time when it has none of it."""


class ArtifactNotLoggedError(ArtifactStatusError):
    """Something was asked of an artifact that only logged ones have."""

    def __init__(self, member: str) -> None:
        super().__init__(
            f"{member!r} used prior to logging artifact or while in offline mode. "
            "Call Artifact.wait() before accessing logged artifact properties."
        )
        self.name = member.rpartition(".")[2]


class ArtifactFinalizedError(ArtifactStatusError):
    """An artifact was to be changed that cannot change any more."""

    def __init__(self, member: str) -> None:
        super().__init__(
            f"{member!r} used on logged artifact. Can't modify finalized artifact. Log a new version: new_draft()"
        )
        self.name = member.rpartition(".")[2]


class IsFolder(UsageError, IsADirectoryError):
    """A folder was named where a file is needed."""

    def __init__(self, path: str, *, hint: str = "name a file in it") -> None:
        super().__init__(f"{path!r} is a folder; {hint}")
        self.path = path


class IsFile(UsageError, NotADirectoryError):
    """A file was named where a folder is needed."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path!r} is a file and no folder")
        self.path = path


class ReadOnlyPath(UsageError, PermissionError):
    """Something was to be changed at a path where nothing can be."""

    def __init__(self, path: str, *, reason: str) -> None:
        super().__init__(f"{path!r} cannot be changed: {reason}")
        self.path = path


class NoActiveRun(UsageError):
    """Something was asked of the active run, and there is none."""

    def __init__(self, member: str) -> None:
        super().__init__(f"there is no active run for {member}; call kymograph.init() first")
        self.member = member


class RunFinished(UsageError):
    """Something was asked of a run that has ended."""

    def __init__(self, run_id: str, member: str) -> None:
        super().__init__(
            f"run {run_id} is finished, so {member} does nothing; call it before finish(), or init() again"
        )
        self.run_id, self.member = run_id, member


# --- not found --------------------------------------------------------------------------------------------------------


class NotFoundError(KymographError, LookupError):
    """Something that was named does not exist, or may not be seen by the caller."""

    kind = "thing"

    def __init__(self, name: str, *, within: str | None = None) -> None:
        place = f" in {within}" if within else ""
        super().__init__(f"{self.kind} {name!r} does not exist{place}, or you may not see it; check its name")
        self.name, self.within = name, within


class UserNotFound(NotFoundError):
    """No such user."""

    kind = "user"


class EntityNotFound(NotFoundError):
    """No such entity (user, team or organization)."""

    kind = "entity"


class ProjectNotFound(NotFoundError, CommError):
    """No such project."""

    kind = "project"


class RunNotFound(NotFoundError, CommError):
    """No such run."""

    kind = "run"


class RunNotResumable(NotFoundError):
    """A run was to be resumed, and there is none."""

    def __init__(self, run_id: str) -> None:
        Exception.__init__(
            self, f"resume='must' but run ({run_id}) doesn't exist; check id, project and entity, or use resume='allow'"
        )
        self.run_id = run_id


class RunFileNotFound(NotFoundError, FileNotFoundError):
    """No such file of a run."""

    kind = "file"


class ArtifactNotFound(NotFoundError):
    """No such artifact version."""

    kind = "artifact"


class MembershipNotFound(ArtifactNotFound, CommError, ValueError):
    """No version of that name where it was looked for."""

    def __init__(self, name: str, *, entity: str, project: str, is_project_missing: bool = False) -> None:
        if is_project_missing:
            problem = f"project {project!r} not found under entity {entity!r}"
        else:
            problem = f"artifact membership {name!r} not found in {f'{entity}/{project}'!r}"
        Exception.__init__(self, f"{problem}, or you may not see it; check the name")
        self.name, self.within = name, f"{entity}/{project}"


class VersionNotHere(MembershipNotFound):
    """No version of that name on this machine, where it was looked for without a server."""

    def __init__(self, name: str, *, entity: str, project: str) -> None:
        super().__init__(name, entity=entity, project=project)
        self.args = (
            f"artifact membership {name!r} not found in {f'{entity}/{project}'!r} on this machine, which knows those "
            "that were logged here, or whose files were listed here; a server may have it: use Api()",
        )


class ContentNotHere(NotFoundError, FileNotFoundError):
    """Files of an artifact are not on this machine, and no server is asked for them."""

    def __init__(self, artifact: str, *, paths: list[str]) -> None:
        shown = ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
        Exception.__init__(
            self, f"{len(paths)} files of artifact {artifact!r} are not on this machine: {shown}; use Api()"
        )
        self.artifact, self.paths = artifact, paths


class StagedFilesMissing(NotFoundError, FileNotFoundError):
    """Files of an artifact are not on this machine any more, and the server does not have them."""

    def __init__(self, artifact: str, *, paths: list[str]) -> None:
        shown = ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
        Exception.__init__(
            self,
            f"artifact {artifact!r} cannot be sent: {len(paths)} of its files are gone: {shown}; bring them back there "
            "and sync again. Everything else of the run is sent",
        )
        self.artifact, self.paths = artifact, paths


class CollectionNotFound(NotFoundError, CommError, ValueError):
    """No such artifact collection."""

    kind = "artifact collection"


class ArtifactTypeNotFound(NotFoundError, CommError, ValueError):
    """No artifacts of such a type."""

    kind = "artifact type"


class RegistryNotFound(NotFoundError, ValueError):
    """No such registry."""

    kind = "registry"


class OrganizationNotFound(NotFoundError, CommError, ValueError):
    """No such organization."""

    kind = "organization"


class SweepNotFound(NotFoundError):
    """No such sweep."""

    kind = "sweep"


class KeyNotFound(NotFoundError):
    """No such API key."""

    kind = "API key"


class ShareNotFound(NotFoundError):
    """A link to a comparison does not open, or is not the caller's to see; which of the reasons it is, is not told."""

    def __init__(self) -> None:
        Exception.__init__(
            self, "this link does not exist, was revoked or has expired; ask whoever gave it to you for another"
        )


class ObjectNotFound(NotFoundError, FileNotFoundError):
    """The object store has no bytes under this key."""

    kind = "object"


class MediaFileNotFound(NotFoundError, FileNotFoundError):
    """No such file on this machine, where a media object was to be made of it."""

    kind = "media file"


class EntryNotFound(NotFoundError, FileNotFoundError, KeyError):
    """No such file in an artifact."""

    def __init__(self, problem: str, *, path: str) -> None:
        Exception.__init__(self, problem)
        self.path = path

    def __str__(self) -> str:
        return str(self.args[0])  # a KeyError would show its quoted form


class ReferenceNotFound(NotFoundError, FileNotFoundError):
    """There is nothing where a reference points."""

    def __init__(self, problem: str, *, uri: str) -> None:
        Exception.__init__(self, problem)
        self.uri = uri

    def __str__(self) -> str:
        return str(self.args[0])


class PathNotFound(NotFoundError, FileNotFoundError):
    """There is nothing at a path of a file system."""

    def __init__(self, path: str, *, problem: str | None = None) -> None:
        Exception.__init__(
            self, problem or f"{path!r}: there is no such file or folder, or you may not see it; check the path"
        )
        self.path = path

    def __str__(self) -> str:
        return str(self.args[0])


class BucketFolderNotFound(NotFoundError, FileNotFoundError, ValueError):
    """There is no folder at an address of a bucket."""

    def __init__(self, uri: str) -> None:
        Exception.__init__(self, f"{uri} does not exist or not a directory.")
        self.uri = uri

    def __str__(self) -> str:
        return str(self.args[0])


# --- conflict ---------------------------------------------------------------------------------------------------------


class ConflictError(KymographError):
    """The request is fine by itself but not beside what exists already."""


class NameTaken(ConflictError):
    """Something of that kind and name exists already."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name!r} exists already; choose another name")
        self.kind, self.name = kind, name


class RunDeleted(ConflictError):
    """The run was deleted; its id cannot be written to again."""

    def __init__(self, run: str) -> None:
        super().__init__(f"run {run!r} was deleted; log to a new run id")
        self.run = run


class VersionSealed(ConflictError):
    """A committed artifact version cannot change."""

    def __init__(self, artifact: str) -> None:
        super().__init__(f"artifact {artifact!r} is committed and cannot change; log a new version")
        self.artifact = artifact


class AliasesPresent(ConflictError, CommError):
    """An artifact version still has aliases, and was to be deleted without them."""

    def __init__(self, artifact: str, *, aliases: tuple[str, ...]) -> None:
        super().__init__(
            f"artifact {artifact!r} has the aliases {', '.join(aliases)}; move them first, or delete them with it"
        )
        self.artifact, self.aliases = artifact, aliases


class ContentCollected(ConflictError):
    """Content that nobody named was collected just before a version was to name it."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count:,} pieces of content were collected a moment ago; commit again, or upload them again")
        self.count = count


class UploadElsewhere(ConflictError):
    """An upload was to go on where the server is not."""

    def __init__(self, name: str, *, start: int) -> None:
        super().__init__(f"upload {name} cannot go on at byte {start:,}; ask how much of it has arrived")
        self.name, self.start = name, start


class IncompleteRunHistoryError(ConflictError):
    """A history was wanted whole as files, and some of its rows are in none yet."""

    def __init__(self, run: str) -> None:
        super().__init__(
            f"some rows of run {run} are in no file yet; wait until it has ended, use scan_history(), or take what "
            "there is with require_complete_history=False"
        )
        self.run = run


class LinkRefused(ConflictError):
    """A collection does not take an artifact version, or does not let it go."""

    def __init__(self, collection: str, *, reason: str) -> None:
        super().__init__(f"artifact collection {collection!r}: {reason}")
        self.collection, self.reason = collection, reason


class RunExists(ConflictError):
    """A new run was asked for under the id of one that exists."""

    def __init__(self, run_id: str, *, path: str) -> None:
        super().__init__(f"resume='never' but run ({run_id}) exists at {path}; leave the id out, or resume it")
        self.run_id, self.path = run_id, path


class FolderBusy(ConflictError):
    """Another sender works on the folder of a run."""

    def __init__(self, folder: str) -> None:
        super().__init__(f"{folder} is being sent by another process; it will finish, or end it first")
        self.folder = folder


class InvalidTransition(ConflictError):
    """A run cannot go from its state to the one asked for."""

    def __init__(self, run: str, *, current: str, wanted: str) -> None:
        # Clients look for the first three words. Source: docs/compatibility.md, `test_run_update_state_failure`.
        super().__init__(f"invalid state transition: run {run!r} is {current} and cannot become {wanted}")
        self.run, self.current, self.wanted = run, current, wanted


class DataFolderBusy(ConflictError):
    """Another server already works on this data folder."""

    def __init__(self, folder: str, *, owner: str) -> None:
        super().__init__(
            f"data folder {folder} is in use by another Kymograph server ({owner}); "
            "stop that one, or start this one with another --data folder"
        )
        self.folder, self.owner = folder, owner


class PathExists(ConflictError, FileExistsError):
    """There is something at a path of a file system already, and it was not to be replaced."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path!r} exists already; choose another path, or write with mode 'wb'")
        self.path = path


class FolderNotEmpty(ConflictError, OSError):
    """A folder was to be removed that has something in it."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path!r} is not empty; remove it with rm(…, recursive=True)")
        self.path = path


# --- artifacts --------------------------------------------------------------------------------------------------------


class ArtifactNotSaved(ConflictError, ValueError):
    """An artifact that was logged did not become a version; the message is the server's."""


class BlobExists(ConflictError, RuntimeError):
    """There is something already where an artifact was to be put into a bucket."""

    def __init__(self, uri: str) -> None:
        super().__init__(
            f"Blob at {uri} already exists, overwrite is not enabled. Give another alias, or overwrite=True "
            "(--overwrite): the new version is put beside it then, and nothing of the old one is lost"
        )
        self.uri = uri


class UploadDisturbed(ConflictError):
    """Objects that an upload had put into a bucket were gone before there was a version of them."""

    def __init__(self, uri: str, *, missing: int) -> None:
        super().__init__(
            f"{missing:,} objects that were just put below {uri} are gone or changed: somebody else works there, "
            "perhaps `wabucket gc` with too short an --older-than; upload again, what is there is not sent again"
        )
        self.uri, self.missing = uri, missing


class DestinationBusy(ConflictError):
    """Two downloads were under way to one folder."""

    def __init__(self, folder: str) -> None:
        super().__init__(f"another download to {folder} is under way; wait for it, or name another folder")
        self.folder = folder


class VersionNeeded(ConflictError):
    """A version was to be deleted that somebody still needs."""

    def __init__(self, artifact: str, *, needed_by: tuple[str, ...]) -> None:
        super().__init__(
            f"{artifact} is needed: {'; '.join(needed_by)}. Nothing was deleted; --force (force=True) deletes it all "
            "the same"
        )
        self.artifact, self.needed_by = artifact, needed_by


# --- integrity --------------------------------------------------------------------------------------------------------


class IntegrityError(KymographError):
    """Bytes are not what they should be."""


class DigestMismatch(IntegrityError):
    """Content does not hash to the digest its manifest promises."""

    def __init__(self, path: str, *, expected: str, actual: str) -> None:
        super().__init__(f"{path}: promised digest {expected}, content hashes to {actual}; send it again")
        self.path, self.expected, self.actual = path, expected, actual


class ManifestCorrupt(IntegrityError):
    """An artifact manifest cannot be read, or names bytes that are not there."""

    def __init__(self, artifact: str, *, problem: str) -> None:
        super().__init__(f"manifest of {artifact}: {problem}")
        self.artifact, self.problem = artifact, problem


class ReferenceChanged(IntegrityError, ValueError):
    """What a reference points to is not what was tracked."""

    def __init__(self, what: str, *, expected: str, actual: str) -> None:
        super().__init__(f"Digest mismatch for {what}: expected {expected!r} but found {actual!r}")
        self.what, self.expected, self.actual = what, expected, actual


class JournalCorrupt(IntegrityError):
    """A file is no journal, or damaged where everything depends on it."""

    def __init__(self, problem: str, *, path: str = "") -> None:
        super().__init__(f"{path or 'journal'}: {problem}")
        self.path, self.problem = path, problem


class StoreCorrupt(IntegrityError):
    """Something stored cannot be read back."""

    def __init__(self, what: str, *, problem: str) -> None:
        super().__init__(f"{what} cannot be read: {problem}")
        self.what, self.problem = what, problem


# --- protocol ---------------------------------------------------------------------------------------------------------


class ProtocolError(CommError):
    """A request does not follow the protocol."""


class MalformedRequest(ProtocolError):
    """A request body or parameter cannot be understood."""

    def __init__(self, problem: str, *, where: str = "body") -> None:
        super().__init__(f"{where}: {problem}")
        self.problem, self.where = problem, where


class RequestTooLarge(ProtocolError):
    """A request is larger or deeper than this server reads."""

    def __init__(self, what: str, *, limit: int, unit: str = "bytes") -> None:
        super().__init__(f"{what} is over the limit of {limit:,} {unit}; send less at once")
        self.what, self.limit, self.unit = what, limit, unit


class UnsupportedOperation(ProtocolError):
    """The operation exists in the protocol and this server does not serve it."""

    def __init__(self, operation: str, *, hint: str) -> None:
        super().__init__(f"{operation} is not supported by this server: {hint}")
        self.operation, self.hint = operation, hint


# --- access -----------------------------------------------------------------------------------------------------------


class AuthError(CommError):
    """The caller is not known, or not allowed."""


class Unauthenticated(AuthError):
    """No valid credential came with the request."""

    def __init__(self, problem: str = "sign in, or send a valid API key") -> None:
        super().__init__(problem)


class Forbidden(AuthError):
    """The caller is known and not allowed to do this."""

    def __init__(self, action: str, *, where: str) -> None:
        super().__init__(f"you may not {action} in {where}; ask one of its administrators")
        self.action, self.where = action, where


class PathForbidden(Forbidden, PermissionError):
    """The caller may not do this at a path of a file system; the message is the server's."""

    def __init__(self, problem: str) -> None:
        Exception.__init__(self, problem)

    def __str__(self) -> str:
        return str(self.args[0])


# --- transport and resources ------------------------------------------------------------------------------------------


class TransportError(CommError, OSError):
    """A passing condition: the same request may succeed later."""


class Unreachable(TransportError):
    """There is no server at an address, or the connection to it broke."""

    def __init__(self, address: str, *, problem: str, proxy: str | None = None) -> None:
        way = f" (through the proxy {proxy})" if proxy else ""
        super().__init__(f"no answer from {address}{way}: {problem}; check that it runs, and WANDB_BASE_URL")
        self.address, self.problem, self.proxy = address, problem, proxy


class CertificateRejected(TransportError):
    """A server's certificate cannot be trusted: nothing was sent to it. It may be renewed, so this may pass."""

    def __init__(self, address: str, *, problem: str, advice: str) -> None:
        super().__init__(
            f"the certificate of {address} is not trusted: {problem}; {advice}. The setting insecure_disable_ssl "
            "(WANDB_INSECURE_DISABLE_SSL=true) goes on without looking at it, and then anybody on the way may read the "
            "API key"
        )
        self.address, self.problem, self.advice = address, problem, advice


class ProxyRefused(TransportError):
    """A proxy on the way to the server lets nothing through."""

    def __init__(self, proxy: str, *, address: str, problem: str) -> None:
        super().__init__(
            f"the proxy {proxy} lets nothing through to {address}: {problem}; check http_proxy and https_proxy "
            "(http://NAME:PASSWORD@HOST:PORT if it asks who you are), or put the host into NO_PROXY"
        )
        self.proxy, self.address, self.problem = proxy, address, problem


class FinishTimeout(TransportError, TimeoutError):
    """A run was not sent whole when `finish` ran out of time. Raised only where the settings ask for it."""

    def __init__(self, run_id: str, *, timeout_s: float, folder: str) -> None:
        super().__init__(
            f"run {run_id} is not on the server after {timeout_s:g} s; nothing is lost, it is kept in {folder}: wait, "
            f"or run `kymograph sync` on it; finish_timeout gives it more time"
        )
        self.run_id, self.timeout_s, self.folder = run_id, timeout_s, folder


class ServerBusy(TransportError):
    """The server cannot take the request now."""

    def __init__(self, problem: str = "the server is busy", *, retry_after_s: float | None = 1.0) -> None:
        super().__init__(f"{problem}; try again {'later' if retry_after_s is None else f'in {retry_after_s:g} s'}")
        self.retry_after_s = retry_after_s


class StorageFull(TransportError):
    """The disk or database has no space left; reads go on."""

    def __init__(self, where: str) -> None:
        super().__init__(f"no space left for {where}; free some space, nothing that was acknowledged is lost")
        self.where = where


class WaitTimeoutError(TransportError, TimeoutError):
    """Something was waited for, and did not come in time."""


# --- other names ------------------------------------------------------------------------------------------------------

# What scripts for the protocol's own client call these. Source: the vendor's package 0.31.0, `errors`.
Error = KymographError
AuthenticationError = AuthError
UnsupportedError = UnsupportedOperation
