"""Wiring: which adapters and services a server runs with. The only place that knows the adapters."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kymograph.core.config import branch_point
from kymograph.errors import ObjectNotFound
from kymograph.server.settings import Settings
from kymograph.services.accounts import AccountService
from kymograph.services.admission import Admission
from kymograph.services.artifact_amendments import ArtifactAmendments
from kymograph.services.artifact_bulk import ArtifactBulk
from kymograph.services.artifact_catalog import ArtifactCatalog
from kymograph.services.artifact_commits import ArtifactCommits
from kymograph.services.artifact_contents import ArtifactContents
from kymograph.services.artifact_downloads import ArtifactDownloads
from kymograph.services.artifact_garbage import ArtifactCollector
from kymograph.services.artifact_lineage import ArtifactLineage
from kymograph.services.artifact_links import ArtifactLinks
from kymograph.services.artifact_space import ArtifactSpace
from kymograph.services.artifact_uploads import ArtifactUploads
from kymograph.services.artifacts import ArtifactService
from kymograph.services.collections import CollectionService
from kymograph.services.compaction import CompactionPolicy, Compactor
from kymograph.services.container import Services
from kymograph.services.exports import ExportService
from kymograph.services.file_copies import FileCopies
from kymograph.services.files import FileService
from kymograph.services.garbage import Collector
from kymograph.services.history import HistoryService
from kymograph.services.lineage_graph import LineageGraphs
from kymograph.services.live import LiveBus, LocalLiveBus
from kymograph.services.projects import ProjectService
from kymograph.services.registries import RegistryService
from kymograph.services.registry_members import RegistryMembers
from kymograph.services.runs import RunService
from kymograph.services.secrets import Signer
from kymograph.services.sql import SqlService
from kymograph.storage.base import Database
from kymograph.storage.database import open_database
from kymograph.storage.history.base import SegmentFactory
from kymograph.storage.history.export.tables import TableWriter
from kymograph.storage.history.query import StoredHistory
from kymograph.storage.history.segments.build import Limits, SegmentBuilder
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.history.segments.process import SegmentProcess
from kymograph.storage.lock import DataFolderLock
from kymograph.storage.metadata.value_index import ValueIndexer
from kymograph.storage.objects.base import ObjectStore
from kymograph.storage.objects.store import open_objects
from kymograph.storage.sql.process import SqlProcesses
from kymograph.types import JsonObject, ObjectKey
from kymograph.wire import content_parts, manifest_json
from kymograph.wire.sharing import merge_configs

SIGNING_KEY = ObjectKey("system/signing-key")
SIGNING_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Deployment:
    """A running server's parts; close it when done."""

    settings: Settings
    database: Database
    objects: ObjectStore
    services: Services
    lock: DataFolderLock | None

    def close(self) -> None:
        """Finish what is under way and release files, connections and the data folder."""
        self.services.compactor.stop()
        self.services.exports.close()
        self.services.sql.close()
        self.services.live.close()
        self.database.close()
        if self.lock is not None:
            self.lock.release()


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


def open_deployment(
    settings: Settings, *, clock: Callable[[], datetime] = utc_now, exclusive: bool = True
) -> Deployment:
    """Open database and object store and build the services over them.

    Args:
        settings: Where database and objects are.
        clock: Gives the present moment.
        exclusive: Take the data folder for this process; administration beside a running server does not.

    Raises:
        DataFolderBusy: Another server uses the data folder.
        InvalidSetting: A URL cannot be used.
    """
    lock = None
    if settings.is_embedded or settings.objects.startswith("file:"):
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as undo:
        if settings.is_embedded and exclusive:
            lock = DataFolderLock(settings.data)
            undo.callback(lock.release)
        database = open_database(settings.database)
        undo.callback(database.close)
        objects = open_objects(settings.objects)
        signer = Signer(_signing_key(objects))
        live = _open_live(settings)
        grace = timedelta(seconds=settings.gc_grace_s)
        segment_files = SegmentFiles(
            objects, folder=settings.data / "cache" / "segments", folder_bytes=settings.segment_cache_bytes
        )
        compactor = Compactor(
            database,
            _open_factory(settings, database, objects, segment_files),
            clock,
            worker=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}",
            is_alone=lock is not None,
            policy=CompactionPolicy(
                full_bytes=settings.compact_bytes,
                quiet_bytes=settings.compact_quiet_bytes,
                quiet_s=settings.compact_quiet_s,
                claim_time=timedelta(seconds=settings.compact_claim_s),
                build_time=grace / 2,
            ),
        )
        reader = StoredHistory(database, segment_files, cache_bytes=settings.cache_bytes)
        history = HistoryService(database, reader, live, clock, _branch_point_of, compactor.note)
        artifact_garbage = ArtifactCollector(
            database,
            objects,
            clock,
            grace=grace,
            undelete=timedelta(seconds=settings.undelete_s),
            abandon=timedelta(seconds=settings.draft_s),
        )
        services = Services(
            accounts=AccountService(database, clock),
            projects=ProjectService(database, clock),
            registries=RegistryService(database, clock),
            registry_members=RegistryMembers(database),
            runs=RunService(database, ValueIndexer(database), live, clock, merge_configs),
            history=history,
            exports=ExportService(
                database,
                reader,
                history,
                objects,
                TableWriter(settings.data / "cache" / "exports"),
                signer,
                clock,
                public_url=settings.public_url,
                scratch=settings.data / "cache" / "exports",
                offers_all=settings.parquet_history == "all",
            ),
            files=FileService(database, objects, signer, live, clock, public_url=settings.public_url),
            file_copies=FileCopies(database, objects, live, clock),
            collections=CollectionService(database, clock),
            artifacts=ArtifactService(database, clock),
            artifact_links=ArtifactLinks(database, clock),
            artifact_lineage=ArtifactLineage(database, clock),
            artifact_uploads=ArtifactUploads(
                database, objects, signer, clock, public_url=settings.public_url, regions=settings.storage_regions
            ),
            artifact_amendments=ArtifactAmendments(database, objects, manifest_json, clock),
            artifact_bulk=ArtifactBulk(database, objects, signer, content_parts, clock, public_url=settings.public_url),
            artifact_commits=ArtifactCommits(database, objects, manifest_json, clock),
            artifact_contents=ArtifactContents(database, objects, signer, clock, public_url=settings.public_url),
            artifact_downloads=ArtifactDownloads(database, objects, signer, clock, public_url=settings.public_url),
            artifact_space=ArtifactSpace(database, artifact_garbage, clock),
            artifact_catalog=ArtifactCatalog(database, clock),
            lineage_graphs=LineageGraphs(database),
            live=live,
            garbage=Collector(
                database,
                objects,
                clock,
                _branch_point_of,
                artifact_garbage,
                grace=grace,
                let_go=segment_files.let_go,
            ),
            compactor=compactor,
            admission=Admission(lambda: compactor.overdue_bytes),
            sql=SqlService(
                database,
                SqlProcesses(
                    database=settings.database,
                    objects=settings.objects,
                    folder=settings.data / "cache",
                    folder_bytes=settings.segment_cache_bytes,
                    timeout_s=settings.sql_timeout_s,
                    memory_bytes=settings.sql_memory_bytes,
                ),
                clock,
            ),
        )
        undo.pop_all()
    return Deployment(settings, database, objects, services, lock)


def _open_factory(settings: Settings, database: Database, objects: ObjectStore, files: SegmentFiles) -> SegmentFactory:
    limits = Limits(raw_bytes=settings.compact_batch_bytes, fan_in=settings.compact_fan_in)
    folder = settings.data / "cache"
    if settings.objects.startswith("memory:"):
        # Memory is not shared: what another process put there would be lost.
        scratch = folder / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        return SegmentBuilder(database, objects, files, scratch=scratch, limits=limits)
    return SegmentProcess(
        database=settings.database,
        objects=settings.objects,
        folder=folder,
        folder_bytes=settings.segment_cache_bytes,
        limits=limits,
    )


def _open_live(settings: Settings) -> LiveBus:
    if settings.is_embedded:
        return LocalLiveBus()
    from kymograph.storage.live import PostgresLiveBus  # needs the driver, which embedded installations lack

    return PostgresLiveBus(settings.database)


def _signing_key(objects: ObjectStore) -> bytes:
    """The key that signs transfer addresses, shared by all replicas.

    It lies beside the bytes that it guards: whoever can read it can read those without it.
    """
    try:
        return objects.read_bytes(SIGNING_KEY)
    except ObjectNotFound:
        # Of replicas that start together one makes the key, and all read that one.
        objects.add_bytes(SIGNING_KEY, os.urandom(SIGNING_KEY_BYTES))
        return objects.read_bytes(SIGNING_KEY)


def _branch_point_of(config: JsonObject) -> tuple[str, int] | None:
    point = branch_point(config)
    return (point.run_id, point.step) if point is not None else None
