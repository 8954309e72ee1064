"""Which store an address is for."""

from __future__ import annotations

import re

from kymograph.bucket.stores.base import Store
from kymograph.errors import InvalidReference
from kymograph.sdk.artifacts.references.registry import kind_of

_KINDS = "file://, s3://, gs://, Azure's https:// addresses, or any scheme that fsspec can write to"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_url(text: str) -> bool:
    """Whether a text is an address, rather than the name of a bucket."""
    return bool(_SCHEME.match(text))


def open_store(url: str) -> Store:
    """The place at an address; nothing is asked yet, and its module is loaded now.

    Raises:
        InvalidReference: Nothing can be put there.
        MissingPackage: Its package is not installed.
    """
    kind = kind_of(url)
    if kind == "s3":
        from kymograph.bucket.stores.s3 import S3Store

        return S3Store(url)
    if kind == "file":
        from kymograph.bucket.stores.folder import FolderStore

        return FolderStore(url)
    if kind == "gcs":
        from kymograph.bucket.stores.gcs import GcsStore

        return GcsStore(url)
    if kind == "azure":
        from kymograph.bucket.stores.azure import AzureStore

        return AzureStore(url)
    if kind == "filesystem":
        from kymograph.bucket.stores.filesystem import FilesystemStore

        return FilesystemStore(url)
    raise InvalidReference(f"nothing can be put at {url}: use {_KINDS}")
