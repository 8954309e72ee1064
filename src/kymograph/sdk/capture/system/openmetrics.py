"""Metrics of services that speak the text format of Prometheus and OpenMetrics.

Source: the settings ``x_stats_open_metrics_*`` and the keys of the vendor's client (`core/internal/monitor/
openmetrics.go`): ``openmetrics.<endpoint>.<metric>.<n>``, where `n` counts the sets of labels that a metric was seen
with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kymograph.errors import InvalidSetting

TIMEOUT_S = 5.0
MAX_BYTES = 16 << 20
"""What is behind the first of these bytes of an answer is not read."""
_KINDS = ("gauge", "counter")
"""The kinds whose samples are a value by themselves."""
_SAMPLE = re.compile(r"(?P<name>[A-Za-z_:][\w:.]*)(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)(?:\s+.*)?")
_LABEL = re.compile(r'\s*(?P<name>[A-Za-z_][\w.]*|"(?:[^"\\]|\\.)*")\s*=\s*"(?P<value>(?:[^"\\]|\\.)*)"\s*(?:,|$)')
_ESCAPE = re.compile(r"\\(.)")

Labels = tuple[tuple[str, str], ...]
Fetch = Callable[[str, Mapping[str, str]], str]


@dataclass(frozen=True, slots=True)
class Filter:
    """What is kept: metrics whose name, and labels whose value, hold a match of these patterns."""

    metric: re.Pattern[str]
    """Looked for in ``<endpoint>.<metric>``."""
    labels: Mapping[str, re.Pattern[str]]


def parse_filters(setting: Mapping[str, Mapping[str, str]] | Sequence[str] | None) -> tuple[Filter, ...]:
    """Read the setting `x_stats_open_metrics_filters`; without filters, everything is kept.

    Raises:
        InvalidSetting: A pattern is none.
    """
    items: Iterable[tuple[str, Mapping[str, str]]]
    if setting is None:
        return ()
    items = setting.items() if isinstance(setting, Mapping) else ((pattern, {}) for pattern in setting)
    try:
        return tuple(
            Filter(re.compile(pattern), {name: re.compile(value) for name, value in labels.items()})
            for pattern, labels in items
        )
    except re.error as error:
        raise InvalidSetting(
            "x_stats_open_metrics_filters", error.pattern, rule=f"it is no regular expression: {error.msg}"
        ) from error


def parse_samples(text: str) -> Iterator[tuple[str, Labels, float]]:
    """Gauges and counters of an answer: name, labels by name, value; lines that make no sense are left out."""
    kinds = dict[str, str]()
    for line in text.splitlines():
        if line.startswith("#"):
            parts = line.split(None, 3)
            if len(parts) == 4 and parts[1] == "TYPE":
                kinds[parts[2]] = parts[3].strip()
            continue
        match = _SAMPLE.fullmatch(line.strip())
        if match is None:
            continue
        name = match["name"]
        # OpenMetrics names the family without the ending that its counters have.
        if (kinds.get(name) or kinds.get(name.removesuffix("_total"))) not in _KINDS:
            continue
        try:
            value = float(match["value"])
        except ValueError:
            continue
        yield name, _parse_labels(match["labels"] or ""), value


def _parse_labels(text: str) -> Labels:
    return tuple(sorted((match["name"].strip('"'), _unescaped(match["value"])) for match in _LABEL.finditer(text)))


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: "\n" if match[1] == "n" else match[1], text)


class OpenMetricsEndpoint:
    """One endpoint; it may be away at times.

    Args:
        name: As the user calls it.
        url: Where its metrics are.
        filters: What is kept; nothing given is everything.
        headers: Of the request.
        fetch: Answers a URL and headers with the text found there.
    """

    is_lasting = True

    def __init__(
        self,
        name: str,
        url: str,
        *,
        filters: Sequence[Filter] = (),
        headers: Mapping[str, str] | None = None,
        fetch: Fetch | None = None,
    ) -> None:
        self.name = f"endpoint {name}"
        self._endpoint = name
        self._url = url
        self._filters = filters
        self._headers = dict(headers or {})
        self._fetch = fetch or _fetch
        self._numbers = dict[str, dict[Labels, int]]()
        self._is_kept = dict[tuple[str, Labels], bool]()

    def sample(self) -> dict[str, float]:
        """Current values by key.

        Raises:
            OSError: There is no answer, or an error.
        """
        values = dict[str, float]()
        for name, labels, value in parse_samples(self._fetch(self._url, self._headers)):
            if self._keeps(name, labels):
                numbers = self._numbers.setdefault(name, {})
                number = numbers.setdefault(labels, len(numbers))
                values[f"openmetrics.{self._endpoint}.{name}.{number}"] = value
        return values

    def _keeps(self, name: str, labels: Labels) -> bool:
        if not self._filters:
            return True
        key = (name, labels)
        if key not in self._is_kept:
            if len(self._is_kept) > 10_000:  # labels that never come twice
                self._is_kept.clear()
            self._is_kept[key] = any(self._passes(a_filter, name, dict(labels)) for a_filter in self._filters)
        return self._is_kept[key]

    def _passes(self, a_filter: Filter, name: str, labels: Mapping[str, str]) -> bool:
        return a_filter.metric.search(f"{self._endpoint}.{name}") is not None and all(
            label in labels and pattern.search(labels[label]) for label, pattern in a_filter.labels.items()
        )


def _fetch(url: str, headers: Mapping[str, str]) -> str:
    from urllib.parse import urlsplit
    from urllib.request import Request, urlopen

    if urlsplit(url).scheme not in ("http", "https"):
        raise OSError(f"{url} is no web address")
    with urlopen(Request(url, headers=dict(headers)), timeout=TIMEOUT_S) as answer:
        body: bytes = answer.read(MAX_BYTES)
    return body.decode("utf-8", "replace")
