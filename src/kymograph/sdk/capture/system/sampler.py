"""Asking probes for system metrics, and leaving those alone that cannot answer."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

_log = logging.getLogger(__name__)

Clock = Callable[[], float]


class Probe(Protocol):
    """One source of system metrics, such as a GPU library or an endpoint."""

    name: str
    is_lasting: bool
    """Whether it is asked again after a failure: an endpoint may come back, a missing library will not."""

    def sample(self) -> Mapping[str, float]:
        """Current values by the key of the protocol, without its prefix ``system.``; may raise anything."""


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """What the user set for system metrics. Source: the settings ``x_stats_*``, seeds.md E.2."""

    pid: int = field(default_factory=os.getpid)
    disk_paths: Sequence[str] = ("/",)
    track_process_tree: bool = False
    use_cgroup: bool = True
    gpu_device_ids: Sequence[int] | None = None
    """Indices of the GPUs to watch; None is all."""
    open_metrics_endpoints: Mapping[str, str] = field(default_factory=dict)
    """URL by name."""
    open_metrics_filters: Mapping[str, Mapping[str, str]] | Sequence[str] | None = None
    open_metrics_headers: Mapping[str, str] = field(default_factory=dict)


def default_probes(options: ProbeOptions | None = None, *, clock: Clock = time.monotonic) -> list[Probe]:
    """The probes of this machine; each finds out for itself, when first asked, whether there is what it asks about."""
    from kymograph.sdk.capture.system.amd import AmdGpus
    from kymograph.sdk.capture.system.cgroup import find_limits
    from kymograph.sdk.capture.system.host import Host
    from kymograph.sdk.capture.system.nvidia import NvidiaGpus
    from kymograph.sdk.capture.system.openmetrics import OpenMetricsEndpoint, parse_filters

    options = options or ProbeOptions()
    probes: list[Probe] = [
        Host(
            options.pid,
            disk_paths=options.disk_paths,
            tracks_tree=options.track_process_tree,
            limits=find_limits() if options.use_cgroup else None,
            clock=clock,
        ),
        NvidiaGpus(options.pid, device_ids=options.gpu_device_ids),
        AmdGpus(device_ids=options.gpu_device_ids),
    ]
    filters = parse_filters(options.open_metrics_filters)
    for name, url in options.open_metrics_endpoints.items():
        probes.append(OpenMetricsEndpoint(name, url, filters=filters, headers=options.open_metrics_headers))
    return probes


class SystemSampler:
    """Asks every probe; never raises, and not safe for use by several threads at once.

    Args:
        probes: Who is asked; by default those of this machine.
        clock: Seconds, monotonic; for the default probes.
    """

    def __init__(self, probes: Sequence[Probe] | None = None, *, clock: Clock = time.monotonic) -> None:
        self._probes = list(default_probes(clock=clock) if probes is None else probes)
        self._has_failed = set[str]()

    @property
    def probes(self) -> Sequence[str]:
        """Names of the probes that are still asked."""
        return [probe.name for probe in self._probes]

    def sample(self) -> dict[str, float]:
        """Current values by key, such as ``cpu`` or ``gpu.0.temp``; a probe that failed adds nothing."""
        values = dict[str, float]()
        for probe in list(self._probes):
            try:
                values.update(probe.sample())
            # The edge to user code and to drivers of every kind: metrics of the machine must never stop a run.
            except Exception as error:
                self._note(probe, error)
        return values

    def _note(self, probe: Probe, error: Exception) -> None:
        if not probe.is_lasting:
            self._probes.remove(probe)
        if probe.name not in self._has_failed:
            self._has_failed.add(probe.name)
            _log.debug("no system metrics from %s: %s: %s", probe.name, type(error).__name__, error)
