"""Limits that a container or a batch job sets: the capacity that a run really has, where the machine has more.

Source: the kernel's documentation of cgroup v1 and v2. Only the group that holds the process itself is read: the usage
of a parent includes its other children, so a share of the parent's limit would say nothing of this process.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

NO_LIMIT_BYTES = 1 << 60
"""From here on, a v1 limit means none; the kernel writes the largest multiple of a page."""


@dataclass(frozen=True, slots=True)
class CgroupLimits:
    """What the group of this process may use; None is without limit."""

    memory_bytes: int | None = None
    memory_usage_file: Path | None = None
    cpus: float | None = None
    """May be a fraction."""

    def memory_usage_bytes(self) -> int | None:
        """What the group uses now; None without a limit, or if it cannot be read any more."""
        if self.memory_bytes is None or self.memory_usage_file is None:
            return None
        return _number(self.memory_usage_file)


def find_limits(proc: Path = Path("/proc/self"), *, logical_cpus: int | None = None) -> CgroupLimits | None:
    """The limits of this process's group, or None where there are none, or no such groups.

    Args:
        proc: The process's folder of procfs.
        logical_cpus: CPUs of the machine; by default they are counted.
    """
    import os

    try:
        groups = (proc / "cgroup").read_text().splitlines()
        mounts = (proc / "mountinfo").read_text().splitlines()
    except OSError:
        return None
    limits = _limits(groups, mounts)
    allowed = _allowed_cpus(proc, logical_cpus or os.cpu_count() or 0)
    cpus = min((count for count in (limits.cpus, allowed) if count), default=None)
    if limits.memory_bytes is None and cpus is None:
        return None
    return CgroupLimits(limits.memory_bytes, limits.memory_usage_file, cpus)


def _limits(groups: list[str], mounts: list[str]) -> CgroupLimits:
    memory: tuple[int | None, Path | None] = (None, None)
    cpus = None
    for line in groups:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        names = set(controllers.split(","))
        if number == "0" and not controllers:
            folder = _folder(mounts, path, kind="cgroup2")
            if folder is None:
                continue
            if (limit := _number(folder / "memory.max")) is not None:
                memory = (limit, folder / "memory.current")
            cpus = _quota_v2(folder / "cpu.max") or cpus
        elif "memory" in names and (folder := _folder(mounts, path, kind="cgroup", controller="memory")) is not None:
            limit = _number(folder / "memory.limit_in_bytes")
            if limit is not None and limit < NO_LIMIT_BYTES:
                memory = (limit, folder / "memory.usage_in_bytes")
        elif "cpu" in names and (folder := _folder(mounts, path, kind="cgroup", controller="cpu")) is not None:
            quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
            if quota is not None and period and quota > 0:
                cpus = quota / period
    return CgroupLimits(memory[0], memory[1], cpus)


def _folder(mounts: list[str], path: str, *, kind: str, controller: str | None = None) -> Path | None:
    """Where a group's files are, seen from this process: a container sees its own part of the tree only."""
    for line in mounts:
        before, _, after = line.partition(" - ")
        fields, types = before.split(" "), after.split(" ")
        if len(fields) < 5 or types[0] != kind:
            continue
        if controller is not None and controller not in types[-1].split(","):
            continue
        root, mount_point = PurePosixPath(fields[3]), Path(fields[4])
        group = PurePosixPath(path)
        if root != PurePosixPath("/") and group.is_relative_to(root):
            group = PurePosixPath("/") / group.relative_to(root)
        folder = mount_point / group.relative_to("/")
        # In a container of its own group namespace, the path may lead above what is mounted.
        return folder if folder.is_dir() and ".." not in group.parts else mount_point
    return None


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # not there, or "max"
        return None


def _quota_v2(file: Path) -> float | None:
    try:
        quota, period = file.read_text().split()
        return int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # not there, or "max 100000"
        return None


def _allowed_cpus(proc: Path, logical_cpus: int) -> float | None:
    """CPUs that the process may run on, if they are not all."""
    try:
        lines = (proc / "status").read_text().splitlines()
        ranges = next(line.partition(":")[2] for line in lines if line.startswith("Cpus_allowed_list:"))
        count = 0
        for part in ranges.strip().split(","):
            first, _, last = part.partition("-")
            count += int(last or first) - int(first) + 1
    except (OSError, ValueError, StopIteration):
        return None
    return float(count) if 0 < count < logical_cpus else None
