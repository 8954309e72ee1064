"""Where artifacts are in a bucket: which bucket a name means, and how its folders are called.

Objects of an upload are below ``<type>/<name>/<alias>/``. What wabucket has to remember is below ``.wabucket/``.
Source: seeds.md B.1, B.2.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from kymograph.bucket.stores.base import join
from kymograph.bucket.stores.registry import is_url
from kymograph.core.artifact_rules import check_aliases, check_artifact_name, check_artifact_type, check_entry_path
from kymograph.errors import InvalidArtifact, InvalidSetting

ROOT_VARIABLE = "WABUCKET_ROOT"
OWN_FOLDER = ".wabucket"
BLOB_ENTRY = "platform_blob"
"""The only entry of a version whose files are not listed. Source: seeds.md B.1."""


@dataclass(frozen=True, slots=True)
class Place:
    """What an upload is called, which says where it goes."""

    type: str
    name: str
    alias: str

    @property
    def folder(self) -> str:
        """Below the bucket."""
        return join(self.type, self.name, self.alias)


def checked_place(type_name: str, name: str, alias: str) -> Place:
    """The place of what is to be uploaded.

    Raises:
        InvalidArtifact: One of the names is not allowed, or could not be a folder.
    """
    check_artifact_name(name)
    check_artifact_type(type_name, name)
    check_aliases(alias)
    place = Place(type_name, name, alias)
    if any(part in ("", ".", "..", OWN_FOLDER) for part in (type_name, name, alias)):
        raise InvalidArtifact(f"type, name and alias become folders of the bucket, and {place.folder!r} are none")
    check_entry_path(place.folder)
    return place


def bucket_url(bucket: str | None, project: str | None) -> str:
    """The address that the name of a bucket means.

    Args:
        bucket: An address, or a name, which is below the root that the environment names; default: the project.
        project: Of the artifacts.

    Raises:
        InvalidSetting: No bucket is named, or its name means no address.
    """
    named = bucket or project
    if not named:
        raise InvalidSetting(
            "bucket", None, rule="name a bucket, as s3://bucket or file:///folder, or a project (WANDB_PROJECT)"
        )
    if is_url(named):
        return named.rstrip("/")
    root = os.environ.get(ROOT_VARIABLE)
    if not root or not is_url(root):
        raise InvalidSetting(
            "bucket",
            named,
            rule=f"it is no address such as s3://{named} or file:///data/{named}; to use names alone, say what they "
            f"are below: {ROOT_VARIABLE}=s3:// or {ROOT_VARIABLE}=file:///data",
        )
    return f"{root}{named}" if root.endswith("/") else f"{root}/{named}"
