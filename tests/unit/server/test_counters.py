"""Counters, in the format that Prometheus reads."""

from __future__ import annotations

import re

from kymograph.core.history import Stream
from kymograph.server.counters import Counters, Gauges, face_of, render

SAMPLE = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})? (-?[0-9.e+-]+|\+Inf)')
NO_GAUGES = Gauges(0, 0, 0, 0)


def values_of(text: str) -> dict[str, float]:
    """Samples by name and labels; every line must be a sample or a comment."""
    found = {}
    for line in text.splitlines():
        if not line.startswith(("# HELP ", "# TYPE ")):
            assert SAMPLE.fullmatch(line), line
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


def test_every_name_has_a_type_before_its_first_value() -> None:
    counters = Counters()
    counters.add_request("/graphql", 200, 0.01)

    text = render(counters, NO_GAUGES)

    assert text.endswith("\n")
    typed: set[str] = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            typed.add(line.split()[2])
        elif not line.startswith("#"):
            name = re.split(r"[{ ]", line)[0]
            assert name in typed or re.sub(r"_(bucket|sum|count)$", "", name) in typed, line


def test_times_are_counted_in_classes_that_hold_all_shorter_ones() -> None:
    counters = Counters()
    for elapsed_s in (0.001, 0.01, 0.06, 100.0):
        counters.add_request("/files/a/b/c/file_stream", 200, elapsed_s)

    values = values_of(render(counters, NO_GAUGES))

    def count(bound: str) -> float:
        return values[f'kymograph_answer_seconds_bucket{{face="file_stream",le="{bound}"}}']

    assert [count(bound) for bound in ("0.005", "0.01", "0.05", "0.1", "10.0", "+Inf")] == [1, 2, 2, 3, 3, 4]
    assert values['kymograph_answer_seconds_count{face="file_stream"}'] == 4
    assert values['kymograph_answer_seconds_sum{face="file_stream"}'] == 100.071


def test_requests_lines_and_bytes_add_up() -> None:
    counters = Counters()
    for status in (200, 200, 429):
        counters.add_request("/files/a/b/c/file_stream", status, 0.01)
    for _ in range(2):
        counters.add_taken({Stream.HISTORY: 10, Stream.CONSOLE: 1}, 500)

    values = values_of(render(counters, Gauges(7, 1234, 99, 42)))

    assert values['kymograph_requests_total{face="file_stream",status="200"}'] == 2
    assert values['kymograph_requests_total{face="file_stream",status="429"}'] == 1
    assert values['kymograph_lines_total{stream="history"}'] == 20
    assert values['kymograph_lines_total{stream="system"}'] == 0
    assert values["kymograph_file_stream_bytes_total"] == 1000
    assert (values["kymograph_tail_chunks"], values["kymograph_tail_bytes"]) == (7, 1234)
    assert values["kymograph_compaction_overdue_bytes"] == 42
    assert values["process_cpu_seconds_total"] > 0


def test_there_are_few_faces_however_many_addresses_are_asked_for() -> None:
    paths = ["/", "/graphql", "/api/v1/x", "/storage/runs/t/f", "/artifactsV2/x", "/metrics", "/sdk/otel/v1/logs"]

    faces = [face_of(path) for path in [*paths, *(f"/{number}" for number in range(100)), '/"\n{}']]

    assert faces[: len(paths)] == ["web", "graphql", "rest", "bytes", "bytes", "operation", "telemetry"]
    assert set(faces[len(paths) :]) == {"web"}
