"""Runs of a list: what is left out of it is read when it is looked at, for many at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from kymograph.client.artifact_values import Page
from kymograph.client.operations import Operation, given
from kymograph.client.runs import RunAddress
from kymograph.errors import OfflineUse, UsageError
from kymograph.sdk.api.api import ApiOf
from kymograph.sdk.api.either import Sync
from kymograph.sdk.api.offline import LocalReads, OfflineCarrier
from kymograph.sdk.api.session import ApiSession
from kymograph.sdk.settings import Settings
from kymograph.types import JsonObject


class Server(LocalReads):
    """Sixty runs, and a note of each question."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def default_entity(self) -> Operation[str | None]:
        self.asked.append("entity")
        return given("me")

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
    ) -> Operation[Page[JsonObject]]:
        self.asked.append(f"{'light' if is_light else 'whole'} {per_page} after {cursor}")
        chosen = filters["name"]["$in"] if "name" in filters else [f"r{number}" for number in range(60)]
        begin = int(cursor or 0)
        nodes = [self._node(name, is_light=is_light) for name in chosen[begin : begin + per_page]]
        end = begin + len(nodes)
        return given(Page(nodes, str(end) if end < len(chosen) else None, len(chosen)))

    def run(self, at: RunAddress, *, is_light: bool = False) -> Operation[JsonObject]:
        self.asked.append(f"run {at.run_id}")
        return given({**self._node(at.run_id, is_light=is_light), "systemMetrics": '{"system.cpu": 1}'})

    def _node(self, name: str, *, is_light: bool) -> JsonObject:
        node: JsonObject = {
            "id": f"id-{name}",
            "name": name,
            "displayName": f"run {name}",
            "tags": [],
            "state": "finished",
        }
        config = '{"lr": {"value": 0.1}, "_wandb": {"value": {"t": 1}}}'
        return node if is_light else {**node, "config": config, "summaryMetrics": '{"loss": NaN}'}


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def api(server: Server) -> ApiOf[Sync]:
    session = ApiSession[Sync](
        OfflineCarrier(), Settings(), base_url="", app_url="http://host", reads=server, features=frozenset()
    )
    return ApiOf(session)


def test_configs_of_a_list_come_for_many_runs_at_a_time(api: ApiOf[Sync], server: Server) -> None:
    assert [run.config for run in api.runs("me/p")] == [{"lr": 0.1}] * 60
    assert server.asked == ["light 50 after None", "whole 50 after None", "light 50 after 50", "whole 50 after None"]


def test_what_lists_never_hold_is_read_for_one_run(api: ApiOf[Sync], server: Server) -> None:
    run = api.runs("me/p", lazy=False)[3]

    assert run.system_metrics == {"system.cpu": 1}
    assert server.asked == ["whole 50 after None", "run r3"]


def test_what_was_assigned_is_not_lost_to_what_is_read(api: ApiOf[Sync]) -> None:
    run = api.runs("me/p")[0]
    run.name, run.tags = "renamed", ["new"]
    run.config["lr"] = 0.5

    assert run.system_metrics
    assert (run.name, run.tags, run.config) == ("renamed", ["new"], {"lr": 0.5})
    assert '"t":1' in run.json_config


def test_a_run_has_the_fields_of_the_document(api: ApiOf[Sync]) -> None:
    run = api.run("me/p/r1")

    assert (run.storage_id, run.display_name, run.url) == ("id-r1", "run r1", "http://host/me/p/runs/r1")
    with pytest.raises(AttributeError, match="absent"):
        _ = run.absent


def test_objects_are_kept_until_they_are_flushed(api: ApiOf[Sync], server: Server) -> None:
    assert api.run("p/r1") is api.run("me/p/r1")
    assert api.runs("p") is api.runs("p")
    assert server.asked == ["entity", "run r1"]
    api.flush()
    assert api.run("p/r1").id == "r1"
    assert server.asked[2:] == ["entity", "run r1"]


def test_a_table_of_runs_has_their_configs_and_summaries(api: ApiOf[Sync]) -> None:
    table = api.runs("me/p").to_frame()

    assert len(table) == 60
    assert list(table["config.lr"]) == [0.1] * 60
    assert table["summary.loss"].isna().all()


def test_what_cannot_be_asked_is_said_before_it_is(api: ApiOf[Sync]) -> None:
    run = api.run("me/p/r1")

    with pytest.raises(UsageError, match="list of strings"):
        run.history(keys="loss")
    with pytest.raises(UsageError, match="stream must be default"):
        run.history(keys=["loss"], stream="system")
    with pytest.raises(UsageError, match="names or a pattern"):
        run.files(names=["a"], pattern="b")
    with pytest.raises(UsageError, match="Invalid format"):
        api.runs("me/p").histories(format="excel")  # type: ignore[arg-type]
    with pytest.raises(OfflineUse):
        run.stop()
