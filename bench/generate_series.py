"""Fill a project for measuring one panel: 100 runs × 1,000,000 points of one metric, as `series100.mjs` opens it.

    KYMOGRAPH_API_KEY=… .venv/bin/python bench/generate_series.py http://127.0.0.1:8080 admin/series

A falling curve with quick and slow noise per run, a spike now and then, and one run that turns NaN near its end. Lines
have a fixed width per number of digits of their step, so that a request is an array of bytes into which digits are
written: generating costs a fraction of what taking in costs. The same arguments give the same numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]

METRIC = "train/loss"
VALUE_DIGITS = 8
"""After the point; before it stands one."""
ROWS_PER_REQUEST = 50_000
SPIKE_EVERY = 250_000
NAN_RUN = 7
SLOW_EVERY = 2_000
"""Points over which the slow noise changes."""
WRITERS = 2

UPSERT = """
mutation ($entity: String, $project: String, $name: String, $displayName: String) {
  upsertBucket(input: {entityName: $entity, modelName: $project, name: $name, displayName: $displayName}) { inserted }
}
"""


def main() -> int:
    """Generate the project that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="address of the server")
    parser.add_argument("project", help="entity/project", nargs="?", default="admin/series")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--points", type=int, default=1_000_000)
    arguments = parser.parse_args()
    key = os.environ.get("KYMOGRAPH_API_KEY") or os.environ.get("KYMOGRAPH_ADMIN_API_KEY")
    if not key:
        parser.error("set KYMOGRAPH_API_KEY to a key of the server")

    started_at = time.monotonic()
    with httpx.Client(base_url=arguments.url, auth=("api", key), timeout=120) as http:
        for number in range(arguments.runs):
            create_run(http, arguments.project, number)
        with ThreadPoolExecutor(WRITERS) as pool:
            for _ in pool.map(
                lambda number: send_run(http, arguments.project, number, arguments.points), range(arguments.runs)
            ):
                pass
    points = arguments.runs * arguments.points
    elapsed_s = time.monotonic() - started_at
    print(
        f"{arguments.url}/{arguments.project}: {points:,} points in {elapsed_s:.0f} s "
        f"({points / elapsed_s:,.0f} a second, generating included)"
    )
    return 0


def create_run(http: httpx.Client, project: str, number: int) -> None:
    """Make one run, so that runs come in the order of their numbers."""
    entity, name = project.split("/", 1)
    variables = {
        "entity": entity,
        "project": name,
        "name": run_id(number),
        "displayName": f"resnet-{18 + 16 * (number % 3)}-lr8e-04-s2-seed{number}",
    }
    answer = http.post("/graphql", json={"query": UPSERT, "variables": variables}).raise_for_status().json()
    if answer.get("errors"):
        raise SystemExit(f"creating {run_id(number)}: {answer['errors'][0]['message']}")


def run_id(number: int) -> str:
    """The id of one run."""
    return f"series{number:03d}"


def send_run(http: httpx.Client, project: str, number: int, points: int) -> None:
    """Send all lines of one run, its summary and its end."""
    path = f"/files/{project}/{run_id(number)}/file_stream"
    values = curve(number, points)
    for first, end in chunks(points):
        body = request_body(first, values[first:end])
        while (answer := http.post(path, content=body)).status_code == 429:
            time.sleep(float(answer.headers.get("Retry-After", "1")))
        answer.raise_for_status()
    last = float(values[-1])
    summary = json.dumps({METRIC: last})
    files = {"wandb-summary.json": {"offset": 0, "content": [summary]}}
    http.post(path, json={"files": files, "complete": True, "exitcode": 0}).raise_for_status()


def curve(number: int, points: int) -> Floats:
    """The values of one run: shape ``(points,)``, at least 0 and below 10, or NaN."""
    noise = np.random.default_rng(number)
    progress = np.arange(points) / points
    values = 0.3 + 0.01 * number + 2.3 * np.exp(-(2 + number % 7) * progress) + 0.15 * noise.random(points)
    knots = np.arange(0, points + SLOW_EVERY, SLOW_EVERY)
    values += np.interp(np.arange(points), knots, noise.normal(0, 0.08, len(knots)))
    values[(np.arange(points) + 7919 * number) % SPIKE_EVERY == 0] = 4.5
    values = np.clip(values, 0, 9.9)
    if number == NAN_RUN:
        values[int(points * 0.9) :] = np.nan
    return values


def chunks(points: int) -> Iterator[tuple[int, int]]:
    """Ranges of steps with one number of digits each, small enough for a request."""
    first = 0
    while first < points:
        more_digits = 10 ** len(str(first))
        end = min(points, more_digits, first + ROWS_PER_REQUEST)
        yield first, end
        first = end


def request_body(first_step: int, values: Floats) -> bytes:
    """One request's JSON: lines as texts, as a client sends them."""
    digits = len(str(first_step))
    line = json.dumps({"_step": 0, METRIC: 0}, separators=(",", ":"))
    head, middle, end = json.dumps(line).split("0")
    value_width = VALUE_DIGITS + 2
    template = f"{head}{'0' * digits}{middle}{'0' * value_width}{end},".encode()
    rows: Bytes = np.tile(np.frombuffer(template, np.uint8), (len(values), 1))
    write_digits(rows, len(head), first_step + np.arange(len(values)), digits)
    at = len(head) + digits + len(middle)
    is_finite = np.isfinite(values)
    scaled = np.where(is_finite, np.round(values * 10**VALUE_DIGITS), 0).astype(np.int64)
    whole, fraction = np.divmod(scaled, 10**VALUE_DIGITS)
    write_digits(rows, at, whole, 1)
    rows[:, at + 1] = ord(".")
    write_digits(rows, at + 2, fraction, VALUE_DIGITS)
    rows[~is_finite, at : at + value_width] = np.frombuffer(b"NaN".ljust(value_width), np.uint8)
    rows[-1, -1] = ord("]")
    start = f'{{"files":{{"wandb-history.jsonl":{{"offset":{first_step},"content":['
    return start.encode() + rows.tobytes() + b"}}}"


def write_digits(rows: Bytes, at: int, numbers: npt.NDArray[np.int64], digits: int) -> None:
    """Write numbers into a column of rows, with leading zeros."""
    rest = numbers
    for place in range(at + digits - 1, at - 1, -1):
        rest, digit = np.divmod(rest, 10)
        rows[:, place] = digit + ord("0")


if __name__ == "__main__":
    sys.exit(main())
