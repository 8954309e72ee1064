"""NVIDIA GPUs, by NVML.

Source: key names of the vendor's client (`xpu/src/gpu_nvidia.rs`). Power is in W, temperature in °C, clocks in MHz;
everything called a percentage runs to 100.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class NvidiaGpu:
    """One GPU, as the environment of a run tells of it."""

    name: str
    memory_bytes: int = 0
    cuda_cores: int = 0
    architecture: str = ""
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class NvidiaFacts:
    """All GPUs of the machine, by their index, and the newest CUDA that the driver serves."""

    gpus: tuple[NvidiaGpu, ...]
    cuda_version: str


_ARCHITECTURES = {2: "Kepler", 3: "Maxwell", 4: "Pascal", 5: "Volta", 6: "Turing", 7: "Ampere", 8: "Ada", 9: "Hopper"}
_ARCHITECTURES |= {10: "Blackwell"}


class NvidiaGpus:
    """All NVIDIA GPUs of this machine, or those of some indices.

    A value that a GPU does not tell is asked for once only. Those under ``gpu.process.`` are of GPUs that the run's
    process, or a descendant of it, computes on.

    Args:
        pid: The run's process.
        device_ids: Indices; None is all.
        nvml: The module `pynvml`, or what stands in for it.
    """

    name = "nvidia"
    is_lasting = False

    def __init__(self, pid: int = 0, *, device_ids: Sequence[int] | None = None, nvml: Any = None) -> None:
        self._pid = pid
        self._device_ids = None if device_ids is None else set(device_ids)
        self._nvml = nvml
        self._is_started = False
        self._untold = set[tuple[int, str]]()
        """Index of a GPU and what it does not tell."""

    def sample(self) -> dict[str, float]:
        """Current values by key.

        Raises:
            Exception: An error of NVML if there is no driver; ImportError without its module.
        """
        nvml = self._started()
        values = dict[str, float]()
        for index in range(nvml.nvmlDeviceGetCount()):
            if self._device_ids is None or index in self._device_ids:
                values |= self._sample_gpu(nvml, index)
        return values

    def describe(self) -> NvidiaFacts:
        """What the machine has; raises as `sample` does."""
        nvml = self._started()
        version = nvml.nvmlSystemGetCudaDriverVersion()
        gpus = tuple(self._describe_gpu(nvml, index) for index in range(nvml.nvmlDeviceGetCount()))
        return NvidiaFacts(gpus, f"{version // 1000}.{version % 1000 // 10}")

    def _describe_gpu(self, nvml: Any, index: int) -> NvidiaGpu:
        gpu = nvml.nvmlDeviceGetHandleByIndex(index)
        architecture = self._ask(index, "architecture", lambda: nvml.nvmlDeviceGetArchitecture(gpu))
        memory = self._ask(index, "memory", lambda: nvml.nvmlDeviceGetMemoryInfo(gpu))
        return NvidiaGpu(
            name=_text(nvml.nvmlDeviceGetName(gpu)),
            memory_bytes=0 if memory is None else memory.total,
            cuda_cores=self._ask(index, "cores", lambda: nvml.nvmlDeviceGetNumGpuCores(gpu)) or 0,
            architecture=_ARCHITECTURES.get(architecture or 0, ""),
            uuid=_text(self._ask(index, "uuid", lambda: nvml.nvmlDeviceGetUUID(gpu)) or ""),
        )

    def _started(self) -> Any:
        if self._nvml is None:
            import pynvml  # type: ignore[import-untyped]

            self._nvml = pynvml
        if not self._is_started:
            self._nvml.nvmlInit()
            self._is_started = True
        return self._nvml

    def _ask(self, index: int, what: str, question: Callable[[], Any]) -> Any:
        if (index, what) in self._untold:
            return None
        try:
            return question()
        except self._nvml.NVMLError:  # not supported by this GPU, or not allowed
            self._untold.add((index, what))
            return None

    def _sample_gpu(self, nvml: Any, index: int) -> dict[str, float]:
        gpu = nvml.nvmlDeviceGetHandleByIndex(index)
        of_process = dict[str, float]()
        if (rates := self._ask(index, "utilization", lambda: nvml.nvmlDeviceGetUtilizationRates(gpu))) is not None:
            of_process |= {"gpu": rates.gpu, "memory": rates.memory}
        memory = self._ask(index, "memory", lambda: nvml.nvmlDeviceGetMemoryInfo(gpu))
        if memory is not None and memory.total:
            of_process |= {"memoryAllocated": memory.used / memory.total * 100, "memoryAllocatedBytes": memory.used}
        temperature = self._ask(index, "temp", lambda: nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU))
        if temperature is not None:
            of_process["temp"] = temperature
        of_process |= self._power(nvml, index, gpu)
        values = {f"gpu.{index}.{key}": float(value) for key, value in of_process.items()}
        if self._is_in_use(nvml, index, gpu):
            values |= {f"gpu.process.{index}.{key}": float(value) for key, value in of_process.items()}
        for key, question in self._other_questions(nvml, gpu).items():
            if (value := self._ask(index, key, question)) is not None:
                values[f"gpu.{index}.{key}"] = float(value)
        return values

    def _power(self, nvml: Any, index: int, gpu: Any) -> dict[str, float]:
        used = self._ask(index, "power", lambda: nvml.nvmlDeviceGetPowerUsage(gpu))
        if used is None:
            return {}
        values = {"powerWatts": used / 1000}
        if limit := self._ask(index, "power limit", lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(gpu)):
            values |= {"enforcedPowerLimitWatts": limit / 1000, "powerPercent": used / limit * 100}
        return values

    def _other_questions(self, nvml: Any, gpu: Any) -> Mapping[str, Callable[[], Any]]:
        def errors(kind: int) -> Any:
            # Those since the driver was loaded: the lifetime's keep telling of errors that were repaired long ago.
            return nvml.nvmlDeviceGetMemoryErrorCounter(
                gpu, kind, nvml.NVML_VOLATILE_ECC, nvml.NVML_MEMORY_LOCATION_DEVICE_MEMORY
            )

        return {
            "smClock": lambda: nvml.nvmlDeviceGetClockInfo(gpu, nvml.NVML_CLOCK_SM),
            "memoryClock": lambda: nvml.nvmlDeviceGetClockInfo(gpu, nvml.NVML_CLOCK_MEM),
            "correctedMemoryErrors": lambda: errors(nvml.NVML_MEMORY_ERROR_TYPE_CORRECTED),
            "uncorrectedMemoryErrors": lambda: errors(nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED),
            "fanSpeed": lambda: nvml.nvmlDeviceGetFanSpeed(gpu),
        }

    def _is_in_use(self, nvml: Any, index: int, gpu: Any) -> bool:
        if not self._pid:
            return False
        computing = self._ask(index, "computing", lambda: nvml.nvmlDeviceGetComputeRunningProcesses(gpu)) or []
        drawing = self._ask(index, "drawing", lambda: nvml.nvmlDeviceGetGraphicsRunningProcesses(gpu)) or []
        users = {process.pid for process in (*computing, *drawing)}
        return bool(users) and not users.isdisjoint(_family(self._pid))


def _family(pid: int) -> set[int]:
    """A process and its descendants."""
    import psutil

    try:
        return {pid, *(process.pid for process in psutil.Process(pid).children(recursive=True))}
    except psutil.Error:
        return {pid}


def _text(value: Any) -> str:
    """Older versions of the module give bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
