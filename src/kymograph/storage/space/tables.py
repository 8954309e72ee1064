"""Tables of stored content and of who names it.

Content is a row of `blobs`; drafts name it in `draft_files`, committed and deleted versions in `entries`. How often it
is named is counted in the row itself (`core.ledger`), so that nothing has to be searched to know what may go.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, and_, text

from kymograph.storage.metadata.columns import AnyText
from kymograph.storage.schema import BigId, UtcDateTime, registry

blobs = Table(
    "artifact_blobs",
    registry,
    Column("id", BigId, primary_key=True),
    Column("project_id", BigId, ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("algorithm", AnyText, nullable=False),
    Column("digest", AnyText, nullable=False),
    # Every row has a key of its own: content that comes again after it was collected never meets its own deletion.
    Column("object_key", AnyText, nullable=False, unique=True),
    Column("size_bytes", BigInteger),
    Column("stored_at", UtcDateTime),
    # When a draft asked for it last. It stays for a while from then on, whoever names it.
    Column("wanted_at", UtcDateTime, nullable=False),
    # Of large content that is named by another digest: fast to compute, for those who check what they got.
    Column("xxh128", AnyText),
    # The version that first brought it, which may be gone.
    Column("birth_artifact_id", BigInteger),
    Column("refs", Integer, nullable=False, server_default="0"),
    Column("ref_sum", BigInteger, nullable=False, server_default="0"),
    Column("trashed", Integer, nullable=False, server_default="0"),
    Column("collections", Integer, nullable=False, server_default="0"),
    Column("collection_sum", BigInteger, nullable=False, server_default="0"),
)
"""Content of a project, once per digest; without `size_bytes` until it has arrived."""
Index("uq_artifact_blobs_project_id_digest", blobs.c.project_id, blobs.c.digest, blobs.c.algorithm, unique=True)
_UNNAMED = and_(blobs.c.refs == text("0"), blobs.c.trashed == text("0"))
Index(
    "ix_artifact_blobs_unnamed",
    blobs.c.project_id,
    blobs.c.wanted_at,
    blobs.c.size_bytes,
    sqlite_where=_UNNAMED,
    postgresql_where=_UNNAMED,
)

draft_files = Table(
    "artifact_draft_files",
    registry,
    Column("artifact_id", BigId, ForeignKey("artifact_versions.id", ondelete="CASCADE"), primary_key=True),
    Column("path", AnyText, primary_key=True),
    Column("blob_id", BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
)
"""Files that a draft announced; they go when it is committed."""

entries = Table(
    "artifact_entries",
    registry,
    # No foreign keys: a version may have a million entries, and each would be looked up.
    Column("artifact_id", BigId, primary_key=True, autoincrement=False),
    Column("path", AnyText, primary_key=True),
    Column("digest", AnyText, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("blob_id", BigInteger),
    sqlite_with_rowid=False,
)
"""What committed and deleted versions hold; without `blob_id`, a reference."""

collection_blobs = Table(
    "artifact_collection_blobs",
    registry,
    Column("blob_id", BigId, primary_key=True, autoincrement=False),
    Column("collection_id", BigId, primary_key=True, autoincrement=False),
    Column("refs", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""How many committed versions of a collection name a blob; no row for none."""

version_references = Table(
    "artifact_references",
    registry,
    Column("artifact_id", BigId, ForeignKey("artifact_versions.id", ondelete="CASCADE"), primary_key=True),
    Column("target_id", BigInteger, primary_key=True, index=True),
    sqlite_with_rowid=False,
)
"""Versions whose entries lead to another version (``wandb-artifact://``), which must stay as long as they do."""

project_space = Table(
    "artifact_space",
    registry,
    Column("project_id", BigId, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("live_bytes", BigInteger, nullable=False, server_default="0"),
    Column("live_blobs", BigInteger, nullable=False, server_default="0"),
    Column("trashed_bytes", BigInteger, nullable=False, server_default="0"),
    Column("trashed_blobs", BigInteger, nullable=False, server_default="0"),
)
"""Counters of a project. Whoever changes who names what holds this row until the end of the transaction."""

doomed_objects = Table(
    "artifact_doomed_objects",
    registry,
    Column("object_key", AnyText, primary_key=True),
    # Null if it may never have arrived.
    Column("size_bytes", BigInteger),
    Column("doomed_at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)
"""Objects that nothing names any more, until they are gone from the object store."""
