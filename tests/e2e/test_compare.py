"""The comparer over runs of unmodified clients: inside of the server, and as a program of its own over it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.client import MIDDLE, NEWEST, OLDEST
from tests.e2e.fixtures import ClientFactory
from tests.e2e.server import ADMIN_KEY, KYMOGRAPH, ServerProcess, free_port

SCRIPT = """
import sys
import numpy as np
import wandb

def picture(value):
    return np.full((6, 8, 3), value, np.uint8)

run = wandb.init(project=sys.argv[1], id=sys.argv[2], name="named " + sys.argv[2])
for step in range(0, 700):
    row = {"loss": 1 / (step + 1)}
    if step % 100 == 0:
        row["many"] = [wandb.Image(picture(10), caption="first"), wandb.Image(picture(20))]
    if step % 100 == 50:
        row["deep/one #1"] = wandb.Image(picture(step % 256), caption="one")
    run.log(row, step=step)
run.log({"page": wandb.Html("<p>hello</p>", inject=False)}, step=700)
run.log({"histogram": wandb.Histogram([1, 2, 2, 3])}, step=701)
run.log({"table": wandb.Table(columns=["a"], data=[[1], [2]])}, step=702)
run.finish()
"""


@contextmanager
def alone(server: ServerProcess, folder: Path, *options: str) -> Iterator[str]:
    """`kymograph compare` over a server; gives its address."""
    port = free_port()
    environment = {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
        "HOME": str(folder),
        "WANDB_API_KEY": ADMIN_KEY,
        "WANDB_CONFIG_DIR": str(folder / "config"),
    }
    command = [str(KYMOGRAPH), "compare", "--port", str(port), "--base-url", server.url, *options]
    # The key that is set is for the server that is set.
    environment["WANDB_BASE_URL"] = server.url
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[-1]
            assert address == f"http://127.0.0.1:{port}"
            wait_for(f"{address}/healthz")
            yield address
        finally:
            process.terminate()
            process.wait(20)


def wait_for(url: str) -> None:
    """Return once something answers."""
    ends_at = time.monotonic() + 30
    while True:
        try:
            httpx.get(url).raise_for_status()
        except httpx.TransportError:
            assert time.monotonic() < ends_at, f"nothing answers at {url}"
            time.sleep(0.05)
        else:
            return


@pytest.mark.parametrize("version", [NEWEST, MIDDLE, OLDEST])
def test_media_of_any_generation_of_clients_are_all_there(
    version: str, make_client: ClientFactory, server: ServerProcess, project: str, tmp_path: Path
) -> None:
    entity, name = project.split("/")
    run_id = f"pictures-{version.replace('.', '-')}"
    make_client(version).run(SCRIPT, name, run_id)

    (tmp_path / "alone").mkdir()
    with alone(server, tmp_path / "alone", "--project", project) as address:
        answers = [
            ask(httpx.Client(base_url=f"{server.url}/api/v1/compare", auth=("api", ADMIN_KEY)), entity, name, run_id),
            ask(httpx.Client(base_url=address), entity, name, run_id),
        ]

    for answer in answers:
        assert answer["metrics"] == ["deep/one #1", "histogram", "many", "page", "table"]
        assert answer["steps"] == [*range(0, 700, 50), 700, 702]
        assert answer["many"]["images"][0]["caption"] == "first"
        assert not answer["many"]["images"][1].get("caption")
        assert [(image["width"], image["height"]) for image in answer["many"]["images"]] == [(8, 6), (8, 6)]
        assert answer["one"]["images"][0]["caption"] == "one"
        assert answer["types"] == {
            "many": "image/png",
            "deep/one #1": "image/png",
            "page": "text/html; charset=utf-8",
            "table": "application/json",
        }
        assert answer["zip"]["problems"] == []
        assert len(answer["zip"]["items"]) == 2
    assert {key: value for key, value in answers[0].items() if key not in ("many", "one")} == {
        key: value for key, value in answers[1].items() if key not in ("many", "one")
    }


def ask(http: httpx.Client, entity: str, project: str, run_id: str) -> dict[str, Any]:
    """What a comparer says of the run of `SCRIPT`."""
    named = {"entity": entity, "project": project}
    with http:
        steps = http.get(f"/runs/{run_id}/steps", params=named).raise_for_status().json()
        (many,) = http.get(f"/runs/{run_id}/images", params={**named, "step": 600, "metrics": "many"}).json()
        (one,) = http.get(f"/runs/{run_id}/images", params={**named, "step": 650, "metrics": "deep/one #1"}).json()
        body = {**named, "run_ids": [run_id], "at": 700, "match": "nearest"}
        items = http.post("/media", json=body).raise_for_status().json()["items"]
        archive = http.get("/media.zip", params={**named, "run": run_id, "metrics": "many", "min": 500})
        with zipfile.ZipFile(io.BytesIO(archive.raise_for_status().content)) as file:
            assert file.testzip() is None
            index = json.loads(file.read("index.json"))
    urls = {item["metric"]: item["media"][0]["url"] for item in items}
    return {
        "metrics": sorted(urls),
        "steps": [entry["step"] for entry in steps],
        "many": many,
        "one": one,
        "types": {metric: httpx.get(url).headers["content-type"] for metric, url in urls.items() if url},
        "zip": index,
    }


def test_a_program_that_others_reach_asks_for_their_key(server: ServerProcess, project: str, tmp_path: Path) -> None:
    with server.rest() as rest:
        rest.create_run(project, "one")
    with alone(server, tmp_path, "--project", project) as address:
        assert [run["id"] for run in httpx.get(f"{address}/runs").json()] == ["one"]
        assert httpx.get(f"{address}/runs", auth=("api", "f" * 40)).status_code == 401
        assert httpx.get(f"{address}/runs", headers={"Host": "evil.example"}).status_code == 400
        assert httpx.get(f"{address}/runs", params={"project": "absent"}).status_code == 404
