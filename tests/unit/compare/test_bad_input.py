"""What the comparer does about things that are not there, not allowed, or not right."""

from __future__ import annotations

from typing import Any

import pytest

from kymograph.core.accounts import Role
from kymograph.errors import RunNotFound
from kymograph.server.comparison import ServerSource
from kymograph.testing.deployments import PUBLIC_URL
from tests.unit.compare.conftest import Comparer

READER, STRANGER = "a" * 40, "b" * 40
IN_PROJECT = {"entity": "admin", "project": "pictures"}


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/runs", {"page": 0}),
        ("/runs", {"page": -1}),
        ("/runs", {"per_page": 0}),
        ("/runs", {"per_page": 1001}),
        ("/runs", {"page": "one"}),
        ("/runs", {"project": ""}),
        ("/runs/run0/images", {}),
        ("/runs/run0/images", {"step": "last"}),
        ("/runs/run0/images", {"step": 2**63}),
        ("/runs/run0/steps", {"kind": "number"}),
        ("/media.zip", {}),
    ],
)
def test_malformed_parameters_are_422(comparer: Comparer, path: str, params: dict[str, Any]) -> None:
    response = comparer.get(path, **params)

    assert response.status_code == 422, response.text
    assert response.json()["error"]["kind"] == "MalformedRequest"
    assert response.json()["error"]["details"]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/notches", {"run_ids": []}),
        ("/notches", {"run_ids": ["run0"] * 201}),
        ("/notches", {"run_ids": ["run0"], "x": ""}),
        ("/notches", {"run_ids": ["run0"], "spelling": 1}),
        ("/media", {"run_ids": ["run0"], "limit": 0}),
        ("/media", {"run_ids": ["run0"], "match": "closest"}),
        ("/media", {"run_ids": ["run0"], "at": "NaN"}),
        ("/media", {"run_ids": ["run0"], "index": -1}),
        ("/history", {"run_ids": ["run0"], "metrics": ["loss"], "samples": 0}),
        ("/steps", {"run_ids": "run0"}),
    ],
)
def test_malformed_bodies_are_422(comparer: Comparer, path: str, fields: dict[str, Any]) -> None:
    named = {} if path == "/steps" else IN_PROJECT
    response = comparer.post(path, {**named, **fields}, **({} if named else IN_PROJECT))

    assert response.status_code == 422, response.text


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/media", {"after": "bm90IG91cnM="}),
        ("/history", {}),
        ("/history", {"globs": ["absent*"]}),
    ],
)
def test_what_breaks_a_rule_is_400(comparer: Comparer, path: str, fields: dict[str, Any]) -> None:
    response = comparer.post(path, {**IN_PROJECT, "run_ids": ["run0"], **fields})

    assert response.status_code == 400, response.text


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/runs", {"project": "absent"}),
        ("/runs", {"entity": "absent"}),
        ("/metrics", {"project": "absent"}),
        ("/runs/absent/steps", {}),
        ("/runs/absent/images", {"step": 0}),
        ("/media.zip", {"run": "absent"}),
    ],
)
def test_what_is_not_there_is_404(comparer: Comparer, path: str, params: dict[str, Any]) -> None:
    response = comparer.get(path, **params)

    assert response.status_code == 404, response.text
    assert "absent" in response.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/notches", "/media", "/history", "/keys"])
def test_runs_that_are_not_there_are_named_unless_none_is(comparer: Comparer, path: str) -> None:
    body = {**IN_PROJECT, "metrics": ["val/samples"]}

    assert comparer.post(path, {**body, "run_ids": ["gone", "run0"]}).json()["missing"] == ["gone"]
    assert comparer.post(path, {**body, "run_ids": ["gone"]}).status_code == 404


def test_another_teams_runs_look_as_if_they_were_not_there(comparer: Comparer) -> None:
    deployment = comparer.deployment
    if deployment.services.accounts.is_free("painters"):
        deployment.user("reader", api_key=READER)
        deployment.user("stranger", api_key=STRANGER)
        deployment.team("painters", reader=Role.VIEWER)
        deployment.run("painters/secret/hidden")

    def status(key: str | None, path: str, **params: Any) -> int:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        named = {"entity": "painters", "project": "secret", **params}
        return comparer.http.get(comparer.prefix + path, params=named, headers=headers).status_code

    assert status(READER, "/runs") == 200
    assert status(READER, "/runs/hidden/steps") == 200
    for path, params in [("/runs", {}), ("/runs/hidden/steps", {}), ("/media.zip", {"run": "hidden"})]:
        assert status(STRANGER, path, **params) == 404
        assert status("c" * 40, path, **params) == 401
    body = {"entity": "painters", "project": "secret", "run_ids": ["hidden"]}
    headers = {"Authorization": f"Bearer {STRANGER}"}
    assert comparer.http.post(f"{comparer.prefix}/notches", json=body, headers=headers).status_code == 404


def test_a_file_name_that_leaves_the_run_has_no_address(comparer: Comparer) -> None:
    """Whoever logs decides what history says; it must not lead anywhere."""
    (item,) = comparer.select("/media", "run2", metrics=["evil"])["items"]

    for media in item["media"]:
        assert media["url"] is None or comparer.bytes_of.get(media["url"]).status_code in (401, 404)


def test_a_run_that_is_deleted_while_it_is_read_ends_with_an_error(comparer: Comparer) -> None:
    deployment = comparer.deployment
    run = deployment.run(f"admin/pictures/doomed-{comparer.way}")
    project = ServerSource(deployment.services, deployment.admin, PUBLIC_URL).open("admin", "pictures")
    runs = project.find_runs([run.id])
    deployment.services.runs.delete(deployment.admin, run.key)

    with pytest.raises(RunNotFound):
        project.check(runs)
    assert comparer.get(f"/runs/{run.id}/steps").status_code == 404
