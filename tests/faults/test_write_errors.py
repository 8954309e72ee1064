"""Every single write of a small history fails: nothing is lost, nothing is there twice, and the store opens."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kymograph.testing.clock import ManualClock
from tests.faults.broken_disk import Disk, Fault, FaultyDisk
from tests.faults.scripted import SHORT, Progress, Step, crash, make_template, opened

TRIES = 4
"""A write that fails may take several others with it, but not for ever."""


def run_with_fault(
    folder: Path,
    template: Path,
    script: Sequence[Step],
    disk: Disk,
    n: int,
    fault: Fault,
    *,
    is_sticky: bool,
    look: bool = False,
) -> None:
    """A whole script on a disk that fails, then what a kill leaves of it, opened again on one that does not.

    Args:
        folder: For all that; it is not there yet.
        template: A data folder to begin with.
        script: What is done.
        disk: Counts.
        n: The write that fails.
        fault: How it fails.
        is_sticky: So do all after it.
        look: Compare what can be read after each step, not only at the end.
    """
    progress, clock = Progress(script), ManualClock(datetime.now(UTC))
    shutil.copytree(template, folder / "data")
    with opened(folder / "data", disk, clock) as world:
        with disk.writes_below(folder / "data"):
            disk.arm(n, fault, is_sticky=is_sticky)
            is_done = progress.go(world, tries=1 if is_sticky else TRIES, look=look and not is_sticky)
        assert is_done or is_sticky, f"step {progress.index} failed {TRIES} times"
        crash(folder / "data", folder / "killed")
        disk.repair()
    with opened(folder / "killed", disk, clock) as world:
        assert world.state() in progress.possible()
        assert progress.go(world, tries=1, look=look)
        world.collect()
        assert world.stray_objects() == set()
        assert world.state() == progress.state


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """If there is such a thing here: on a real disk most of the time would go into its flushes."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder)


def run_all(
    memory: Path,
    script: Sequence[Step],
    disk: Disk,
    faults: Sequence[Sequence[Fault]],
    *,
    is_sticky: bool,
    every: int = 1,
    look: bool = False,
) -> Counter[str]:
    """Let each write of a script fail; says which kinds of writes did, and how often.

    Args:
        memory: A folder.
        script: What is done.
        disk: Counts.
        faults: How the writes fail: the first in each way of the first item, and so on, again and again.
        is_sticky: All later ones fail, too.
        every: Only every so manieth write.
        look: Compare what can be read after each step.
    """
    template = memory / "template"
    if not template.exists():
        make_template(template)
    run_with_fault(memory / "counted", template, script, disk, 10**9, Fault.EIO, is_sticky=False)
    count = disk.count
    shutil.rmtree(memory / "counted")
    reached: Counter[str] = Counter()
    for n in range(1, count + 1, every):
        for fault in faults[n // every % len(faults)]:
            folder = memory / f"{n}-{fault.name}"
            try:
                run_with_fault(folder, template, script, disk, n, fault, is_sticky=is_sticky, look=look)
            except Exception as exc:
                exc.add_note(f"write {n} of {count}, {disk.hit}: {fault.value}")
                raise
            reached[disk.hit or "none"] += 1
            shutil.rmtree(folder)
    return reached


@pytest.mark.parametrize(("is_sticky", "every"), [(False, 1), (True, 4)], ids=["once", "from then on"])
def test_any_write_may_fail(is_sticky: bool, every: int) -> None:
    """Each in one of the ways, in turn; `long.py` takes all of them, and a longer script."""
    with folder_in_memory() as memory:
        faults = [[fault] for fault in Fault]
        reached = run_all(memory, SHORT, FaultyDisk(), faults, is_sticky=is_sticky, every=every)

    assert reached.total() > 100 / every
    assert reached["none"] == 0
    if every == 1:
        assert reached.keys() >= {"file write", "os.fsync", "os.replace", "delete an object"}
