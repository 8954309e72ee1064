"""CPU, memory, disks, network and the run's own processes.

Source: key names of the vendor's client 0.31.0; pinned, against that client, by tests/unit/sdk/capture/test_system.py.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kymograph.sdk.capture.system.cgroup import CgroupLimits

MIB = 1 << 20
GIB = 1 << 30
_PSEUDO_DEVICES = ("loop", "ram", "zram")


class Host:
    """The machine, and one process on it, with its descendants if wanted.

    Counters (network, disk) count from when the probe was made. `cpu` is the share of the capacity the process has
    used since the last sample, in percent: of the cores, or of what its group may use.

    Raises:
        Whatever psutil does, from `sample`, if the process is gone.
    """

    name = "host"
    is_lasting = False

    def __init__(
        self,
        pid: int,
        *,
        disk_paths: Sequence[str] = ("/",),
        tracks_tree: bool = False,
        limits: CgroupLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        retransmits: Callable[[], int | None] | None = None,
    ) -> None:
        self._pid = pid
        self._disk_paths = list(disk_paths)
        self._tracks_tree = tracks_tree
        self._limits = limits
        self._clock = clock
        self._retransmits = retransmits or _tcp_retransmits
        self._cpu_seconds: dict[tuple[int, float], float] = {}
        """Processor time by process (its id and when it was made) at the last sample."""
        self._sampled_at: float | None = None
        self._first: _Counters | None = None
        self._devices: set[str] | None = None

    def sample(self) -> dict[str, float]:
        """Current values by key."""
        import psutil

        counters = self._counters(psutil)
        first = self._first = self._first or counters
        values: dict[str, float] = {
            "network.sent": float(counters.sent - first.sent),
            "network.recv": float(counters.received - first.received),
        }
        if counters.retransmits is not None and first.retransmits is not None:
            values["network.tcpRetransmits"] = float(counters.retransmits - first.retransmits)
        for device, (read, written) in counters.disks.items():
            read_before, written_before = first.disks.get(device, (read, written))
            values[f"disk.{device}.in"] = (read - read_before) / MIB
            values[f"disk.{device}.out"] = (written - written_before) / MIB
        values |= self._disk_usage(psutil)
        total_bytes = self._memory(psutil, values)
        self._processes(psutil, total_bytes, values)
        return values

    def _counters(self, psutil: Any) -> _Counters:
        network = psutil.net_io_counters()
        try:
            disks = psutil.disk_io_counters(perdisk=True) or {}
        except (FileNotFoundError, NotImplementedError, RuntimeError):  # lean containers, some systems
            disks = {}
        if self._devices is None:
            self._devices = self._watched_devices(psutil, disks)
        return _Counters(
            sent=network.bytes_sent if network else 0,
            received=network.bytes_recv if network else 0,
            retransmits=self._retransmits(),
            disks={name: (at.read_bytes, at.write_bytes) for name, at in disks.items() if name in self._devices},
        )

    def _watched_devices(self, psutil: Any, disks: dict[str, Any]) -> set[str]:
        """The devices behind the disk paths; all real ones where that cannot be told, as for a container's root."""
        devices = {
            partition.device.removeprefix("/dev/")
            for partition in psutil.disk_partitions()
            if any(path.startswith(partition.mountpoint) for path in self._disk_paths)
        }
        return devices & set(disks) or {name for name in disks if not name.startswith(_PSEUDO_DEVICES)}

    def _disk_usage(self, psutil: Any) -> dict[str, float]:
        values = dict[str, float]()
        for path in list(self._disk_paths):
            try:
                usage = psutil.disk_usage(path)
            except OSError:
                self._disk_paths.remove(path)
                continue
            values[f"disk.{path}.usagePercent"] = float(usage.percent)
            values[f"disk.{path}.usageGB"] = usage.used / GIB
        return values

    def _memory(self, psutil: Any, values: dict[str, float]) -> int:
        """Fill in the memory of the machine, or of the group; returns how much there is in all."""
        limits = self._limits
        if limits is not None and limits.memory_bytes and (used := limits.memory_usage_bytes()) is not None:
            values["memory_percent"] = used / limits.memory_bytes * 100
            values["proc.memory.availableMB"] = max(0, limits.memory_bytes - used) / MIB
            return limits.memory_bytes
        memory = psutil.virtual_memory()
        values["memory_percent"] = float(memory.percent)
        values["proc.memory.availableMB"] = memory.available / MIB
        return int(memory.total)

    def _processes(self, psutil: Any, total_bytes: int, values: dict[str, float]) -> None:
        root = psutil.Process(self._pid)
        now = self._clock()
        processes = [root, *root.children(recursive=True)] if self._tracks_tree else [root]
        resident, threads, seconds = 0, 0, dict[tuple[int, float], float]()
        for process in processes:
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    seconds[process.pid, process.create_time()] = times.user + times.system
                    resident += process.memory_info().rss
                    threads += process.num_threads()
            except psutil.Error:  # it has ended, or is another user's
                if process is root:
                    raise
        values["proc.memory.rssMB"] = resident / MIB
        values["proc.memory.percent"] = resident / total_bytes * 100
        values["proc.cpu.threads"] = float(threads)
        if self._sampled_at is not None and now > self._sampled_at:
            # Of a process that is new, all its time was spent since the last sample.
            used = sum(spent - self._cpu_seconds.get(process, 0.0) for process, spent in seconds.items())
            capacity = (
                (self._limits and self._limits.cpus) or psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
            )
            values["cpu"] = max(0.0, used) / (now - self._sampled_at) / capacity * 100
        self._cpu_seconds, self._sampled_at = seconds, now

    def _capacity(self, psutil: Any) -> float:
        """Processors that the process can use at a time."""
        if self._limits is not None and self._limits.cpus:
            return self._limits.cpus
        return float(psutil.cpu_count(logical=False) or psutil.cpu_count() or 1)


class _Counters:
    """What the machine has counted since it was started."""

    __slots__ = ("disks", "received", "retransmits", "sent")

    def __init__(self, *, sent: int, received: int, retransmits: int | None, disks: dict[str, tuple[int, int]]) -> None:
        self.sent, self.received, self.retransmits, self.disks = sent, received, retransmits, disks


def _tcp_retransmits(file: Path = Path("/proc/net/snmp")) -> int | None:
    """TCP segments that were sent again; None where the system does not say."""
    if sys.platform != "linux":
        return None
    try:
        names, numbers = (line.split() for line in file.read_text().splitlines() if line.startswith("Tcp:"))
        return int(numbers[names.index("RetransSegs")])
    except (OSError, ValueError):
        return None
