"""Whole metrics out of a server that gives samples."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.client.graphql import GraphqlTransport
from kymograph.client.run_samples import RunSamples, SampledRun
from kymograph.errors import ProjectNotFound, RunNotFound


class SamplingServer(GraphqlTransport):
    """Knows runs as values by key and step; gives at most `cap` rows at once, evenly chosen."""

    def __init__(self, runs: dict[str, dict[str, dict[int, Any]]], *, cap: int, is_last_excluded: bool = False) -> None:
        self.runs, self.cap, self.is_last_excluded = runs, cap, is_last_excluded
        self.requests = 0

    def graphql(self, document: str, variables: Mapping[str, Any] | None = None, **_: Any) -> dict[str, Any]:
        self.requests += 1
        given = dict(variables or {})
        if given["project"] != "demo":
            return {"project": None}
        answer: dict[str, Any] = {}
        for place in re.findall(r"r(\d+): run", document):
            run = self.runs.get(given[f"n{place}"])
            answer[f"r{place}"] = None if run is None else self._describe(given[f"n{place}"], run)
            if run is not None and f"s{place}" in given:
                answer[f"r{place}"] = {"sampledHistory": [self._rows(run, json.loads(s)) for s in given[f"s{place}"]]}
        return {"project": answer}

    def _rows(self, run: dict[str, dict[int, Any]], spec: dict[str, Any]) -> list[dict[str, Any]]:
        (key, *_) = spec["keys"]
        low, high = spec.get("minStep", 0), spec.get("maxStep", 10**9)
        end = high if self.is_last_excluded else high + 1
        rows = [{"_step": step, key: value} for step, value in sorted(run[key].items()) if low <= step < end]
        allowed = min(self.cap, spec["samples"])
        if len(rows) <= allowed:
            return rows
        return [rows[place * (len(rows) - 1) // max(1, allowed - 1)] for place in range(allowed)]

    @staticmethod
    def _describe(name: str, run: dict[str, dict[int, Any]]) -> dict[str, Any]:
        keys = {
            key: {"typeCounts": [{"type": "number", "count": len(values)}], "previousValue": None}
            for key, values in run.items()
        }
        last = max((step for values in run.values() for step in values), default=-1)
        return {
            "name": name,
            "displayName": name,
            "historyLineCount": 1,
            "historyKeys": {"keys": keys, "lastStep": last},
        }


def described(server: SamplingServer) -> tuple[RunSamples, list[SampledRun]]:
    samples = RunSamples(server, "ada", "demo")
    return samples, samples.describe(list(server.runs))


@pytest.mark.parametrize("is_last_excluded", [False, True])
def test_a_metric_is_whole_though_the_server_samples(*, is_last_excluded: bool) -> None:
    truth = {step: step / 2 for step in range(0, 5_000, 3)}
    server = SamplingServer({"a": {"x": truth}}, cap=500, is_last_excluded=is_last_excluded)
    samples, runs = described(server)

    assert samples.points(runs, ["x"]) == {("a", "x"): truth}
    assert server.requests <= 6


@given(
    st.dictionaries(st.integers(0, 300), st.integers(), max_size=60),
    st.dictionaries(st.integers(0, 300), st.integers(), max_size=60),
    st.integers(2, 20),
)
def test_any_metric_is_whole_with_any_cap(first: dict[int, int], second: dict[int, int], cap: int) -> None:
    server = SamplingServer({"a": {"x": first, "y": second}, "b": {"x": second}}, cap=cap)
    samples, runs = described(server)

    expected = {("a", "x"): first, ("a", "y"): second, ("b", "x"): second}
    assert samples.points(runs, ["x", "y"]) == {place: points for place, points in expected.items() if points}


def test_many_runs_and_metrics_take_one_request() -> None:
    server = SamplingServer({f"r{n}": {f"m{m}": {1: n, 5: m} for m in range(8)} for n in range(20)}, cap=10_000)
    samples, runs = described(server)

    assert len(samples.points(runs, [f"m{m}" for m in range(8)])) == 160
    assert server.requests == 2


@pytest.mark.parametrize("is_last_excluded", [False, True])
def test_values_come_in_the_order_asked_for(*, is_last_excluded: bool) -> None:
    server = SamplingServer({"a": {"x": {1: "one", 2: "two"}}}, cap=500, is_last_excluded=is_last_excluded)
    samples = RunSamples(server, "ada", "demo")

    assert samples.values([("a", "x", 2), ("a", "x", 1), ("a", "x", 3), ("a", "x", 2)]) == ["two", "one", None, "two"]


def test_what_is_not_there_is_told() -> None:
    server = SamplingServer({"a": {"x": {1: 1}}}, cap=500)
    samples, runs = described(server)
    server.runs.clear()

    assert samples.describe(["a"]) == []
    with pytest.raises(RunNotFound):
        samples.points(runs, ["x"])
    with pytest.raises(ProjectNotFound):
        RunSamples(server, "ada", "absent").describe(["a"])


def test_numbers_that_are_not_finite_come_back_as_numbers() -> None:
    server = SamplingServer({"a": {"x": {1: "NaN", 2: 1.5, 3: "-Infinity"}}}, cap=500)
    samples, runs = described(server)

    assert [repr(value) for value in samples.points(runs, ["x"])["a", "x"].values()] == ["nan", "1.5", "-inf"]
