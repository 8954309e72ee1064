"""A run's summary, to read and to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kymograph.client import public_documents as documents
from kymograph.client.operations import Operation, ask
from kymograph.core import exact_json
from kymograph.core.plain_values import to_plain
from kymograph.sdk.api.either import Bound, M, either
from kymograph.sdk.api.session import ApiSession
from kymograph.types import JsonObject


class RunSummary(Bound[M]):
    """The summary of a run that was read; what is set stays here until `update`.

    It reads as a mapping does. Spaces around keys do not count.
    """

    def __init__(self, session: ApiSession[M], storage_id: str, values: JsonObject) -> None:
        """Show some values, which are changed in place."""
        super().__init__(session)
        self._storage_id, self._values = storage_id, values

    def __getitem__(self, key: str) -> Any:
        return self._values[key.strip()]

    def __setitem__(self, key: str, value: Any) -> None:
        self._values[key.strip()] = to_plain(value, where=f"summary {key!r}")

    def __delitem__(self, key: str) -> None:
        del self._values[key.strip()]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.strip() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, RunSummary):
            return self._values == other._values
        return self._values == other

    __hash__ = None  # type: ignore[assignment]

    def get(self, key: str, default: Any = None) -> Any:
        """A value, or `default`."""
        return self._values.get(key.strip(), default)

    def keys(self) -> Any:
        """As of a mapping."""
        return self._values.keys()

    def values(self) -> Any:
        """As of a mapping."""
        return self._values.values()

    def items(self) -> Any:
        """As of a mapping."""
        return self._values.items()

    @either
    def update(self, key_vals: Mapping[str, Any] | None = None, overwrite: bool = True) -> Operation[None]:
        """Set some values, and have the server keep all of the summary as it is then.

        Args:
            key_vals: Values by key.
            overwrite: Whether they replace those that are there.
        """
        for key, value in (key_vals or {}).items():
            if overwrite or key not in self:
                self[key] = value
        text = exact_json.dumps(self._values)
        yield from ask(documents.UPDATE_SUMMARY, {"id": self._storage_id, "summary": text})

    def __repr__(self) -> str:
        return repr(self._values)
