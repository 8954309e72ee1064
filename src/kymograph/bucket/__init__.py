"""Artifacts whose bytes stay in a bucket: uploaded there, noted with checksums, and found again with their lineage.

The command ``wabucket`` does the same from a terminal. Names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kymograph import __version__
from kymograph.bucket.metadata import parse_meta

if TYPE_CHECKING:
    from kymograph.bucket.api import WaBucketRefAPI

__all__ = ["WaBucketRefAPI", "__version__", "parse_meta"]


def __getattr__(name: str) -> Any:
    if name == "WaBucketRefAPI":
        from kymograph.bucket.api import WaBucketRefAPI

        return WaBucketRefAPI
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
