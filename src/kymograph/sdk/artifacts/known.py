"""Artifacts of this process by their client ids: one may refer to another before the server knows either."""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact

CLIENT_ID_CHARACTERS = 128
_ALPHABET = string.ascii_lowercase + string.digits

_known: WeakValueDictionary[str, Artifact] = WeakValueDictionary()


def new_client_id() -> str:
    """128 random lower-case letters and digits. Source: protocol.md §7.2."""
    number = secrets.randbits(CLIENT_ID_CHARACTERS * 6)
    characters = []
    for _ in range(CLIENT_ID_CHARACTERS):
        number, index = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[index])
    return "".join(characters)


def remember_artifact(artifact: Artifact) -> None:
    """Have an artifact be found by its client id, as long as somebody holds it."""
    _known[artifact.client_id] = artifact


def find_artifact(client_id: str) -> Artifact | None:
    """The artifact of a client id, if this process made it."""
    return _known.get(client_id)
