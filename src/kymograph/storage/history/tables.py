"""Tables of the tail: chunks of lines as received, how far each stream goes, and what rewinds took away."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table

from kymograph.storage.schema import BigId, registry

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
)
"""One row per stream, writer and part. `open_seq` is the newest chunk if it ends the stream and may still grow."""

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
