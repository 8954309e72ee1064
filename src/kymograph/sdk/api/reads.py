"""Where reads come from: a server, or folders of this machine; both give the same documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from kymograph.client.artifact_values import Page
from kymograph.client.operations import Operation
from kymograph.client.runs import RunAddress
from kymograph.types import JsonObject


class Reads(Protocol):
    """What an `Api` reads, as operations; see `client.public_reads` for what each gives and raises."""

    # docstrings there
    # ruff: noqa: D102

    def default_entity(self) -> Operation[str | None]: ...
    def viewer(self) -> Operation[JsonObject]: ...
    def users(self, query: str) -> Operation[list[JsonObject]]: ...
    def projects(self, entity: str, *, cursor: str | None, per_page: int) -> Operation[Page[JsonObject]]: ...
    def project(self, entity: str | None, name: str) -> Operation[JsonObject]: ...
    def runs(
        self,
        entity: str,
        name: str,
        *,
        filters: Mapping[str, Any],
        order: str,
        is_light: bool,
        cursor: str | None,
        per_page: int,
    ) -> Operation[Page[JsonObject]]: ...
    def run(self, at: RunAddress, *, is_light: bool = False) -> Operation[JsonObject]: ...
    def sampled_rows(self, at: RunAddress, keys: Sequence[str], samples: int) -> Operation[list[JsonObject]]: ...
    def spread_rows(self, at: RunAddress, samples: int, *, is_system: bool) -> Operation[list[JsonObject]]: ...
    def rows_between(self, at: RunAddress, first_step: int, end_step: int) -> Operation[list[JsonObject]]: ...
    def last_step(self, at: RunAddress) -> Operation[int]: ...
    def console_lines(
        self, at: RunAddress, *, last: int | None, cursor: str | None, per_page: int
    ) -> Operation[Page[JsonObject]]: ...
    def files(
        self, at: RunAddress, *, names: Sequence[str], pattern: str | None, cursor: str | None, per_page: int
    ) -> Operation[Page[JsonObject]]: ...
