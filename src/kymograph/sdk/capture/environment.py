"""The surroundings of a run: machine, interpreter, program, code, batch job.

`probe` finds them out, each part guarded, so that one which cannot be told leaves the others; secrets never get in.
`to_record` and `to_metadata_json` write them as the protocol has them: in journals, in the configuration of a run
under ``_wandb.value.e.<writer>``, and as the file ``wandb-metadata.json``.

Source: protocol.md §4.2; pinned, against the vendor's client, by tests/unit/sdk/capture/test_environment.py.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kymograph.core.secrets import known_secrets, mask, mask_arguments, masked_mapping
from kymograph.sdk.capture.code import Program, find_program
from kymograph.sdk.capture.git import GitFacts, GitRepository
from kymograph.sdk.capture.system.amd import AmdGpu, AmdGpus
from kymograph.sdk.capture.system.nvidia import NvidiaFacts, NvidiaGpus

if TYPE_CHECKING:
    from kymograph.wire.records_pb2 import EnvironmentRecord

METADATA_FILE_NAME = "wandb-metadata.json"

_log = logging.getLogger(__name__)
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Disk:
    """Space of a file system, in bytes."""

    total_bytes: int
    used_bytes: int


@dataclass(frozen=True, slots=True)
class Machine:
    """Hardware; None or 0 is not known."""

    cpu_count: int = 0
    """Cores."""
    cpu_count_logical: int = 0
    cpu_model: str | None = None
    memory_bytes: int = 0
    disks: Mapping[str, Disk] = field(default_factory=dict)
    """By path."""
    nvidia: NvidiaFacts | None = None
    amd: tuple[AmdGpu, ...] = ()
    gpu_type: str | None = None
    gpu_count: int = 0


@dataclass(frozen=True, slots=True)
class EnvironmentFacts:
    """What a run records of its surroundings; None is not known, or not wanted."""

    started_at: datetime
    os: str | None = None
    python: str | None = None
    """Implementation and version, such as ``CPython 3.12.4``."""
    host: str | None = None
    username: str | None = None
    email: str | None = None
    executable: str | None = None
    args: tuple[str, ...] = ()
    program: Program | None = None
    git: GitFacts | None = None
    root: str | None = None
    """The folder that the run's own folder is in."""
    docker: str | None = None
    colab: str | None = None
    """Address of the notebook."""
    slurm: Mapping[str, str] = field(default_factory=dict)
    """Variables of the batch job: lower case, without ``SLURM_``."""
    machine: Machine | None = None
    writer_id: str = ""
    """Names the process among those that write the run."""


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """What is asked for, and what the user says instead of it being found out."""

    started_at: datetime
    root: str | None = None
    writer_id: str = ""
    host: str | None = None
    username: str | None = None
    email: str | None = None
    executable: str | None = None
    program: str | None = None
    docker: str | None = None
    colab: str | None = None
    is_notebook: bool = False
    """A notebook's own arguments say nothing of the run."""
    secrets: tuple[str, ...] = ()
    """Values that must not appear, besides those of environment variables that are named like one."""
    git_remote: str = "origin"
    git_root: Path | None = None
    git_commit: str | None = None
    git_remote_url: str | None = None
    with_git: bool = True
    with_machine: bool = True
    disk_paths: Sequence[str] = ("/",)
    cpu_count: int | None = None
    cpu_count_logical: int | None = None
    gpu_count: int | None = None
    gpu_type: str | None = None


def probe(
    settings: ProbeSettings,
    *,
    environment: Mapping[str, str] = os.environ,
    arguments: Sequence[str] | None = None,
    nvidia: NvidiaGpus | None = None,
    amd: AmdGpus | None = None,
) -> EnvironmentFacts:
    """Find out the surroundings of this process; never raises, and may take a second or two.

    Args:
        settings: What is wanted.
        environment: Variables.
        arguments: Of the program; by default this process's.
        nvidia: Tells of GPUs.
        amd: Tells of GPUs.
    """
    import platform
    import socket

    secrets = known_secrets(environment) | set(settings.secrets)
    arguments = sys.argv[1:] if arguments is None else arguments
    git = _guarded("git", lambda: _git(settings)) if settings.with_git else None
    root = git.root if git is not None else None
    program = _guarded("program", lambda: find_program(root=root, name=settings.program))
    machine = None
    if settings.with_machine:
        machine = _machine(settings, nvidia or NvidiaGpus(), amd or AmdGpus())
    return EnvironmentFacts(
        started_at=settings.started_at,
        os=_guarded("system", lambda: platform.platform(aliased=True)),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        host=settings.host or _guarded("host name", socket.gethostname),
        username=settings.username,
        email=settings.email,
        executable=settings.executable or environment.get("WANDB_X_EXECUTABLE") or sys.executable or None,
        args=() if settings.is_notebook else mask_arguments(arguments, secrets),
        program=program,
        git=git,
        root=settings.root,
        docker=_masked(settings.docker or environment.get("WANDB_DOCKER"), secrets),
        colab=_masked(settings.colab, secrets),
        slurm=masked_mapping(_slurm(environment), secrets),
        machine=machine,
        writer_id=settings.writer_id,
    )


def to_record(facts: EnvironmentFacts) -> EnvironmentRecord:
    """The record that a journal holds."""
    from kymograph.wire import records_pb2

    record = records_pb2.EnvironmentRecord(
        os=facts.os or "",
        python=facts.python or "",
        host=facts.host or "",
        username=facts.username or "",
        email=facts.email or "",
        executable=facts.executable or "",
        args=list(facts.args),
        root=facts.root or "",
        docker=facts.docker or "",
        colab=facts.colab or "",
        slurm=dict(facts.slurm),
        writer_id=facts.writer_id,
    )
    record.started_at.FromDatetime(facts.started_at)
    if facts.program is not None:
        record.program = str(facts.program.path or facts.program.name)
        record.code_path = facts.program.relative or ""
        record.code_path_local = facts.program.relative_to_cwd or ""
    if facts.git is not None and (facts.git.commit or facts.git.remote_url):
        record.git.commit = facts.git.commit or ""
        record.git.remote_url = facts.git.remote_url or ""
    if facts.machine is not None:
        _fill_machine(record, facts.machine)
    return record


def to_metadata_json(facts: EnvironmentFacts) -> dict[str, Any]:
    """The document of ``wandb-metadata.json``, which the configuration of a run holds as well.

    It is the record's JSON form: sizes in bytes are decimal texts, times are RFC 3339, what is empty is left out.
    """
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(to_record(facts))


def _fill_machine(record: EnvironmentRecord, machine: Machine) -> None:
    record.cpu_count = machine.cpu_count
    record.cpu_count_logical = machine.cpu_count_logical
    record.gpu_type = machine.gpu_type or ""
    record.gpu_count = machine.gpu_count
    record.memory.total = machine.memory_bytes
    if machine.cpu_model:
        record.cpu.model = machine.cpu_model
    for path, disk in machine.disks.items():
        record.disk[path].total = disk.total_bytes
        record.disk[path].used = disk.used_bytes
    if machine.nvidia is not None:
        record.cuda_version = machine.nvidia.cuda_version
        for nvidia in machine.nvidia.gpus:
            record.gpu_nvidia.add(
                name=nvidia.name,
                memory_total=nvidia.memory_bytes,
                cuda_cores=nvidia.cuda_cores,
                architecture=nvidia.architecture,
                uuid=nvidia.uuid,
            )
    for amd in machine.amd:
        record.gpu_amd.add(
            id=amd.id,
            unique_id=amd.unique_id,
            vbios_version=amd.vbios_version,
            performance_level=amd.performance_level,
            max_power=amd.max_power,
            series=amd.series,
            model=amd.model,
            sku=amd.sku,
        )


def _git(settings: ProbeSettings) -> GitFacts | None:
    repository = GitRepository.find(settings.git_root or Path.cwd())
    found = GitFacts() if repository is None else repository.facts(remote=settings.git_remote)
    if settings.git_commit or settings.git_remote_url:
        found = GitFacts(
            root=found.root,
            commit=settings.git_commit or found.commit,
            remote_url=mask(settings.git_remote_url) if settings.git_remote_url else found.remote_url,
            branch=found.branch,
            email=found.email,
            is_dirty=found.is_dirty,
        )
    return None if found == GitFacts() else found


def _machine(settings: ProbeSettings, nvidia: NvidiaGpus, amd: AmdGpus) -> Machine:
    import psutil

    nvidia_facts = _guarded("NVIDIA GPUs", nvidia.describe)
    amd_gpus = _guarded("AMD GPUs", amd.describe) or ()
    gpu_count = len(amd_gpus) if nvidia_facts is None else len(nvidia_facts.gpus)
    gpu_type = next((gpu.name for gpu in nvidia_facts.gpus), None) if nvidia_facts else None
    memory = _guarded("memory", psutil.virtual_memory)
    return Machine(
        cpu_count=settings.cpu_count or _guarded("CPUs", lambda: psutil.cpu_count(logical=False)) or 0,
        cpu_count_logical=settings.cpu_count_logical or _guarded("CPUs", psutil.cpu_count) or 0,
        cpu_model=_guarded("CPU model", _cpu_model),
        memory_bytes=0 if memory is None else memory.total,
        disks={path: disk for path in settings.disk_paths if (disk := _guarded(path, _disk(path))) is not None},
        nvidia=nvidia_facts,
        amd=amd_gpus,
        gpu_type=settings.gpu_type or gpu_type or next((gpu.series for gpu in amd_gpus), None),
        gpu_count=settings.gpu_count or gpu_count,
    )


def _disk(path: str) -> Callable[[], Disk]:
    def ask() -> Disk:
        import psutil

        usage = psutil.disk_usage(path)
        return Disk(usage.total, usage.used)

    return ask


def _cpu_model() -> str | None:
    """What the processor calls itself; `platform.processor` says no more than its family on Linux."""
    import platform

    if sys.platform == "linux":
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
        return None
    return platform.processor() or None


def _slurm(environment: Mapping[str, str]) -> dict[str, str]:
    prefix = "SLURM_"
    return {name[len(prefix) :].lower(): value for name, value in environment.items() if name.startswith(prefix)}


def _masked(text: str | None, secrets: Iterable[str]) -> str | None:
    return None if text is None else mask(text, secrets)


def _guarded(what: str, question: Callable[[], _Value]) -> _Value | None:
    try:
        return question()
    # The edge to drivers, file systems and libraries of every kind: what cannot be told is left out.
    except Exception as error:
        _log.debug("the environment's %s: %s: %s", what, type(error).__name__, error)
        return None
