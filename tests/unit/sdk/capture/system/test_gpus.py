"""GPUs, by stand-ins for NVML and for the files of the AMD driver."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kymograph.sdk.capture.system.amd import AmdGpu, AmdGpus
from kymograph.sdk.capture.system.nvidia import NvidiaFacts, NvidiaGpu, NvidiaGpus


class NVMLError(Exception):
    pass


class Nvml:
    """Two GPUs, of which the second tells little; the first is used by this process."""

    NVMLError = NVMLError
    NVML_TEMPERATURE_GPU = NVML_CLOCK_SM = NVML_MEMORY_ERROR_TYPE_CORRECTED = NVML_VOLATILE_ECC = 0
    NVML_CLOCK_MEM = NVML_MEMORY_ERROR_TYPE_UNCORRECTED = 1
    NVML_MEMORY_LOCATION_DEVICE_MEMORY = 2

    def __init__(self) -> None:
        self.refusals = 0

    def nvmlInit(self) -> None: ...  # noqa: N802

    def __getattr__(self, name: str) -> Any:
        answers: dict[str, Any] = {
            "nvmlDeviceGetCount": 2,
            "nvmlSystemGetCudaDriverVersion": 12040,
            "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=90, memory=40),
            "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=1000, used=250),
            "nvmlDeviceGetTemperature": 61,
            "nvmlDeviceGetPowerUsage": 150_000,
            "nvmlDeviceGetEnforcedPowerLimit": 300_000,
            "nvmlDeviceGetClockInfo": 1400,
            "nvmlDeviceGetMemoryErrorCounter": 0,
            "nvmlDeviceGetFanSpeed": 30,
            "nvmlDeviceGetArchitecture": 9,
            "nvmlDeviceGetNumGpuCores": 16896,
            "nvmlDeviceGetComputeRunningProcesses": [SimpleNamespace(pid=os.getpid())],
            "nvmlDeviceGetGraphicsRunningProcesses": [],
            "nvmlDeviceGetName": b"NVIDIA H100",
            "nvmlDeviceGetUUID": "GPU-1",
        }
        told_by_all = ("nvmlDeviceGetUtilizationRates", "nvmlDeviceGetName")

        def answer(*arguments: Any) -> Any:
            if name == "nvmlDeviceGetHandleByIndex":
                return arguments[0]
            if arguments and arguments[0] == 1 and name not in told_by_all:
                self.refusals += 1
                raise NVMLError("not supported")
            return answers[name]

        return answer


def test_nvidia_values_have_the_keys_of_the_protocol() -> None:
    values = NvidiaGpus(os.getpid(), nvml=Nvml()).sample()

    of_process = {"gpu": 90, "memory": 40, "memoryAllocated": 25, "memoryAllocatedBytes": 250, "temp": 61} | {
        "powerWatts": 150,
        "enforcedPowerLimitWatts": 300,
        "powerPercent": 50,
    }
    others = {"smClock": 1400, "memoryClock": 1400, "fanSpeed": 30}
    errors = {"correctedMemoryErrors": 0, "uncorrectedMemoryErrors": 0}
    assert values == (
        {f"gpu.0.{key}": value for key, value in (of_process | others | errors).items()}
        | {f"gpu.process.0.{key}": value for key, value in of_process.items()}
        | {"gpu.1.gpu": 90, "gpu.1.memory": 40}
    )
    assert all(isinstance(value, float) for value in values.values())


def test_what_a_gpu_does_not_tell_is_asked_once() -> None:
    nvml = Nvml()
    gpus = NvidiaGpus(0, nvml=nvml)
    gpus.sample()
    refusals = nvml.refusals
    gpus.sample()

    assert refusals > 5
    assert nvml.refusals == refusals


def test_only_the_wanted_gpus_are_asked() -> None:
    assert {key.split(".")[1] for key in NvidiaGpus(0, device_ids=[1], nvml=Nvml()).sample()} == {"1"}


def test_nvidia_facts() -> None:
    assert NvidiaGpus(nvml=Nvml()).describe() == NvidiaFacts(
        (NvidiaGpu("NVIDIA H100", 1000, 16896, "Hopper", "GPU-1"), NvidiaGpu("NVIDIA H100")), "12.4"
    )


def amd_folder(root: Path) -> Path:
    intel, amd = root / "card0" / "device", root / "card1" / "device"
    sensors = amd / "hwmon" / "hwmon3"
    for folder in (intel, sensors, root / "card1-DP-1"):
        folder.mkdir(parents=True)
    (intel / "vendor").write_text("0x8086\n")
    texts = {"vendor": "0x1002", "gpu_busy_percent": "77", "mem_busy_percent": "12", "mem_info_vram_used": "500"} | {
        "mem_info_vram_total": "2000",
        "product_name": "Instinct MI210",
        "unique_id": "abc",
        "device": "0x740f",
    }
    for name, text in texts.items():
        (amd / name).write_text(f"{text}\n")
    for name, text in {"temp1_input": "50000", "power1_average": "120000000", "power1_cap": "300000000"}.items():
        (sensors / name).write_text(f"{text}\n")
    return root


def test_amd_values_have_the_keys_of_the_protocol(tmp_path: Path) -> None:
    gpus = AmdGpus(root=amd_folder(tmp_path))

    assert gpus.sample() == {
        "gpu.0.gpu": 77.0,
        "gpu.0.memoryReadWriteActivity": 12.0,
        "gpu.0.memoryAllocated": 25.0,
        "gpu.0.memoryAllocatedBytes": 500.0,
        "gpu.0.temp": 50.0,
        "gpu.0.powerWatts": 120.0,
        "gpu.0.powerPercent": 40.0,
    }
    assert gpus.describe() == (AmdGpu("card0", "Instinct MI210", unique_id="abc", max_power="300.0", model="0x740f"),)
    assert AmdGpus(device_ids=[3], root=tmp_path).sample() == {}


def test_no_amd_gpu_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="AMD"):
        AmdGpus(root=tmp_path / "none").sample()
