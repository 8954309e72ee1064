"""What is written to artifacts inside a transaction: one new version of each collection."""

from __future__ import annotations

from typing import Any

from fsspec.asyn import sync  # type: ignore[import-untyped] # it has no types
from fsspec.transaction import Transaction  # type: ignore[import-untyped]

from kymograph.client.artifact_values import CollectionAddress
from kymograph.core.artifact import LATEST
from kymograph.core.names import parse_version
from kymograph.errors import ReadOnlyPath
from kymograph.fs.drafts import Draft
from kymograph.fs.paths import ArtifactPath


class ArtifactTransaction(Transaction):  # type: ignore[misc] # fsspec has no types
    """Paths name versions by an alias, which the new version then has.

    It begins with the files of the version that has the alias, so that afterwards all is as it was under that path,
    but for what was written and removed. Until then, reading gives what was there before.
    """

    def __init__(self, fs: Any, **options: Any) -> None:
        """Begin with nothing."""
        super().__init__(fs, **options)
        self._drafts: dict[CollectionAddress, tuple[str, Draft]] = {}
        """By collection: the alias that paths name, and the draft."""

    async def draft_for(self, at: ArtifactPath) -> Draft:
        """The draft that a write to a path goes to.

        Raises:
            PermissionError: The path names a version that is there for good, or a second alias.
        """
        fs = self.fs
        alias = str(at.version)
        if parse_version(alias) is not None:
            raise ReadOnlyPath(
                fs._shown(str(at)), reason=f"{alias} is there for good; name the new version by an alias"
            )
        place = CollectionAddress(str(at.entity), str(at.project), str(at.name))
        if place in self._drafts:
            known, draft = self._drafts[place]
            if alias != known:
                raise ReadOnlyPath(
                    fs._shown(str(at)),
                    reason=f"this transaction makes one version of {place.path!r}, with the alias {known!r}",
                )
            return draft
        base = None
        try:
            base = await fs._version(at)
        except FileNotFoundError:
            if at.type_name is None:
                raise
        type_name = at.type_name or (base.artifact.type_name if base is not None else "")
        made = Draft(
            fs,
            ArtifactPath(at.entity, at.project, type_name, at.name),
            base=base,
            aliases=[] if alias == LATEST else [alias],
            description=base.artifact.description if base is not None else None,
            metadata=base.artifact.metadata if base is not None else None,
        )
        self._drafts[place] = alias, made
        return made

    def complete(self, commit: bool = True) -> None:
        """Make the versions, or forget what was written.

        Raises:
            KymographError: The server does not want one; those of other collections may be there.
        """
        fs, drafts = self.fs, [draft for _, draft in self._drafts.values()]
        self._drafts.clear()
        self.files.clear()
        fs._intrans = False
        fs._transaction = None
        try:
            for draft in drafts if commit else ():
                sync(fs.loop, fs._commit, draft)
        finally:
            for draft in drafts:
                draft.discard()
