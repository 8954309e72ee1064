"""Sweeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kymograph.client import public_reads
from kymograph.client.artifact_values import Page as PageOf
from kymograph.client.artifact_values import whole
from kymograph.client.operations import Operation
from kymograph.client.public_reads import OLDEST_FIRST
from kymograph.client.runs import RunAddress
from kymograph.errors import SweepNotFound
from kymograph.sdk.api.attributes import Page, quoted
from kymograph.sdk.api.either import M, either
from kymograph.sdk.api.listing import Listing
from kymograph.sdk.api.run import Run
from kymograph.sdk.api.runs import Runs
from kymograph.sdk.api.session import ApiSession
from kymograph.types import JsonObject

PER_PAGE = 50
_FILTERS_FEATURE = "SWEEPS_QUERY_FILTERING"


class Sweep(Page[M]):
    """A search over configs.

    Attributes:
        runs: Those of the sweep, the oldest first.
    """

    state: str
    best_loss: float | None

    def __init__(self, session: ApiSession[M], at: RunAddress, node: JsonObject) -> None:
        """Describe what a server has told.

        Args:
            session: With the server.
            at: Where the sweep is.
            node: Its document.
        """
        super().__init__(session, node)
        self.at = at
        self.runs = self._runs(OLDEST_FIRST)

    def _runs(self, order: str, per_page: int = 10) -> Runs[M]:
        return Runs(
            self._session,
            self.at.entity,
            self.at.project,
            filters={"$and": [{"sweep": self.at.run_id}]},
            order=order,
            per_page=per_page,
        )

    @property
    def id(self) -> str:
        """The short id, unique in the project."""
        return self.at.run_id

    @property
    def entity(self) -> str:
        """Whose project it is in."""
        return self.at.entity

    @property
    def project(self) -> str:
        """The project it is in."""
        return self.at.project

    @property
    def config(self) -> JsonObject:
        """What is searched, and how."""
        import yaml

        found = yaml.safe_load(str(self._node.get("config") or ""))
        return found if isinstance(found, dict) else {}

    @property
    def name(self) -> str:
        """The name that people gave it, else its id."""
        return str(self._node.get("displayName") or self.config.get("name") or self.id)

    @property
    def expected_run_count(self) -> int | None:
        """How many runs it will have; None if there is no end."""
        return whole(self._node.get("runCountExpected"))

    @property
    def order(self) -> str | None:
        """The order in which its best run is the first; None if it has no metric."""
        metric = self.config.get("metric")
        if not isinstance(metric, dict) or not metric.get("name"):
            return None
        return order_key(("-" if metric.get("goal") == "maximize" else "+") + str(metric["name"]))

    @property
    def path(self) -> list[str]:
        """Entity, project and id, as parts of an address."""
        return quoted(self.at.entity, self.at.project, self.at.run_id)

    @property
    def url(self) -> str:
        """Address of its page."""
        entity, project, name = self.path
        return f"{self._session.app_url}/{entity}/{project}/sweeps/{name}"

    @either
    def load(self, force: bool = False) -> Operation[JsonObject]:
        """What the server says of it; `force` asks anew."""
        if force:
            self._node = (yield from read_sweep(self._session, self.at))._node
        return self._node

    @either
    def best_run(self, order: str | None = None) -> Operation[Run[M] | None]:
        """The first run in an order; by default the best by the sweep's metric, else the newest.

        Args:
            order: A key with ``+`` or ``-`` before it; a bare name means a metric of the summary.
        """
        wanted = self.order if order is None else order_key(order)
        runs = yield from self._runs(wanted or "-created_at", per_page=1)._first(1)
        return runs[0] if runs else None

    def __repr__(self) -> str:
        return f"<Sweep {'/'.join(self.path)} ({self._node.get('state', 'Unknown State')})>"


class Sweeps(Listing[M, Sweep[M]]):
    """The sweeps of a project."""

    def __init__(
        self,
        session: ApiSession[M],
        entity: str,
        project: str,
        *,
        filters: Mapping[str, Any] | None = None,
        per_page: int = PER_PAGE,
    ) -> None:
        """Begin before the first one."""
        self.entity, self.project = entity, project

        def read(cursor: str | None) -> Operation[PageOf[Sweep[M]]]:
            can_filter = yield from session.offers(_FILTERS_FEATURE)
            page = yield from public_reads.sweeps(
                entity, project, filters=filters or {}, can_filter=can_filter, cursor=cursor, per_page=per_page
            )
            items = [Sweep(session, RunAddress(entity, project, str(node.get("name"))), node) for node in page.items]
            return PageOf(items, page.cursor, page.total)

        super().__init__(session, read)

    def __repr__(self) -> str:
        return f"<Sweeps {self.entity}/{self.project}>"


def read_sweep(session: ApiSession[M], at: RunAddress) -> Operation[Sweep[M]]:
    """A sweep.

    Raises:
        SweepNotFound: There is none.
    """
    node = yield from public_reads.sweep(at.entity, at.project, at.run_id)
    if node is None:
        raise SweepNotFound(at.run_id, within=f"{at.entity}/{at.project}")
    return Sweep(session, at, node)


def order_key(key: str) -> str:
    """A key to order runs by: ``+`` or ``-``, and the field; a bare name means a metric of the summary."""
    sign, name = (key[0], key[1:]) if key[:1] in ("+", "-") else ("+", key)
    if name.startswith(("config.", "summary_metrics.")) or name in ("created_at", "heartbeat_at", "updated_at"):
        return sign + name
    return f"{sign}summary_metrics.{name}"
