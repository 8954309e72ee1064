"""Tables of the tail: chunks of lines as received, how far each stream goes, and what rewinds took away."""

from __future__ import annotations

from sqlalchemy import DDL, BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, Text, event

from kymograph.storage.schema import BigId, UtcDateTime, registry

tail_chunks = Table(
    "tail_chunks",
    registry,
    Column("seq", BigId, primary_key=True, autoincrement=True),
    Column("run_id", BigInteger, nullable=False),
    Column("stream", String(8), nullable=False),
    Column("writer", String, nullable=False),
    Column("part", String, nullable=False),
    Column("first_line", BigInteger, nullable=False),
    Column("line_count", Integer, nullable=False),
    Column("origin_seq", BigInteger),
    Column("raw_bytes", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Index(None, "run_id", "stream", "writer", "part", "seq"),
    # A number is never used again, also when the newest chunk was merged away: readers tell chunks apart by it.
    sqlite_autoincrement=True,
)
"""One row per batch, or per run of small batches. `raw_bytes` is the length of the unpacked payload."""

PAYLOAD_STORAGE = "ALTER TABLE tail_chunks ALTER COLUMN payload SET STORAGE EXTERNAL"
"""PostgreSQL would try to compress what is compressed already, for a fifth of the time that storing it takes."""
event.listen(tail_chunks, "after_create", DDL(PAYLOAD_STORAGE).execute_if(dialect="postgresql"))  # type: ignore[no-untyped-call]

tail_streams = Table(
    "tail_streams",
    registry,
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("stream", String(8), primary_key=True),
    Column("writer", String, primary_key=True),
    Column("part", String, primary_key=True),
    Column("line_count", BigInteger, nullable=False),
    Column("byte_count", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("open_seq", BigInteger),
    Column("open_bytes", Integer, nullable=False),
    Column("tail_bytes", BigInteger, nullable=False, server_default="0"),
    Column("tail_first_line", BigInteger),
    Column("numbered_from", BigInteger, nullable=False, server_default="0"),
)
"""One row per stream, writer and part.

`open_seq` is the newest chunk if it ends the stream and may still grow. `tail_bytes` and `tail_first_line` tell of the
lines that are in `tail_chunks`, not yet in a segment: their unpacked size, about, and the lowest number, None for none.
`numbered_from` is the lowest number that a named writer has used, 0 for others and for console lines.
"""

tail_archive = Table(
    "tail_archive",
    registry,
    Column("seq", BigId, primary_key=True, autoincrement=False),
    Column("run_id", BigInteger, nullable=False, index=True),
    Column("stream", String(8), nullable=False),
    Column("writer", String, nullable=False),
    Column("part", String, nullable=False),
    Column("first_line", BigInteger, nullable=False),
    Column("line_count", Integer, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)
"""Chunks that a rewind took out of their stream; `generation` is the stream's up to then."""

segments = Table(
    "segments",
    registry,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("run_id", BigInteger, nullable=False),
    Column("stream", String(8), nullable=False),
    Column("object", String, nullable=False, unique=True),
    Column("extents", Text, nullable=False),
    Column("first_step", BigInteger, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("last_kept_step", BigInteger),
    Column("is_partial", Boolean, nullable=False),
    Column("row_count", BigInteger, nullable=False),
    Column("point_count", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("tier", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("retired_at", UtcDateTime, index=True),
    Index(None, "run_id", "stream"),
    # Readers keep open segments by their number, so none may come twice.
    sqlite_autoincrement=True,
)
"""Pieces of streams in the object store. `extents` is a JSON list of ``[writer, first line, end, seq]``. A retired one
was replaced; its objects stay for a while, for whoever began to read before.
"""

compaction_claims = Table(
    "compaction_claims",
    registry,
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("stream", String(8), primary_key=True),
    Column("worker", String, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)
"""Streams that a compactor works on; a claim that has expired is anybody's."""
