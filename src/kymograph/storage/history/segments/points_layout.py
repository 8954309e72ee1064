"""How the points of a segment lie in their file: a Parquet file for everybody, which our reader maps as it is.

As Parquet it is one long table: ``metric``, ``step``, ``value`` (double, NaN where the value is no number), ``kind``
and ``text`` (the JSON of what a double does not hold), sorted by metric and step. Between the pages lies what our
reader needs besides: the rows that the points come from, coarser levels, the places of non-finite points, and a
directory. Each array carries a checksum that is verified when it is first read. So does each block of the file, for
what belongs to no array, for single values, and for whoever wants to know that every byte is as it was written.
"""

from __future__ import annotations

import struct

import numpy as np

from kymograph.core.value_kinds import VALUE_KINDS
from kymograph.storage.history.segments.parquet import Column, Physical

SCHEMA = (
    Column("metric", Physical.BYTE_ARRAY),
    Column("step", Physical.INT64),
    Column("value", Physical.DOUBLE),
    Column("kind", Physical.BYTE_ARRAY),
    Column("text", Physical.BYTE_ARRAY, is_optional=True),
)
KIND_NAMES = (
    *("float", "integer", "boolean", "null", "text", "list", "map", "media"),
    *(kind.wire_name for kind in VALUE_KINDS[8:]),
)
"""The words of the column ``kind``, by code."""

VERSION = 1
BLOCK_BYTES = 16 * 1024
"""What one checksum of the file as a whole covers: to look at one value, no more than this is verified."""
TRAILER = struct.Struct("<QII")
DENSE = -1

METRIC = np.dtype(
    [
        ("name", "<u4"),
        ("top", "<u4"),
        ("group", "<i4"),
        ("code", "u1"),
        ("flags", "u1"),
        ("odd_count", "<i4"),
        ("points", "<i8"),
        ("values_at", "<i8"),
        ("codes_at", "<i8"),
        ("levels_at", "<i8"),
        ("odd_at", "<i8"),
        ("texts_at", "<i8"),
        ("texts_size", "<i8"),
        ("texts_skipped", "<i4"),
        ("values_crc", "<u4"),
        ("codes_crc", "<u4"),
        ("levels_crc", "<u4"),
        ("odd_crc", "<u4"),
    ]
)
GROUP = np.dtype(
    [("places_at", "<i8"), ("count", "<i8"), ("steps_at", "<i8"), ("places_crc", "<u4"), ("steps_crc", "<u4")]
)
MIXED = 255
PRESENCE, ALL_NUMERIC, NEVER_FALLS = 1, 2, 4
