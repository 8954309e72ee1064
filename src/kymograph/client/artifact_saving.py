"""How one version comes to a server: begin, files, manifest, commit.

A saving is a generator: it yields pieces of work that may be done at the same time, and is sent their results. So it
knows neither threads nor waiting nor retries: whoever drives it does each piece until it succeeds, or throws the error
that the server will answer with again. Every piece may be done twice.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from kymograph.client.artifact_bulk import SMALL_BYTES, ArtifactBulkClient
from kymograph.client.artifact_entries import (
    Locator,
    LoggedEntry,
    ManifestWriter,
    iter_entries,
    manifest_head,
    storage_region,
)
from kymograph.client.artifact_uploads import ArtifactUploadClient, Begun, FileSpec, ManifestPlan, Part, UploadPlan
from kymograph.client.artifacts import ArtifactClient
from kymograph.client.bulk_chunks import BulkChunk, SmallFile, in_chunks
from kymograph.client.early_files import EarlyFiles
from kymograph.client.known_versions import MAX_BYTES as MAX_KNOWN_BYTES
from kymograph.client.known_versions import KnownVersion, KnownVersions
from kymograph.client.manifest_changes import ManifestChanges, find_changes
from kymograph.client.runs import RunAddress
from kymograph.client.transfers import Span, Transfers
from kymograph.client.upload_parts import hash_parts, part_size
from kymograph.core.digest import DigestAlgorithm
from kymograph.errors import (
    ArtifactNotSaved,
    AuthError,
    IntegrityError,
    NotFoundError,
    StagedFilesMissing,
    Unreachable,
)
from kymograph.types import JsonObject
from kymograph.wire.artifact_addresses import CLIENT_SCHEME, artifact_address, split_address
from kymograph.wire.records_pb2 import ArtifactRecord

FILES_PER_REQUEST = 5_000
"""Files announced at once."""
RESUMED_BYTES = 8 << 20
"""Files from this size on go on where they broke off, with servers that can."""
CHUNK_FILES = 50
"""Files that one worker sends one after the other…"""
CHUNK_BYTES = 8 << 20
"""…unless they are larger than this together."""
_KIND_AND_NAME = {
    "full": ("FULL", "wandb_manifest.json"),
    "incremental": ("INCREMENTAL", "wandb_manifest.incremental.json"),
    "patch": ("PATCH", "wandb_manifest.patch.json"),
}
"""Kinds of manifests, and the names of their documents. Source: protocol.md §7.1."""

Work: TypeAlias = Callable[[], Any]
Steps: TypeAlias = Generator[list[Work], list[Any], str]
"""Ends with the id of the version."""


@dataclass(slots=True)
class SavingCounts:
    """How far the files of all versions are. Changed by the threads that send."""

    files_wanted: int = 0
    files_sent: int = 0
    bytes_sent: int = 0

    def add_files(self, count: int) -> None:
        """So many more were sent."""
        self.files_sent += count

    def add_bytes(self, size: int) -> None:
        """So much more was sent."""
        self.bytes_sent += size


@dataclass(frozen=True, slots=True)
class Saver:
    """What savings need to know and to have."""

    artifacts: ArtifactClient
    uploads: ArtifactUploadClient
    transfers: Transfers
    folder: Path
    """The artifacts' folder of the run."""
    counts: SavingCounts
    bulk: ArtifactBulkClient
    early: EarlyFiles
    base_url: str
    known: KnownVersions | None = None
    """What was logged last; None where nothing is noted."""
    ids: dict[str, str] = field(default_factory=dict)
    """Ids at the server by those that clients made up."""

    def save(self, record: ArtifactRecord, at: RunAddress, history_step: int) -> Steps:
        """Bring a version to the server; ends with its id there.

        Args:
            record: Of the version.
            at: The run that logged it.
            history_step: The step of the run's next row at that moment.

        Raises:
            StagedFilesMissing: The server needs files that are gone.
            KymographError: The server does not want it.
        """
        return _Saving(self, record, at, history_step).steps()


@dataclass(slots=True)
class _Upload:
    """One file on its way."""

    entry: LoggedEntry
    path: Path
    plan: UploadPlan
    parts: tuple[Part, ...]


@dataclass(slots=True)
class _Planned:
    """Files that were announced, and what the server wants of them."""

    artifact_id: str
    manifest_id: str
    wanted: list[_Upload]
    small: list[SmallFile]
    """Those that go together."""
    url: str
    """Where these go."""
    is_last: bool


class _Saving:
    """One version on its way."""

    def __init__(self, saver: Saver, record: ArtifactRecord, at: RunAddress, history_step: int) -> None:
        self._saver, self._record, self._at, self._history_step = saver, record, at, history_step
        self._locate = Locator(saver.folder)
        self._algorithm = DigestAlgorithm(record.digest_algorithm or DigestAlgorithm.MD5)
        kind = "incremental" if record.incremental_beta1 else "patch" if record.distributed_id else "full"
        self._is_announced_later = kind != "full"
        self._kind, self._manifest_name = _KIND_AND_NAME[kind]

    def steps(self) -> Steps:
        record, uploads = self._record, self._saver.uploads
        begun: Begun
        (begun,) = yield [lambda: uploads.begin(self._input())]
        self._saver.ids[record.client_id] = begun.id
        if not begun.is_committed:
            yield from self._send(begun)
        if record.use_after_commit and (begun.is_committed or record.finalize):
            at = self._at
            found_in = (at.entity, at.project)
            yield [lambda: self._saver.artifacts.use(begun.id, at, found_in=found_in)]
        return begun.id

    def _input(self) -> JsonObject:
        """``CreateArtifactInput``. Source: protocol.md §7.2."""
        record = self._record
        given: JsonObject = {
            "entityName": self._at.entity,
            "projectName": self._at.project,
            "runName": None if record.user_created else self._at.run_id,
            "artifactTypeName": record.type,
            "artifactCollectionName": record.name,
            "digest": record.digest,
            "digestAlgorithm": str(self._algorithm),
            "description": record.description or None,
            "metadata": record.metadata or None,
            "aliases": [{"artifactCollectionName": record.name, "alias": alias} for alias in record.aliases],
            "ttlDurationSeconds": record.ttl_duration_seconds or None,
            "historyStep": self._history_step or None,
            "enableDigestDeduplication": True,
            "distributedID": record.distributed_id or None,
            "clientID": record.client_id,
            "sequenceClientID": record.sequence_client_id,
        }
        if record.tags:
            given["tags"] = [{"tagName": tag} for tag in record.tags]
        region = storage_region(record.manifest)
        if region is not None:
            given["storageRegion"] = region
        return {name: value for name, value in given.items() if value is not None}

    # --- files and manifest ------------------------------------------------------------------------------------------

    def _send(self, begun: Begun) -> Generator[list[Work], list[Any], None]:
        base = self._known_base()
        if base is not None:
            changes: ManifestChanges
            (changes,) = yield [lambda: find_changes(iter_entries(self._record, self._locate), base.contents)]
            if changes.is_small:
                try:
                    yield from self._send_changes(begun, base, changes)
                except (NotFoundError, IntegrityError) as exc:
                    if isinstance(exc, StagedFilesMissing):
                        raise
                    # What it was based on is gone, or not what it was: the whole version says it all.
                else:
                    return
        yield from self._send_whole(begun)

    def _known_base(self) -> KnownVersion | None:
        """A version that this one can be told as changes of."""
        saver, record = self._saver, self._record
        if saver.known is None or self._kind != "FULL" or not record.finalize or not saver.bulk.is_offered:
            return None
        known = saver.known.find(saver.base_url, record.name)
        if known is None or (known.entity, known.project) != (self._at.entity, self._at.project):
            return None
        return known if known.head == manifest_head(storage_region(record.manifest)) else None

    def _send_changes(
        self, begun: Begun, base: KnownVersion, changes: ManifestChanges
    ) -> Generator[list[Work], list[Any], None]:
        saver = self._saver
        manifest_id = ""
        if any(entry.local_path is not None and entry.size_bytes > SMALL_BYTES for entry in changes.changed):
            # Large files are announced as to any server, and that knows them by their manifest.
            begin = self._manifest_variables(begun)
            manifest: ManifestPlan
            (manifest,) = yield [lambda: saver.uploads.begin_manifest(begin)]
            manifest_id = manifest.id
        for start in range(0, len(changes.changed), FILES_PER_REQUEST):
            batch = changes.changed[start : start + FILES_PER_REQUEST]
            planned: _Planned
            (planned,) = yield [partial(self._plan, begun.id, manifest_id, batch)]
            works = self._work_for(planned)
            results: list[Any] = (yield works) if works else []
            completions = [result for result in results if callable(result)]
            if completions:
                yield completions
        changed = {entry.path: entry.document() for entry in changes.changed}
        yield [lambda: saver.bulk.amend(begun.id, base.id, removed=changes.removed, changed=changed)]
        yield [lambda: saver.uploads.commit(begun.id)]
        for path in changes.removed:
            del base.contents[path]
        base.contents.update(changed)
        self._remember(begun.id, base.document())

    def _remember(self, artifact_id: str, text: bytes) -> None:
        """Note a version that was committed, so that the next one can be told as changes."""
        at, record, known = self._at, self._record, self._saver.known
        if known is not None and self._kind == "FULL" and record.finalize:
            known.save(
                self._saver.base_url,
                record.name,
                artifact_id=artifact_id,
                entity=at.entity,
                project=at.project,
                text=text,
            )

    def _manifest_variables(self, begun: Begun) -> JsonObject:
        return {
            "artifactID": begun.id,
            "baseArtifactID": self._record.base_id or begun.latest_id,
            "name": self._manifest_name,
            "digest": "",
            "entityName": self._at.entity,
            "projectName": self._at.project,
            "runName": self._at.run_id,
            "manifestType": self._kind,
            "includeUpload": False,
        }

    def _send_whole(self, begun: Begun) -> Generator[list[Work], list[Any], None]:
        uploads = self._saver.uploads
        begin = self._manifest_variables(begun)
        manifest: ManifestPlan
        (manifest,) = yield [lambda: uploads.begin_manifest(begin)]
        self._saver.folder.mkdir(parents=True, exist_ok=True)
        path = self._saver.folder / f"manifest-{self._record.client_id[:24]}-{os.getpid()}.json"
        document = ManifestWriter(path, region=storage_region(self._record.manifest))
        try:
            yield from self._send_files(begun.id, manifest.id, document)
            digest = document.end()
            if self._is_announced_later:
                (manifest,) = yield [lambda: uploads.announce_manifest(manifest.id, digest=digest)]
            else:
                announce = {**begin, "digest": digest, "includeUpload": True}
                (manifest,) = yield [lambda: uploads.begin_manifest(announce)]
            yield [lambda: self._put_manifest(manifest, path)]
            if self._record.finalize:
                yield [lambda: uploads.commit(begun.id)]
                if path.stat().st_size <= MAX_KNOWN_BYTES:
                    self._remember(begun.id, path.read_bytes())
        finally:
            document.close()

    def _send_files(
        self, artifact_id: str, manifest_id: str, document: ManifestWriter
    ) -> Generator[list[Work], list[Any], None]:
        entries = iter_entries(self._record, self._locate)
        batch: list[LoggedEntry] = []
        # A piece of work that is done again must not take the next entries.
        taken: list[list[LoggedEntry]] = []

        def plan() -> _Planned:
            nonlocal batch
            if not taken:
                taken.append(list(islice(entries, FILES_PER_REQUEST)))
            batch = taken[0]
            return self._plan(artifact_id, manifest_id, batch)

        planned: _Planned
        (planned,) = yield [plan]
        while True:
            for entry in batch:
                document.add(entry)
            works = self._work_for(planned)
            taken.clear()
            # Addresses of the next files are asked for while these are sent.
            todo = works if planned.is_last else [plan, *works]
            results: list[Any] = (yield todo) if todo else []
            completions = [result for result in results if callable(result)]
            if completions:
                yield completions
            if planned.is_last:
                return
            planned = results[0]

    def _plan(self, artifact_id: str, manifest_id: str, batch: Sequence[LoggedEntry]) -> _Planned:
        """Announce files; notes in each entry where its bytes come from."""
        here = [(entry, self._locate(entry.local_path)) for entry in batch if entry.local_path is not None]
        is_bulk = self._saver.bulk.is_offered
        together = [SmallFile(*one) for one in here if is_bulk and one[0].size_bytes <= SMALL_BYTES]
        small, url = self._announce_small(artifact_id, together)
        alone = [one for one in here if not is_bulk or one[0].size_bytes > SMALL_BYTES]
        for _, path in alone:
            self._saver.early.wait(path)
        # A server that takes small files together takes large ones whole: hashing parts would be reading all once more.
        specs = [
            FileSpec(entry.path, entry.digest, () if is_bulk else hash_parts(path, entry.size_bytes))
            for entry, path in alone
        ]
        plans = self._saver.uploads.plan_files(artifact_id, manifest_id, specs, self._algorithm) if specs else []
        wanted = []
        for (entry, path), spec, plan in zip(alone, specs, plans, strict=True):
            entry.birth_id = plan.birth_id or artifact_id
            if plan.is_wanted:
                wanted.append(_Upload(entry, path, plan, spec.parts))
        for entry in batch:
            if entry.ref is not None and entry.ref.startswith(CLIENT_SCHEME):
                entry.ref = self._resolved(entry.ref)
        return _Planned(artifact_id, manifest_id, wanted, small, url, is_last=len(batch) < FILES_PER_REQUEST)

    def _announce_small(self, artifact_id: str, files: Sequence[SmallFile]) -> tuple[list[SmallFile], str]:
        """Those of the files that the server wants, each content once, and where they go."""
        if not files:
            return [], ""
        named = [(file.entry.path, file.entry.digest) for file in files]
        announced = self._saver.bulk.announce(artifact_id, named, self._algorithm)
        wanted: dict[str, SmallFile] = {}
        for index, (file, birth_id) in enumerate(zip(files, announced.births, strict=True)):
            file.entry.birth_id = birth_id
            if index in announced.wanted:
                wanted.setdefault(file.entry.digest, file)
        return [*wanted.values()], announced.url

    def _resolved(self, ref: str) -> str:
        """A reference into a version that had no id at the server yet when this one was made."""
        _, place, path = split_address(ref)
        client_id = place.partition(":")[0]
        known = self._saver.ids.get(client_id) or self._saver.artifacts.id_of_client_id(client_id)
        if known is None:
            raise ArtifactNotSaved(
                f"artifact {self._record.name} refers to a version that the server has not heard of (client id "
                f"{client_id[:12]}…, {path}); log that one first"
            )
        self._saver.ids[client_id] = known
        return artifact_address(known, path)

    def _work_for(self, planned: _Planned) -> list[Work]:
        paths = [*(upload.path for upload in planned.wanted), *(file.path for file in planned.small)]
        missing = [str(path) for path in paths if not os.path.isfile(path)]
        if missing:
            raise StagedFilesMissing(self._record.name, paths=missing)
        counts = self._saver.counts
        counts.files_wanted += len(paths)
        works: list[Work] = []
        whole: list[_Upload] = []
        for upload in planned.wanted:
            if upload.plan.part_urls:
                works += _part_works(self._saver, upload)
            else:
                whole.append(upload)
        works += [_Chunk(self, planned, chunk) for chunk in _chunks(whole)]
        works += [
            BulkChunk(
                self._saver.bulk,
                self._record.name,
                planned.artifact_id,
                self._algorithm,
                planned.url,
                chunk,
                note_bytes=counts.add_bytes,
                note_files=counts.add_files,
            )
            for chunk in in_chunks(planned.small)
        ]
        return works

    def plan_again(self, planned: _Planned, entry: LoggedEntry) -> UploadPlan:
        """A new address for a file whose address has expired."""
        spec = FileSpec(entry.path, entry.digest)
        return self._saver.uploads.plan_files(planned.artifact_id, planned.manifest_id, [spec], self._algorithm)[0]

    def send_file(self, upload: _Upload) -> None:
        """Send one file, or the rest of it."""
        assert upload.plan.url is not None
        saver, entry = self._saver, upload.entry
        if entry.size_bytes >= RESUMED_BYTES and saver.bulk.is_offered:
            note = saver.counts.add_bytes
            if saver.bulk.send_content(self._at, upload.path, self._algorithm, digest=entry.digest, note=note):
                saver.counts.files_sent += 1
                return
        with upload.path.open("rb") as source:
            span = Span(0, os.fstat(source.fileno()).st_size)
            self._saver.transfers.put(
                upload.plan.url,
                source,
                span,
                headers=dict(upload.plan.headers),
                note=self._saver.counts.add_bytes,
            )
        self._saver.counts.files_sent += 1

    def _put_manifest(self, manifest: ManifestPlan, path: Path) -> None:
        if manifest.url is None:
            raise ArtifactNotSaved(f"the server gives no address for the manifest of artifact {self._record.name}")
        with path.open("rb") as source:
            span = Span(0, os.fstat(source.fileno()).st_size)
            self._saver.transfers.put(manifest.url, source, span, headers=dict(manifest.headers))


@dataclass(slots=True)
class _Chunk:
    """Files that one worker sends; done again, it goes on after the last that arrived."""

    saving: _Saving
    planned: _Planned
    left: list[_Upload]

    def __call__(self) -> None:
        while self.left:
            upload = self.left[-1]
            try:
                self.saving.send_file(upload)
            except AuthError:
                # Addresses expire. If a new one is refused, too, that is the answer.
                upload.plan = self.saving.plan_again(self.planned, upload.entry)
                if upload.plan.url is not None:
                    self.saving.send_file(upload)
            except FileNotFoundError as exc:
                raise StagedFilesMissing(self.saving._record.name, paths=[str(upload.path)]) from exc
            self.left.pop()


def _chunks(uploads: Sequence[_Upload]) -> Iterator[list[_Upload]]:
    chunk: list[_Upload] = []
    size = 0
    for upload in uploads:
        if chunk and (len(chunk) >= CHUNK_FILES or size + upload.entry.size_bytes > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(upload)
        size += upload.entry.size_bytes
    if chunk:
        yield chunk


def _part_works(saver: Saver, upload: _Upload) -> list[Work]:
    """One piece of work for each part of a file; the last to end gives the piece that puts them together."""
    size = part_size(upload.entry.size_bytes)
    etags: dict[int, str] = {}
    urls = upload.plan.part_urls

    def complete() -> None:
        saver.uploads.complete_parts(upload.plan, sorted(etags.items()))
        saver.counts.files_sent += 1

    def part_work(number: int, url: str) -> Work:
        def send() -> Work | None:
            start = (number - 1) * size
            span = Span(start, min(size, upload.entry.size_bytes - start))
            digest = b64encode(bytes.fromhex(upload.parts[number - 1].hex_md5)).decode()
            headers = {"Content-MD5": digest, "Content-Type": dict(upload.plan.headers).get("Content-Type", "")}
            with upload.path.open("rb") as source:
                answered = saver.transfers.put(url, source, span, headers=headers, note=saver.counts.add_bytes)
            etag = answered.get("etag")
            if not etag:
                raise Unreachable(url.partition("?")[0], problem="a part was taken without an ETag")
            etags[number] = etag
            return complete if len(etags) == len(urls) else None

        return send

    return [part_work(number, url) for number, url in urls]


def forget_staged(record: ArtifactRecord, folder: Path) -> None:
    """Take away the copies that were kept for the sake of sending."""
    locate = Locator(folder)
    with suppress(OSError):
        for entry in iter_entries(record, locate):
            # Most files of a large artifact are nobody's copies: those are not looked for.
            if entry.local_path is not None and folder.name in entry.local_path:
                path = locate(entry.local_path)
                if path.is_relative_to(folder):
                    path.unlink(missing_ok=True)
        if record.manifest.manifest_file_path:
            path = locate(record.manifest.manifest_file_path)
            if path.is_relative_to(folder):
                path.unlink(missing_ok=True)
