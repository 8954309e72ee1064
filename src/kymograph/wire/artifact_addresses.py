"""Addresses of files in artifacts, by which other artifacts and rows of history refer to them.

Source: protocol.md §8.3.
"""

from __future__ import annotations

import base64
import binascii

ARTIFACT_SCHEME = "wandb-artifact"
CLIENT_SCHEME = "wandb-client-artifact"


def artifact_address(artifact_id: str, path: str) -> str:
    """``wandb-artifact://{hex of the id}/{path}``: of a version that the server knows."""
    return f"{ARTIFACT_SCHEME}://{base64.b64decode(artifact_id).hex()}/{path}"


def client_address(client_id: str, path: str) -> str:
    """``wandb-client-artifact://{client id}/{path}``: of one that it may not know yet."""
    return f"{CLIENT_SCHEME}://{client_id}/{path}"


def latest_client_address(sequence_client_id: str, path: str) -> str:
    """The same of the latest version in a collection."""
    return f"{CLIENT_SCHEME}://{sequence_client_id}:latest/{path}"


def split_address(uri: str) -> tuple[str, str, str]:
    """Scheme in lower case, what stands before the path, and the path: all as they are, nothing is decoded."""
    scheme, _, rest = uri.partition("://")
    place, _, path = rest.partition("/")
    return scheme.lower(), place, path


def find_artifact_id(uri: str) -> str | None:
    """The id of the version in a `artifact_address`; None for any other address."""
    scheme, place, _ = split_address(uri)
    if scheme != ARTIFACT_SCHEME:
        return None
    try:
        return base64.b64encode(bytes.fromhex(place)).decode()
    except (ValueError, binascii.Error):
        return None
