"""The text format of Prometheus and OpenMetrics, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.errors import InvalidSetting
from kymograph.sdk.capture.system.openmetrics import OpenMetricsEndpoint, _fetch, parse_filters, parse_samples

TEXT = """\
# HELP DCGM_FI_DEV_GPU_TEMP GPU temperature (in C).
# TYPE DCGM_FI_DEV_GPU_TEMP gauge
DCGM_FI_DEV_GPU_TEMP{gpu="0",pod=""} 31
DCGM_FI_DEV_GPU_TEMP{gpu="1", pod="a \\"b\\", c"} 3.2e1 1700000000000
# TYPE requests_total counter
requests_total 7
# TYPE queries counter
queries_total 8 # {trace="x"} 1
# TYPE latency histogram
latency_bucket{le="+Inf"} 3
untyped 1
# TYPE odd gauge
odd NaN
odd nonsense
not a sample at all }
# EOF
"""


def test_gauges_and_counters_are_read() -> None:
    samples = [(name, labels, value) for name, labels, value in parse_samples(TEXT) if name != "odd"]

    assert samples == [
        ("DCGM_FI_DEV_GPU_TEMP", (("gpu", "0"), ("pod", "")), 31.0),
        ("DCGM_FI_DEV_GPU_TEMP", (("gpu", "1"), ("pod", 'a "b", c')), 32.0),
        ("requests_total", (), 7.0),
        ("queries_total", (), 8.0),
    ]


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    list(parse_samples(text))
    list(parse_samples("# TYPE a gauge\na{" + text))


def endpoint(filters: Mapping[str, Mapping[str, str]] | list[str] | None = None) -> OpenMetricsEndpoint:
    return OpenMetricsEndpoint(
        "node", "http://h/metrics", filters=parse_filters(filters), fetch=lambda url, headers: TEXT
    )


def test_keys_count_the_sets_of_labels() -> None:
    values = endpoint().sample()

    assert values["openmetrics.node.DCGM_FI_DEV_GPU_TEMP.0"] == 31
    assert values["openmetrics.node.DCGM_FI_DEV_GPU_TEMP.1"] == 32
    assert values["openmetrics.node.requests_total.0"] == 7


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        (["node.DCGM_.*", "nothing"], ["DCGM_FI_DEV_GPU_TEMP.0", "DCGM_FI_DEV_GPU_TEMP.1"]),
        ({"DCGM": {"pod": "^a"}}, ["DCGM_FI_DEV_GPU_TEMP.0"]),
        ({"DCGM": {"node": "x"}}, []),
        ({"requests": {}}, ["requests_total.0"]),
    ],
)
def test_filters(filters: Mapping[str, Mapping[str, str]] | list[str], kept: list[str]) -> None:
    probe = endpoint(filters)

    assert sorted(probe.sample()) == [f"openmetrics.node.{key}" for key in kept]
    assert sorted(probe.sample()) == [f"openmetrics.node.{key}" for key in kept]


def test_headers_are_sent() -> None:
    seen = list[Mapping[str, str]]()

    def fetch(url: str, headers: Mapping[str, str]) -> str:
        seen.append(headers)
        return ""

    assert OpenMetricsEndpoint("a", "http://h", headers={"Authorization": "Bearer x"}, fetch=fetch).sample() == {}
    assert seen == [{"Authorization": "Bearer x"}]


def test_a_pattern_that_is_none_is_told() -> None:
    with pytest.raises(InvalidSetting, match="no regular expression"):
        parse_filters(["("])


def test_only_web_addresses_are_fetched() -> None:
    with pytest.raises(OSError, match="no web address"):
        _fetch("file:///etc/passwd", {})
