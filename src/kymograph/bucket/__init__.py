"""Artifacts whose bytes stay in a bucket: uploaded there, noted with checksums, and found again with their lineage.

The command ``wabucket`` does the same from a terminal.
"""

from kymograph import __version__
from kymograph.bucket.api import WaBucketRefAPI
from kymograph.bucket.metadata import parse_meta

__all__ = ["WaBucketRefAPI", "__version__", "parse_meta"]
