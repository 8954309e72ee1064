"""Wiring: which adapters and services a server runs with. The only place that knows the adapters."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

from kymograph.errors import ObjectNotFound
from kymograph.server.settings import Settings
from kymograph.services.accounts import AccountService
from kymograph.services.artifact_commits import ArtifactCommits
from kymograph.services.artifact_downloads import ArtifactDownloads
from kymograph.services.artifact_uploads import ArtifactUploads
from kymograph.services.artifacts import ArtifactService
from kymograph.services.compaction import Compactor
from kymograph.services.container import Services
from kymograph.services.exports import ExportService
from kymograph.services.files import FileService
from kymograph.services.garbage import Collector
from kymograph.services.history import HistoryService
from kymograph.services.live import LiveBus, LocalLiveBus
from kymograph.services.projects import ProjectService
from kymograph.services.runs import RunService
from kymograph.services.secrets import Signer
from kymograph.storage.base import Database
from kymograph.storage.database import open_database
from kymograph.storage.history.export.tables import TableWriter
from kymograph.storage.history.query import StoredHistory
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.history.segments.process import SegmentProcess
from kymograph.storage.lock import DataFolderLock
from kymograph.storage.objects.base import ObjectStore
from kymograph.storage.objects.store import open_objects
from kymograph.types import JsonObject, ObjectKey
from kymograph.wire import manifest_json
from kymograph.wire.config import branch_point

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
        compactor = Compactor(
            database,
            SegmentProcess(
                database=settings.database,
                objects=settings.objects,
                folder=settings.data / "cache",
                folder_bytes=settings.segment_cache_bytes,
            ),
            clock,
            worker=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}",
        )
        reader = StoredHistory(database, _segment_files(settings, objects), cache_bytes=settings.cache_bytes)
        history = HistoryService(database, reader, live, clock, _branch_point_of, compactor.note)
        services = Services(
            accounts=AccountService(database, clock),
            projects=ProjectService(database, clock),
            runs=RunService(database, live, clock),
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
            artifacts=ArtifactService(database, clock),
            artifact_uploads=ArtifactUploads(database, objects, signer, clock, public_url=settings.public_url),
            artifact_commits=ArtifactCommits(database, objects, manifest_json, clock),
            artifact_downloads=ArtifactDownloads(database, objects, signer, clock, public_url=settings.public_url),
            live=live,
            garbage=Collector(database, objects, clock, _branch_point_of),
            compactor=compactor,
        )
        undo.pop_all()
    return Deployment(settings, database, objects, services, lock)


def _segment_files(settings: Settings, objects: ObjectStore) -> SegmentFiles:
    return SegmentFiles(objects, folder=settings.data / "cache" / "segments", folder_bytes=settings.segment_cache_bytes)


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
