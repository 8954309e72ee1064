"""All services of a server, for the faces to call."""

from __future__ import annotations

from dataclasses import dataclass

from kymograph.services.accounts import AccountService
from kymograph.services.admission import Admission
from kymograph.services.artifact_amendments import ArtifactAmendments
from kymograph.services.artifact_bulk import ArtifactBulk
from kymograph.services.artifact_catalog import ArtifactCatalog
from kymograph.services.artifact_commits import ArtifactCommits
from kymograph.services.artifact_contents import ArtifactContents
from kymograph.services.artifact_downloads import ArtifactDownloads
from kymograph.services.artifact_lineage import ArtifactLineage
from kymograph.services.artifact_links import ArtifactLinks
from kymograph.services.artifact_space import ArtifactSpace
from kymograph.services.artifact_uploads import ArtifactUploads
from kymograph.services.artifacts import ArtifactService
from kymograph.services.collections import CollectionService
from kymograph.services.compaction import Compactor
from kymograph.services.exports import ExportService
from kymograph.services.file_copies import FileCopies
from kymograph.services.files import FileService
from kymograph.services.garbage import Collector
from kymograph.services.history import HistoryService
from kymograph.services.lineage_graph import LineageGraphs
from kymograph.services.live import LiveBus
from kymograph.services.projects import ProjectService
from kymograph.services.registries import RegistryService
from kymograph.services.registry_members import RegistryMembers
from kymograph.services.runs import RunService
from kymograph.services.sql import SqlService


@dataclass(frozen=True, slots=True)
class Services:
    """One of each; all safe to share between threads."""

    accounts: AccountService
    projects: ProjectService
    registries: RegistryService
    registry_members: RegistryMembers
    runs: RunService
    history: HistoryService
    exports: ExportService
    files: FileService
    file_copies: FileCopies
    collections: CollectionService
    artifacts: ArtifactService
    artifact_links: ArtifactLinks
    artifact_lineage: ArtifactLineage
    artifact_uploads: ArtifactUploads
    artifact_amendments: ArtifactAmendments
    artifact_bulk: ArtifactBulk
    artifact_commits: ArtifactCommits
    artifact_contents: ArtifactContents
    artifact_downloads: ArtifactDownloads
    artifact_space: ArtifactSpace
    artifact_catalog: ArtifactCatalog
    lineage_graphs: LineageGraphs
    live: LiveBus
    garbage: Collector
    compactor: Compactor
    admission: Admission
    sql: SqlService
