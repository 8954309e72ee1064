"""What this server is and which optional parts of the protocol it serves."""

from __future__ import annotations

from ariadne import QueryType

from kymograph.server.graphql.context import Info, Payload
from kymograph.types import JsonObject

REPORTED_VERSION = "0.78.0"
"""The server version that clients are told. Source: the newest client refuses servers below 0.70.0 and expects
structured console lines from 0.77 on (peers.md §0, §1.4); raise it when a client asks for more and we serve that."""

CLIENT_VERSIONS: JsonObject = {"min_cli_version": "0.13.0", "max_cli_version": "9.9.9"}
"""Which clients may come; a client above the maximum is warned, and ours has no upper bound."""

FEATURES = (
    "CLIENT_IDS",
    "LARGE_FILENAMES",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILES",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_HANDLER",
    "ARTIFACT_COLLECTIONS_FILTERING_SORTING",
    "ARTIFACT_DIGEST_ALGORITHM",
    "ARTIFACT_MEMBERSHIP_IN_LINK_ARTIFACT_RESPONSE",
    "ARTIFACT_REGISTRY_SEARCH",
    "ARTIFACT_TAGS",
    "ARTIFACT_V2_DOWNLOAD_HANDLER_SUPPORTS_ARTIFACT_ID",
    "FILESTREAM_GZIP",
    "INCLUDE_ARTIFACT_TYPES_IN_REGISTRY_CREATION",
    "X_KYMOGRAPH_BULK_READS",
    "X_KYMOGRAPH_BULK_TRANSFERS",
    "X_KYMOGRAPH_RUN_FOLDERS",
    "MARK_RUN_FILES_UPLOADED",
    "PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP",
    "STRUCTURED_CONSOLE_LOGS",
    "TOTAL_COUNT_IN_FILE_CONNECTION",
    "UPDATE_RUN_STATE",
    "USE_ARTIFACT_WITH_ENTITY_AND_PROJECT_INFORMATION",
)
"""Optional parts that are really served. Source of the names: protocol.md §3.1; those that begin with ``X_``
are our own, see docs/protocol/bulk-transfers.md, docs/protocol/run-folders.md and docs/reference/rest.md."""

query = QueryType()


@query.field("serverInfo")
def resolve_server_info(_parent: None, _info: Info) -> Payload:
    """Version and features."""
    return {
        "cliVersionInfo": CLIENT_VERSIONS,
        "latestLocalVersionInfo": {
            "outOfDate": False,
            "latestVersionString": REPORTED_VERSION,
            "versionOnThisInstanceString": REPORTED_VERSION,
        },
        "features": [{"name": name, "isEnabled": True} for name in FEATURES],
    }


BINDABLES = [query]
