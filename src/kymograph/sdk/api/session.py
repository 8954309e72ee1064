"""One server as one user, as the objects of an `Api` ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, Generic, TypeVar, overload

from kymograph.client import public_reads, registries
from kymograph.client.carriers import AsyncCarrier, Carrier
from kymograph.client.operations import Operation
from kymograph.errors import UsageError
from kymograph.sdk.api.catalog import Catalog, ServerCatalog
from kymograph.sdk.api.either import Async, M, Sync
from kymograph.sdk.api.reads import Reads
from kymograph.sdk.artifacts.session import Session, session_at
from kymograph.sdk.settings import Settings

T = TypeVar("T")


class ApiSession(Generic[M]):
    """A server, as one user, in one mode. Safe to share between threads; in one event loop if it is awaited."""

    def __init__(
        self,
        carrier: Carrier | AsyncCarrier,
        settings: Settings,
        *,
        base_url: str,
        app_url: str,
        reads: Reads = public_reads,
        features: frozenset[str] | None = None,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            carrier: Carries out what is asked.
            settings: Those that hold.
            base_url: Of the server.
            app_url: Where its pages are.
            reads: What is asked; default: a server.
            features: What the server announces; None: it is asked.
        """
        self._carrier, self.reads = carrier, reads
        self.catalog: Catalog = ServerCatalog(self)
        self.settings, self.base_url, self.app_url = settings, base_url, app_url.rstrip("/")
        self._features = features
        self._artifacts: Session | None = None
        self._indexed: dict[str, bool] = {}

    @property
    def is_async(self) -> bool:
        """Whether results are to be awaited."""
        return isinstance(self._carrier, AsyncCarrier)

    @overload
    def perform(self: ApiSession[Sync], operation: Operation[T]) -> T: ...
    @overload
    def perform(self: ApiSession[Async], operation: Operation[T]) -> Coroutine[Any, Any, T]: ...
    def perform(self, operation: Operation[T]) -> Any:
        """Carry out an operation, in the mode of the session."""
        return self._carrier.carry_out(operation)

    def now(self, operation: Operation[T], *, instead: str) -> T:
        """Carry out an operation while the caller waits.

        Raises:
            UsageError: The caller awaits; it is told what to do `instead`.
        """
        if isinstance(self._carrier, AsyncCarrier):
            operation.close()
            raise UsageError(f"this has to ask the server, and waits for nothing here; {instead}")
        return self._carrier.carry_out(operation)

    def pieces(self, path: str, content: bytes) -> Iterator[bytes]:
        """A long answer to a question in JSON, piece by piece, for code that waits."""
        if isinstance(self._carrier, AsyncCarrier):
            raise UsageError("this is read while it comes; iterate with `async for`")
        return self._carrier.pieces(path, content)

    def async_pieces(self, path: str, content: bytes) -> AsyncIterator[bytes]:
        """A long answer to a question in JSON, piece by piece, for code that awaits."""
        if isinstance(self._carrier, Carrier):
            raise UsageError("this is read while it comes; iterate with `for`")
        return self._carrier.pieces(path, content)

    @property
    def artifacts(self) -> Session:
        """The same server for artifacts, whose own calls wait."""
        if self._artifacts is None:
            self._artifacts = session_at(self._carrier.connection, self.settings, app_url=self.app_url, is_patient=True)
        return self._artifacts

    def searches_in_index(self, organization: str) -> Operation[bool]:
        """Whether versions in an organization's registries are searched in an index; asked once."""
        if organization not in self._indexed:
            self._indexed[organization] = yield from registries.searches_in_index(organization)
        return self._indexed[organization]

    def offers(self, feature: str) -> Operation[bool]:
        """Whether the server announces something."""
        if self._features is None:
            self._features = yield from public_reads.feature_names()
        return feature in self._features
