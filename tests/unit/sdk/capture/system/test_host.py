"""The machine's own metrics: real ones by psutil, limits of groups by files of the kernel's form."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kymograph.sdk.capture.system.cgroup import CgroupLimits, find_limits
from kymograph.sdk.capture.system.host import Host, _tcp_retransmits


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_values_of_this_machine_are_plausible() -> None:
    clock = Clock()
    host = Host(os.getpid(), clock=clock)
    first = host.sample()
    clock.now += 10
    second = host.sample()

    assert "cpu" not in first
    assert second["cpu"] >= 0
    assert 0 < second["memory_percent"] <= 100
    assert second["proc.memory.rssMB"] > 1
    assert 0 < second["proc.memory.percent"] <= 100
    assert second["proc.memory.availableMB"] > 0
    assert second["proc.cpu.threads"] >= 1
    assert first["network.sent"] == first["network.recv"] == 0
    assert 0 < second["disk./.usagePercent"] <= 100
    assert second["disk./.usageGB"] > 0
    assert all(value == 0 for key, value in first.items() if key.endswith((".in", ".out")))


def test_the_processor_share_is_of_the_capacity_the_group_has() -> None:
    clock = Clock()
    half = Host(os.getpid(), limits=CgroupLimits(cpus=0.5), clock=clock)
    half.sample()
    half._cpu_seconds = {process: spent - 2.0 for process, spent in half._cpu_seconds.items()}
    clock.now += 10

    assert half.sample()["cpu"] == pytest.approx(2.0 / 10 / 0.5 * 100, rel=0.3)


def test_memory_is_of_the_group_where_it_is_limited(tmp_path: Path) -> None:
    usage = tmp_path / "memory.current"
    usage.write_text("268435456\n")

    values = Host(os.getpid(), limits=CgroupLimits(1 << 30, usage)).sample()

    assert values["memory_percent"] == 25.0
    assert values["proc.memory.availableMB"] == 768.0


def test_a_process_tree_counts_all_of_it() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        alone = Host(os.getpid()).sample()
        tree = Host(os.getpid(), tracks_tree=True).sample()
    finally:
        child.communicate(b"\n")

    assert tree["proc.cpu.threads"] > alone["proc.cpu.threads"]


def test_a_disk_path_that_is_not_there_is_left_out() -> None:
    values = Host(os.getpid(), disk_paths=["/", "/no/such/folder"]).sample()

    assert not any("such" in key for key in values)
    assert "disk./.usageGB" in values


def test_retransmits_are_read_by_the_names_above_them(tmp_path: Path) -> None:
    file = tmp_path / "snmp"
    file.write_text("Ip: A\nIp: 1\nTcp: ActiveOpens RetransSegs InErrs\nTcp: 7 42 0\n")

    assert _tcp_retransmits(file) in (42, None if sys.platform != "linux" else 42)
    assert _tcp_retransmits(tmp_path / "none") is None


# --- limits -----------------------------------------------------------------------------------------------------------


def proc_folder(folder: Path, *, cgroup: str, mounts: str, allowed: str = "0-7") -> Path:
    proc = folder / "proc"
    proc.mkdir()
    (proc / "cgroup").write_text(cgroup)
    (proc / "mountinfo").write_text(mounts)
    (proc / "status").write_text(f"Name:\tpython\nCpus_allowed_list:\t{allowed}\n")
    return proc


def group_folder(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def test_limits_of_the_second_version(tmp_path: Path) -> None:
    group = group_folder(
        tmp_path / "cg" / "pod" / "a", memory__max="1073741824\n", memory__current="5\n", cpu__max="150000 100000\n"
    )
    mounts = f"30 20 0:26 / {tmp_path}/cg rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
    proc = proc_folder(tmp_path, cgroup="0::/pod/a\n", mounts=mounts)

    limits = find_limits(proc, logical_cpus=8)

    assert limits == CgroupLimits(1 << 30, group / "memory.current", 1.5)
    assert limits is not None
    assert limits.memory_usage_bytes() == 5


def test_a_container_sees_its_part_of_the_tree_only(tmp_path: Path) -> None:
    group = group_folder(tmp_path / "cg", memory__max="1000\n", memory__current="5\n")
    mounts = f"30 20 0:26 /pod/a {tmp_path}/cg rw - cgroup2 cgroup2 rw\n"
    proc = proc_folder(tmp_path, cgroup="0::/pod/a\n", mounts=mounts)

    assert find_limits(proc, logical_cpus=8) == CgroupLimits(1000, group / "memory.current", None)


def test_limits_of_the_first_version(tmp_path: Path) -> None:
    memory = group_folder(tmp_path / "m" / "job", memory__limit_in_bytes="2000\n", memory__usage_in_bytes="7\n")
    group_folder(tmp_path / "c" / "job", cpu__cfs_quota_us="200000\n", cpu__cfs_period_us="100000\n")
    mounts = (
        f"30 20 0:26 / {tmp_path}/m rw - cgroup cgroup rw,memory\n"
        f"31 20 0:27 / {tmp_path}/c rw - cgroup cgroup rw,cpu,cpuacct\n"
    )
    proc = proc_folder(tmp_path, cgroup="5:memory:/job\n4:cpu,cpuacct:/job\n", mounts=mounts)

    assert find_limits(proc, logical_cpus=8) == CgroupLimits(2000, memory / "memory.usage_in_bytes", 2.0)


@pytest.mark.parametrize("memory", ["max\n", "9223372036854771712\n"])
def test_no_limits(tmp_path: Path, memory: str) -> None:
    group_folder(tmp_path / "cg", memory__max="max\n", cpu__max="max 100000\n", memory__limit_in_bytes=memory)
    mounts = (
        f"30 20 0:26 / {tmp_path}/cg rw - cgroup2 cgroup2 rw\n31 20 0:27 / {tmp_path}/cg rw - cgroup cgroup rw,memory\n"
    )
    proc = proc_folder(tmp_path, cgroup="0::/\n1:memory:/\n", mounts=mounts)

    assert find_limits(proc, logical_cpus=8) is None
    assert find_limits(tmp_path / "none") is None


def test_a_process_bound_to_some_processors_has_those(tmp_path: Path) -> None:
    proc = proc_folder(tmp_path, cgroup="", mounts="", allowed="0-1,4")

    assert find_limits(proc, logical_cpus=8) == CgroupLimits(None, None, 3.0)
