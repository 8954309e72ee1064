"""System metrics: probes of the machine, a sampler that asks them, a thread that does so from time to time."""

from kymograph.sdk.capture.system.monitor import SystemMonitor
from kymograph.sdk.capture.system.sampler import Probe, SystemSampler, default_probes

__all__ = ["Probe", "SystemMonitor", "SystemSampler", "default_probes"]
