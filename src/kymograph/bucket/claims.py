"""Claims: what a bucket remembers of each upload, from before its first object to after its last version.

A claim is a small document below ``.wabucket/claims/``, named by what is uploaded and for whom. The first upload of an
alias gets the folder of that name; others, or other content meanwhile, get one beside it. So no two uploads ever write
to one folder, unless they upload the same.

Who gets the folder is settled without locks, which stores do not have: a claim is written before all claims of the
alias are read, so of two at the same time at least one sees the other, and gives way. It needs a store whose readers
see what was written before.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from kymograph.bucket.places import OWN_FOLDER, Place
from kymograph.bucket.stores.base import Store, join
from kymograph.errors import BlobExists

CLAIMS_FOLDER = f"{OWN_FOLDER}/claims"
_KEY_CHARACTERS = 32
_FOLDER_CHARACTERS = 12
"""How much of a claim's key is in the name of a folder that is not the alias's own."""


class ClaimState(StrEnum):
    """How far an upload is."""

    UPLOADING = "uploading"
    UNSYNCED = "unsynced"
    """All objects are there; the version is being logged, or waits for ``kymograph sync``."""
    COMMITTED = "committed"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose artifacts they are."""

    server: str
    entity: str
    project: str


@dataclass(frozen=True, slots=True)
class Claim:
    """One upload."""

    type: str
    name: str
    alias: str
    key: str
    """Of the content and the owner: 32 hex digits."""
    server: str
    entity: str
    project: str
    folder: str | None
    """Of its objects, below the store; None while that is not settled."""
    state: ClaimState
    begun_at_s: float
    touched_at_s: float
    """When something was last done for it. Both in s since the epoch."""
    size_bytes: int
    file_count: int
    version: str | None = None
    """``entity/project/name:v3``, once it is committed."""

    @property
    def place(self) -> Place:
        """What it is called."""
        return Place(self.type, self.name, self.alias)

    @property
    def owner(self) -> Owner:
        """Whose it is."""
        return Owner(self.server, self.entity, self.project)

    @property
    def path(self) -> str:
        """Of its document."""
        return _path(self.place, self.key)


def content_key(owner: Owner, contents: Iterator[tuple[str, str]]) -> str:
    """The key of what is uploaded, and for whom.

    Args:
        owner: Whose it is.
        contents: Path and digest of each file, in the order of the paths.
    """
    hasher = hashlib.sha256("\0".join((owner.server, owner.entity, owner.project)).encode())
    for path, digest in contents:
        hasher.update(f"\n{path}\0{digest}".encode())
    return hasher.hexdigest()[:_KEY_CHARACTERS]


class Claims:
    """The claims in a store."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        """Prepare.

        Args:
            store: Where they are.
            clock: Gives s since the epoch.
        """
        self._store, self._clock = store, clock

    def all(self, place: Place | None = None) -> list[Claim]:
        """All claims, or those of one alias. What cannot be read is none of them."""
        folder = CLAIMS_FOLDER if place is None else join(CLAIMS_FOLDER, place.folder)
        paths = [found.path for found in self._store.iter_objects(folder, checksums=False)]
        read = (self._read(path) for path in paths if path.endswith(".json"))
        return [claim for claim in read if claim is not None and place in (None, claim.place)]

    def settle(
        self, owner: Owner, place: Place, key: str, *, size_bytes: int, file_count: int, replaces: bool
    ) -> Claim:
        """The claim of an upload, with the folder that it has for itself.

        Args:
            owner: Whose it is.
            place: What it is called.
            key: Of its content.
            size_bytes: Of all files.
            file_count: How many there are.
            replaces: Whether there may be something under its name.

        Raises:
            BlobExists: There is, and it may not.
        """
        now = self._clock()
        mine = self._read(_path(place, key))
        if mine is not None and mine.state is ClaimState.COMMITTED and not replaces:
            raise BlobExists(self._store.ref(str(mine.folder)))
        if mine is not None and mine.folder is not None:
            return self.save(replace(mine, touched_at_s=now))
        beside = f"{place.folder}.{key[:_FOLDER_CHARACTERS]}"
        # In this order: whoever has put something there had written a claim before.
        is_filled = not self._store.is_empty(place.folder)
        others = [claim for claim in self.all(place) if claim.key != key]
        is_known = any(claim.folder in (None, place.folder) for claim in others)
        is_taken = any(claim.state is not ClaimState.UPLOADING for claim in others) or (is_filled and not is_known)
        if is_taken and not replaces:
            raise BlobExists(self._store.ref(place.folder))
        claim = Claim(
            **asdict(place),
            key=key,
            **asdict(owner),
            folder=None,
            state=ClaimState.UPLOADING,
            begun_at_s=now,
            touched_at_s=now,
            size_bytes=size_bytes,
            file_count=file_count,
        )
        self.save(claim)
        has_rival = any(other.key != key and other.folder in (None, place.folder) for other in self.all(place))
        return self.save(replace(claim, folder=beside if is_taken or has_rival else place.folder))

    def touch(self, claim: Claim) -> Claim:
        """Note that a claim is worked for."""
        return self.save(replace(claim, touched_at_s=self._clock()))

    def save(self, claim: Claim) -> Claim:
        """Write a claim; returns it."""
        self._store.put_bytes(claim.path, json.dumps(asdict(claim), indent=1).encode())
        return claim

    def find(self, claim: Claim) -> Claim | None:
        """A claim as it is now; None if it is gone."""
        return self._read(claim.path)

    def remove(self, claim: Claim) -> None:
        """Forget a claim."""
        self._store.delete([claim.path])

    def _read(self, path: str) -> Claim | None:
        content = self._store.get_bytes(path)
        if content is None:
            return None
        try:
            document = json.loads(content)
            return Claim(**{**document, "state": ClaimState(document["state"])})
        except (ValueError, TypeError, KeyError):
            return None


def _path(place: Place, key: str) -> str:
    return join(CLAIMS_FOLDER, place.folder, f"{key}.json")
