"""Sampling goes on whatever a probe does, and ends at once when it is told to."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import pytest

from kymograph.sdk.capture.system import SystemMonitor, SystemSampler
from kymograph.sdk.capture.system.sampler import ProbeOptions, default_probes

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class FakeProbe:
    def __init__(self, name: str, sample: Callable[[], Mapping[str, float]], *, is_lasting: bool = False) -> None:
        self.name, self.is_lasting = name, is_lasting
        self._sample = sample
        self.asked = 0

    def sample(self) -> Mapping[str, float]:
        self.asked += 1
        return self._sample()


def failing() -> Mapping[str, float]:
    raise RuntimeError("driver gone")


def test_a_probe_that_fails_is_switched_off_with_one_note(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "kymograph")
    good, bad = FakeProbe("good", lambda: {"cpu": 1.0}), FakeProbe("bad", failing)
    sampler = SystemSampler([bad, good])

    assert [sampler.sample() for _ in range(3)] == [{"cpu": 1.0}] * 3
    assert bad.asked == 1
    assert sampler.probes == ["good"]
    assert [record.getMessage() for record in caplog.records] == [
        "no system metrics from bad: RuntimeError: driver gone"
    ]


def test_an_endpoint_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "kymograph")
    endpoint = FakeProbe("endpoint", failing, is_lasting=True)
    sampler = SystemSampler([endpoint])
    sampler.sample()
    sampler.sample()

    assert endpoint.asked == 2
    assert len(caplog.records) == 1


def test_this_machine_has_probes_that_answer_or_fall_silent() -> None:
    sampler = SystemSampler(default_probes(ProbeOptions(open_metrics_endpoints={"a": "http://127.0.0.1:1/"})))

    assert "memory_percent" in sampler.sample()
    assert "host" in sampler.probes
    assert "endpoint a" in sampler.probes


def test_the_first_sample_comes_at_once() -> None:
    arrived = threading.Event()
    samples = list[tuple[dict[str, float], datetime]]()

    def sink(values: dict[str, float], at: datetime) -> None:
        samples.append((values, at))
        arrived.set()

    monitor = SystemMonitor(
        SystemSampler([FakeProbe("p", lambda: {"cpu": 1.0})]), sink, interval_s=3600, label="rank-1", now=lambda: NOON
    )
    monitor.start()
    monitor.start()

    assert arrived.wait(10)
    began = time.monotonic()
    monitor.stop()
    monitor.stop()
    assert time.monotonic() - began < 1
    assert samples == [({"cpu/l:rank-1": 1.0}, NOON)]


def test_a_probe_that_hangs_does_not_hold_up_the_end() -> None:
    inside, release = threading.Event(), threading.Event()

    def hang() -> Mapping[str, float]:
        inside.set()
        release.wait(30)
        return {"cpu": 1.0}

    samples = list[dict[str, float]]()
    monitor = SystemMonitor(SystemSampler([FakeProbe("p", hang)]), lambda values, at: samples.append(values))
    monitor.start()
    inside.wait(10)
    began = time.monotonic()
    monitor.stop()
    elapsed_s = time.monotonic() - began
    release.set()

    assert elapsed_s < 3
    assert samples == []


def test_a_sink_that_fails_ends_monitoring_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    def sink(values: dict[str, float], at: datetime) -> None:
        raise RuntimeError("disk full")

    monitor = SystemMonitor(SystemSampler([FakeProbe("p", lambda: {"cpu": 1.0})]), sink, interval_s=0.001)
    monitor.start()
    assert monitor._thread is not None
    monitor._thread.join(10)

    assert not monitor._thread.is_alive()
    assert [record.levelname for record in caplog.records if record.levelno >= logging.WARNING] == ["WARNING"]


def test_a_paused_monitor_takes_no_samples() -> None:
    probe = FakeProbe("p", lambda: {"cpu": 1.0})
    monitor = SystemMonitor(SystemSampler([probe]), lambda values, at: None, interval_s=3600)
    monitor.pause()
    monitor.start()
    monitor.stop()

    assert probe.asked == 0
