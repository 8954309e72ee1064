"""What `run.py` runs in the environment of each tracker: one workload, measured call by call.

    python trackers.py TRACKER WORKLOAD FOLDER

Prints one JSON document on its last line. Knows every tracker by the same five verbs, so that all do the same.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WARM_UP = 200
CALLS = {"scalars10": 10_000, "scalars1000": 300, "image": 60, "table": 10, "whole": 10_000, "memory": 1_000_000}
MEMORY_FROM = 100_000
"""Steps after which memory is first looked at."""


class Tracker:
    """The verbs of a tracker; those that a tracker does not have are not measured."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self) -> None:
        raise NotImplementedError

    def log(self, values: dict[str, float], step: int) -> None:
        raise NotImplementedError

    def log_image(self, pixels: Any, step: int) -> None:
        raise NotImplementedError

    def log_table(self, columns: list[str], rows: list[list[Any]], step: int) -> None:
        raise NotImplementedError

    def finish(self) -> None:
        raise NotImplementedError


class Wandb(Tracker):
    module = "wandb"

    def start(self) -> None:
        self.tracker = __import__(self.module)
        os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_DIR=str(self.folder))
        self.run = self.tracker.init(project="bench")

    def log(self, values: dict[str, float], step: int) -> None:
        self.run.log(values)

    def log_image(self, pixels: Any, step: int) -> None:
        self.run.log({"image": self.tracker.Image(pixels)})

    def log_table(self, columns: list[str], rows: list[list[Any]], step: int) -> None:
        self.run.log({"table": self.tracker.Table(columns=columns, data=rows)})

    def finish(self) -> None:
        self.run.finish()


class Kymograph(Wandb):
    module = "kymograph"


class Trackio(Tracker):
    def start(self) -> None:
        os.environ["TRACKIO_DIR"] = str(self.folder)
        import trackio

        self.trackio = trackio
        trackio.init(project="bench")

    def log(self, values: dict[str, float], step: int) -> None:
        self.trackio.log(values)

    def log_image(self, pixels: Any, step: int) -> None:
        self.trackio.log({"image": self.trackio.Image(pixels)})

    def log_table(self, columns: list[str], rows: list[list[Any]], step: int) -> None:
        import pandas

        self.trackio.log({"table": self.trackio.Table(dataframe=pandas.DataFrame(rows, columns=columns))})

    def finish(self) -> None:
        self.trackio.finish()


class SwanLab(Tracker):
    def start(self) -> None:
        os.environ["SWANLAB_LOG_DIR"] = str(self.folder)
        import swanlab

        self.swanlab = swanlab
        swanlab.init(project="bench", mode="offline", logdir=str(self.folder))

    def log(self, values: dict[str, float], step: int) -> None:
        self.swanlab.log(values)

    def log_image(self, pixels: Any, step: int) -> None:
        self.swanlab.log({"image": self.swanlab.Image(pixels)})

    def finish(self) -> None:
        self.swanlab.finish()


class Mlflow(Tracker):
    def start(self) -> None:
        import mlflow

        self.mlflow = mlflow
        mlflow.set_tracking_uri(f"sqlite:///{self.folder / 'mlflow.db'}")
        mlflow.set_experiment("bench")
        mlflow.start_run()

    def log(self, values: dict[str, float], step: int) -> None:
        self.mlflow.log_metrics(values, step=step)

    def log_image(self, pixels: Any, step: int) -> None:
        self.mlflow.log_image(pixels, key="image", step=step)

    def log_table(self, columns: list[str], rows: list[list[Any]], step: int) -> None:
        data = {name: [row[number] for row in rows] for number, name in enumerate(columns)}
        self.mlflow.log_table(data, artifact_file=f"table{step}.json")

    def finish(self) -> None:
        self.mlflow.end_run()


class Aim(Tracker):
    def start(self) -> None:
        import aim

        self.aim = aim
        self.run = aim.Run(repo=str(self.folder), system_tracking_interval=None, log_system_params=False)

    def log(self, values: dict[str, float], step: int) -> None:
        self.run.track(values, step=step)

    def log_image(self, pixels: Any, step: int) -> None:
        self.run.track(self.aim.Image(pixels), name="image", step=step)

    def finish(self) -> None:
        self.run.close()


class TensorboardX(Tracker):
    def start(self) -> None:
        from tensorboardX import SummaryWriter

        self.writer = SummaryWriter(str(self.folder))

    def log(self, values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def log_image(self, pixels: Any, step: int) -> None:
        self.writer.add_image("image", pixels, step, dataformats="HWC")

    def finish(self) -> None:
        self.writer.close()


TRACKERS: dict[str, type[Tracker]] = {
    "kymograph": Kymograph,
    "wandb": Wandb,
    "trackio": Trackio,
    "swanlab": SwanLab,
    "mlflow": Mlflow,
    "aim": Aim,
    "tensorboardx": TensorboardX,
}


def measure(tracker: Tracker, workload: str) -> dict[str, Any]:
    """Nanoseconds of each call, the first ones left out; memory where that is the question."""
    call = _call_of(tracker, workload)
    tracker.start()
    count = CALLS[workload]
    if workload == "memory":
        return _measure_memory(tracker, call, count)
    warm_up = min(WARM_UP, count // 5)
    times: list[int] = []
    clock = time.perf_counter_ns
    for step in range(count + warm_up):
        prepared = call(step)
        began = clock()
        prepared()
        times.append(clock() - began)
    began = clock()
    tracker.finish()
    return {"times_ns": times[warm_up:] if workload != "whole" else [], "finish_ns": clock() - began}


def _measure_memory(tracker: Tracker, call: Callable[[int], Callable[[], None]], count: int) -> dict[str, Any]:
    early_kb = 0
    for step in range(count):
        call(step)()
        if step == MEMORY_FROM:
            early_kb = _resident_kb()
    late_kb = _resident_kb()
    tracker.finish()
    return {"early_kb": early_kb, "late_kb": late_kb}


def _resident_kb() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024


def _call_of(tracker: Tracker, workload: str) -> Callable[[int], Callable[[], None]]:
    chance = random.Random(0)
    if workload == "image":
        import numpy

        pixels = numpy.random.default_rng(0).integers(0, 255, (256, 256, 3), dtype=numpy.uint8)
        return lambda step: lambda: tracker.log_image(pixels, step)
    if workload == "table":
        rows = [[number, chance.random(), f"text {number}"] for number in range(10_000)]
        return lambda step: lambda: tracker.log_table(["number", "value", "text"], rows, step)
    names = [f"train/metric_{number}" for number in range(1_000 if workload == "scalars1000" else 10)]

    def prepare(step: int) -> Callable[[], None]:
        values = {name: chance.random() for name in names}
        return lambda: tracker.log(values, step)

    return prepare


def main() -> None:
    name, workload, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    tracker = TRACKERS[name](folder)
    try:
        found = measure(tracker, workload)
    except NotImplementedError:
        found = {}
    sys.stdout.write("\n" + json.dumps(found) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
