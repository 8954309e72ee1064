"""Fill a project for measuring the page: 30 runs × 12 metrics × 2,000 steps, one spike, one run that turns NaN.

    KYMOGRAPH_API_KEY=… .venv/bin/python bench/generate_project.py http://127.0.0.1:8080 team/vision-base

The lines travel by the file stream, as a client would send them; the same arguments give the same numbers. A project
that has the runs already is brought up to date, not doubled.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sys
import time
from collections.abc import Iterator

import httpx

METRICS = tuple(
    f"{part}/{name}" for part in ("train", "val", "optim") for name in ("loss", "accuracy", "grad_norm", "lr")
)
SPIKE = 61.7
SPIKE_RUN, SPIKE_METRIC, SPIKE_STEP = 7, "train/loss", 1234
NAN_RUN, NAN_METRIC, NAN_STEP = 12, "val/loss", 1500
LINES_PER_REQUEST = 500
START_S = 1_790_000_000

UPSERT = """
mutation ($entity: String, $project: String, $name: String, $displayName: String, $config: JSONString,
          $groupName: String, $tags: [String!]) {
  upsertBucket(input: {entityName: $entity, modelName: $project, name: $name, displayName: $displayName,
                       config: $config, groupName: $groupName, tags: $tags}) { inserted }
}
"""


def main() -> int:
    """Generate the project that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="address of the server")
    parser.add_argument("project", help="entity/project", nargs="?", default="admin/vision-base")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--steps", type=int, default=2000)
    arguments = parser.parse_args()
    key = os.environ.get("KYMOGRAPH_API_KEY") or os.environ.get("KYMOGRAPH_ADMIN_API_KEY")
    if not key:
        parser.error("set KYMOGRAPH_API_KEY to a key of the server")

    started_at = time.monotonic()
    with httpx.Client(base_url=arguments.url, auth=("api", key), timeout=60) as http:
        for number in range(arguments.runs):
            send_run(http, arguments.project, number, arguments.steps)
    points = arguments.runs * arguments.steps * len(METRICS)
    elapsed_s = time.monotonic() - started_at
    print(f"{arguments.url}/{arguments.project}: {arguments.runs} runs, {points:,} points in {elapsed_s:.1f} s")
    return 0


def send_run(http: httpx.Client, project: str, number: int, steps: int) -> None:
    """Create one run and send all its lines, summary and end."""
    entity, name = project.split("/", 1)
    run = f"bench{number:03d}"
    learning_rate = 10 ** -(1 + number % 4)
    variables = {
        "entity": entity,
        "project": name,
        "name": run,
        "displayName": f"resnet-{18 + 16 * (number % 3)}-seed{number}",
        "groupName": f"lr={learning_rate:g}",
        "tags": ["spike"] if number == SPIKE_RUN else ["nan"] if number == NAN_RUN else [],
        "config": json.dumps({"lr": {"value": learning_rate}, "seed": {"value": number}}),
    }
    answer = http.post("/graphql", json={"query": UPSERT, "variables": variables}).raise_for_status().json()
    if answer.get("errors"):
        raise SystemExit(f"creating {run}: {answer['errors'][0]['message']}")
    lines = list(history_lines(number, steps))
    path = f"/files/{project}/{run}/file_stream"
    for first in range(0, len(lines), LINES_PER_REQUEST):
        chunk = {"offset": first, "content": lines[first : first + LINES_PER_REQUEST]}
        http.post(path, json={"files": {"wandb-history.jsonl": chunk}}).raise_for_status()
    end = {
        "files": {"wandb-summary.json": {"offset": 0, "content": [lines[-1]]}},
        "complete": True,
        "exitcode": 0,
    }
    http.post(path, json=end).raise_for_status()


def history_lines(number: int, steps: int) -> Iterator[str]:
    """The lines of one run; non-finite numbers are bare tokens, as clients write them."""
    noise = random.Random(number)
    rate = 2 + number % 5
    for step in range(steps):
        progress = step / steps
        falling = math.exp(-rate * progress)
        row: dict[str, float] = {"_step": step, "_runtime": step * 0.5, "_timestamp": START_S + step * 0.5}
        for index, metric in enumerate(METRICS):
            jitter = noise.gauss(0, 0.03)
            if metric.endswith("accuracy"):
                row[metric] = 1 - 0.9 * falling + jitter / 3
            elif metric.endswith("lr"):
                row[metric] = 0.1 * (1 + math.cos(math.pi * progress)) / 2
            else:
                row[metric] = (2.3 + 0.1 * index) * falling + 0.05 + abs(jitter)
        if number == SPIKE_RUN and step == SPIKE_STEP:
            row[SPIKE_METRIC] = SPIKE
        if number == NAN_RUN and step >= NAN_STEP:
            row[NAN_METRIC] = math.nan
        yield json.dumps(row)


if __name__ == "__main__":
    sys.exit(main())
