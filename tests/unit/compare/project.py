"""A project of runs with media of all kinds, and what is true of it, kept apart from everything that reads it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from kymograph.core.history import LineBatch, Stream
from kymograph.core.run import RunChange
from kymograph.services.history import StreamUpdate
from kymograph.testing.deployments import DeploymentUnderTest

STEPS = 5_000
ENTITY, PROJECT = "admin", "pictures"
LINES_AT_ONCE = 1_000

Record = dict[str, Any]


@dataclass(slots=True)
class TrueRun:
    """One run: every value that was logged, by metric and step."""

    id: str
    name: str
    logged: dict[str, dict[int, Any]] = field(default_factory=dict)

    def log(self, step: int, **values: Any) -> None:
        for name, value in values.items():
            self.logged.setdefault(name.replace("__", "/"), {})[step] = value

    def media(self, metric: str) -> dict[int, Any]:
        """Values with media by step."""
        return {step: value for step, value in self.logged.get(metric, {}).items() if is_media(value)}

    def epoch_at(self, step: int) -> float | None:
        """The last epoch at or before a step."""
        known = [epoch for at, epoch in self.logged.get("epoch", {}).items() if at <= step]
        return known[-1] if known else None

    def lines(self) -> Iterator[str]:
        """History lines: metrics that were logged together stand together."""
        rows: dict[int, dict[str, Any]] = {}
        for metric, values in self.logged.items():
            for step, value in values.items():
                rows.setdefault(step, {"_step": step})[metric] = value
        for step in sorted(rows):
            yield json.dumps(rows[step])


def is_media(value: Any) -> bool:
    """Whether a value is a record, or a list of them."""
    records = value if isinstance(value, list) else [value]
    return any(isinstance(record, dict) and "_type" in record for record in records)


def images(run: str, step: int, count: int, captions: list[Any] | None) -> Record:
    """A list of images as clients log it."""
    form: Record = {
        "_type": "images/separated",
        "width": 8,
        "height": 6,
        "format": "png",
        "count": count,
        "filenames": [f"media/images/val/samples {run}_{step}_{index}#.png" for index in range(count)],
    }
    return form if captions is None else {**form, "captions": captions}


def single(step: int, kind: str, ending: str, **fields: Any) -> Record:
    """One media as clients log it."""
    return {"_type": kind, "path": f"media/{kind}/one_{step}.{ending}", "sha256": f"{step:x}", "size": step, **fields}


def true_runs() -> list[TrueRun]:
    """Runs whose media are at different steps, of different kinds, with and without captions; the last has none."""
    first, second, other, none = (
        TrueRun(f"run{place}", name) for place, name in enumerate(("warm moon", "cold süň", "other kinds", "no media"))
    )
    for step in range(STEPS):
        first.log(step, loss=math.nan if step % 7 == 0 else 1 / (step + 1))
        none.log(step, loss=0.5)
    for step in range(0, STEPS, 100):
        first.log(step, epoch=step // 100)
        second.log(step, epoch=step // 100)
    captions: list[list[Any] | None] = [None, ["a", None, "c"], [["kept", "as", "list"], "b", ""]]
    for step in range(0, STEPS, 50):
        first.log(step, val__samples=images("a", step, 3, captions[step // 50 % 3]))
    for step in range(35, STEPS, 70):
        second.log(step, val__samples=images("b", step, 2, None))
    for step in range(13, STEPS, 100):
        first.log(step, val__one=single(step, "image-file", "png", width=4, height=3, format="png", caption="só"))
    second.log(0, table=single(0, "table-file", "table.json", nrows=2, ncols=3))
    other.log(0, sound={"_type": "audio", "count": 1, "audio": [single(0, "audio-file", "wav", caption="beep")]})
    other.log(4_000, film=single(4_000, "video-file", "mp4", width=16, height=9))
    other.log(4_001, page=single(4_001, "html-file", "html"))
    other.log(4_002, plot=single(4_002, "plotly-file", "plotly.json"))
    other.log(4_003, cloud={"_type": "object3D", "filenames": ["c.pts.json"], "count": 1, "objects": []})
    other.log(4_004, weights={"_type": "histogram", "bins": [0, 1, 2], "values": [3, 4]})
    other.log(4_005, tables=[single(4_005, "table-file", "table.json"), single(4_006, "table-file", "table.json")])
    other.log(4_006, tables=[1, 2], nested={"inner": single(4_006, "molecule-file", "pdb")})
    other.log(4_007, evil={"_type": "images/separated", "filenames": ["../../secret", "/etc/passwd"]})
    return [first, second, other, none]


def upload(deployment: DeploymentUnderTest, http: httpx.Client, run: str, contents: dict[str, bytes]) -> None:
    """Send files of a run."""
    _, targets = deployment.services.files.upload_urls(deployment.admin, ENTITY, PROJECT, run, list(contents))
    for name, url in targets:
        assert http.put(url, content=contents[name]).status_code == 200


def make_project(deployment: DeploymentUnderTest, runs: list[TrueRun]) -> None:
    """Log the runs, the first one first."""
    for run in runs:
        deployment.run(f"{ENTITY}/{PROJECT}/{run.id}", RunChange(display_name=run.name))
        lines = list(run.lines())
        for first in range(0, len(lines), LINES_AT_ONCE):
            batch = LineBatch(Stream.HISTORY, first, lines[first : first + LINES_AT_ONCE])
            deployment.services.history.record(deployment.admin, ENTITY, PROJECT, run.id, StreamUpdate([batch]))
        deployment.clock.advance(minutes=1)
