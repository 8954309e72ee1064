"""Files that histories are exported as: where they lie, and for how long."""

from __future__ import annotations

from datetime import timedelta

EXPORT_OBJECTS = "exports/"
"""Where they lie: ``exports/<key of the run>/<name>``."""
PASSING_EXPORTS = (".parquet", ".state")
"""Endings of names of what can be made again: files, and notes on what was compared. Records of files stay."""
FILE_LIFETIME = timedelta(days=7)
"""What can be made again is removed after this time."""
