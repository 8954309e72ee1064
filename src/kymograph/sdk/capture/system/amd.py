"""AMD GPUs, by what their Linux driver shows in sysfs.

No program is started for a sample, as the vendor's client does with ``rocm-smi``; the values and keys are the same.
Source: the kernel's documentation of amdgpu; key names of the vendor's client (`xpu/src/gpu_amd.rs`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

AMD = 0x1002
_CARD = re.compile(r"card(\d+)")


@dataclass(frozen=True, slots=True)
class AmdGpu:
    """One GPU, as the environment of a run tells of it."""

    id: str
    series: str = ""
    unique_id: str = ""
    vbios_version: str = ""
    performance_level: str = ""
    max_power: str = ""
    """W, as a decimal number."""
    model: str = ""
    """The device's number, hexadecimal."""
    sku: str = ""


class AmdGpus:
    """All AMD GPUs of this machine, or those of some indices.

    Args:
        device_ids: Indices among the AMD GPUs; None is all.
        root: The folder of graphics devices.
    """

    name = "amd"
    is_lasting = False

    def __init__(self, *, device_ids: Sequence[int] | None = None, root: Path = Path("/sys/class/drm")) -> None:
        self._device_ids = None if device_ids is None else set(device_ids)
        self._root = root
        self._devices: list[Path] | None = None

    def sample(self) -> dict[str, float]:
        """Current values by key.

        Raises:
            LookupError: There is no AMD GPU here.
        """
        values = dict[str, float]()
        for index, device in enumerate(self._found()):
            if self._device_ids is None or index in self._device_ids:
                values |= {f"gpu.{index}.{key}": value for key, value in _sample(device).items()}
        return values

    def describe(self) -> tuple[AmdGpu, ...]:
        """What the machine has.

        Raises:
            LookupError: There is no AMD GPU here.
        """
        return tuple(_describe(index, device) for index, device in enumerate(self._found()))

    def _found(self) -> list[Path]:
        if self._devices is None:
            cards = sorted(
                (int(match[1]), path / "device")
                for path in (self._root.iterdir() if self._root.is_dir() else ())
                if (match := _CARD.fullmatch(path.name))
            )
            # A processor's own graphics have no memory of their own to speak of, yet count for the driver's tools.
            self._devices = [device for _, device in cards if _hexadecimal(device / "vendor") == AMD]
        if not self._devices:
            raise LookupError("no AMD GPU")
        return self._devices


def _sample(device: Path) -> dict[str, float]:
    values = dict[str, float]()
    for key, name in (("gpu", "gpu_busy_percent"), ("memoryReadWriteActivity", "mem_busy_percent")):
        if (value := _number(device / name)) is not None:
            values[key] = value
    used, total = _number(device / "mem_info_vram_used"), _number(device / "mem_info_vram_total")
    if used is not None and total:
        values |= {"memoryAllocated": used / total * 100, "memoryAllocatedBytes": used}
    sensors = next(iter(sorted(device.glob("hwmon/hwmon*"))), None)
    if sensors is None:
        return values
    # The third sensor is the memory's, where there are three; the vendor's client shows that one.
    for name in ("temp3_input", "temp1_input"):
        if (temperature := _number(sensors / name)) is not None:
            values["temp"] = temperature / 1000
            break
    for name in ("power1_average", "power1_input"):
        if (power := _number(sensors / name)) is not None:
            values["powerWatts"] = power / 1_000_000
            if cap := _number(sensors / "power1_cap"):
                values["powerPercent"] = power / cap * 100
            break
    return values


def _describe(index: int, device: Path) -> AmdGpu:
    sensors = next(iter(sorted(device.glob("hwmon/hwmon*"))), device)
    cap = _number(sensors / "power1_cap")
    return AmdGpu(
        id=f"card{index}",
        series=_text(device / "product_name"),
        unique_id=_text(device / "unique_id"),
        vbios_version=_text(device / "vbios_version"),
        performance_level=_text(device / "power_dpm_force_performance_level"),
        max_power="" if cap is None else f"{cap / 1_000_000:.1f}",
        model=_text(device / "device"),
        sku=_text(device / "product_number"),
    )


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _number(file: Path) -> float | None:
    try:
        return float(_text(file))
    except ValueError:
        return None


def _hexadecimal(file: Path) -> int | None:
    try:
        return int(_text(file), 16)
    except ValueError:
        return None
