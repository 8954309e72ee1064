"""A link shows the metrics and runs that it was made for, to everybody who has it, and nothing else to anybody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from kymograph.core.accounts import Role
from kymograph.core.history import LineBatch, Stream
from kymograph.core.run import RunChange
from kymograph.core.shares import SharedComparison
from kymograph.services.history import StreamUpdate
from kymograph.types import MetricName
from kymograph.wire.ids import encode_id
from tests.security.test_rest_census import CENSUS
from tests.security.world import PROJECT, SECRET, TEAM, World
from tests.unit.services.artifact_client import ArtifactClient

HIDDEN = f"{SECRET}-hidden"
COMPARE_ROUTES = sorted(route for route in CENSUS if " /api/v1/compare/" in route)


@dataclass(frozen=True, slots=True)
class Link:
    """A link to `shown` of the run `open`; the run also has `HIDDEN`, and beside it is the run `closed`."""

    world: World
    http: httpx.Client
    """Nobody."""
    token: str
    id: int

    @property
    def path(self) -> str:
        return f"/api/v1/shared/{self.token}"

    def ask(self, what: str, **fields: Any) -> httpx.Response:
        return self.http.post(f"{self.path}/compare/{what}", json={"run_ids": ["open", "closed"], **fields})

    def get(self, what: str, **params: Any) -> httpx.Response:
        return self.http.get(f"{self.path}/compare/{what}", params=params)


@pytest.fixture(scope="module")
def link(world: World) -> Link:
    for run in ("open", "closed"):
        record_media(world, run)
    return make_link(world)


def record_media(world: World, run: str) -> None:
    """Two metrics with media, an axis and a secret number, at two steps."""
    world.under_test.run(f"{TEAM}/{PROJECT}/{run}", RunChange(display_name=f"name of {run}"))
    lines = []
    for step in range(2):
        media = {name: {"_type": "image-file", "path": f"media/{name}_{step}.png"} for name in ("shown", HIDDEN)}
        row = {"_step": step, "epoch": step * 10, f"{HIDDEN}-number": 42, "_timestamp": 1e9, **media}
        lines.append(json.dumps(row))
    services, admin = world.under_test.services, world.under_test.admin
    services.history.record(admin, TEAM, PROJECT, run, StreamUpdate([LineBatch(Stream.HISTORY, 0, lines)]))
    names = [f"media/{name}_{step}.png" for name in ("shown", HIDDEN) for step in range(2)]
    _, targets = services.files.upload_urls(admin, TEAM, PROJECT, run, names)
    for name, url in targets:
        assert world.clients["anonymous"].put(url, content=f"bytes of {name}".encode()).is_success


def make_link(world: World, *, person: str | None = None, runs: tuple[str, ...] = ("open",), days: int = 30) -> Link:
    under_test = world.under_test
    comparison = SharedComparison(runs, (MetricName("shown"),), MetricName("epoch"), {"step": "10"})
    maker = under_test.admin if person is None else under_test.caller(person)
    made, token = under_test.services.shares.create(maker, TEAM, PROJECT, comparison, days=days)
    client = world.clients["anonymous"]
    client.cookies.clear()
    return Link(world, client, token, made.id)


def test_link_tells_what_it_shows(link: Link) -> None:
    told = link.http.get(link.path).json()

    assert told["run_ids"] == ["open"]
    assert [(run["id"], run["name"]) for run in told["runs"]] == [("open", "name of open")]
    assert (told["metrics"], told["x"], told["view"]) == (["shown"], "epoch", {"step": "10"})


def test_everything_that_it_shows_can_be_loaded(link: Link) -> None:
    answer = link.ask("media", at=10, x="epoch").json()

    (item,) = answer["items"]
    assert (item["run_id"], item["metric"], item["step"]) == ("open", "shown", 1)
    assert answer["missing"] == ["closed"]
    assert link.http.get(item["media"][0]["url"]).text == "bytes of media/shown_1.png"
    archive = link.get("media.zip", run="open")
    assert b"bytes of media/shown_1.png" in archive.content
    assert b"hidden" not in archive.content


def test_other_runs_and_metrics_are_as_if_they_were_not(link: Link) -> None:
    names = ["shown", HIDDEN, f"{HIDDEN}-number"]
    answers = [
        link.get("runs"),
        link.get("runs", q="name"),
        link.get("metrics"),
        link.get("metrics", metrics=names),
        link.get("metrics", glob="*"),
        link.get("runs/open/steps", metrics=[HIDDEN]),
        link.get("runs/open/images", step=0, glob="*"),
        link.http.post(f"{link.path}/compare/steps", json={"run_ids": ["open", "closed"]}, params={"metrics": HIDDEN}),
        link.ask("keys"),
        link.ask("keys", globs=["*"]),
        link.ask("notches"),
        link.ask("notches", metrics=names),
        link.ask("notches", x=f"{HIDDEN}-number"),
        link.ask("media"),
        link.ask("media", metrics=names),
        link.ask("media", globs=["*"]),
        link.ask("history", globs=["*"]),
        link.ask("history", metrics=["epoch", *names]),
        link.ask("history", metrics=[f"{HIDDEN}-number"]),
        link.ask("history", metrics=names, mode="all"),
        link.ask("history", metrics=["shown"], x=f"{HIDDEN}-number"),
    ]

    for answer in answers:
        assert answer.status_code == 200, answer.text
        asked = f"{answer.request.url.query.decode()} {answer.request.content.decode()}"
        told = answer.text
        # What was named may be repeated.
        for name in names:
            told = told.replace(f'"{name}"', "" if name in asked else name)
        assert f"media/{HIDDEN}" not in told, asked
        assert ":42" not in told, asked
        assert "name of closed" not in told, asked
        assert SECRET not in told.replace(PROJECT, ""), asked
    assert answers[7].json() == [{"run_id": "open", "steps": []}, {"run_id": "closed", "steps": []}]
    for path in ("runs/closed/steps", "runs/closed/images?step=0", "media.zip?run=closed"):
        assert link.http.get(f"{link.path}/compare/{path}").status_code == 404
    assert link.ask("media", run_ids=["closed"]).status_code == 404


def test_a_filter_is_no_oracle_for_what_is_not_shown(link: Link) -> None:
    for value in (42, 43):
        answer = link.get("runs", q=json.dumps({f"summary_metrics.{HIDDEN}-number": value}))

        assert answer.status_code == 400


def test_another_project_does_not_exist(link: Link) -> None:
    world = link.world
    world.under_test.run(f"{TEAM}/other/open")
    world.under_test.run("admin/own/open")

    for entity, project in ((TEAM, "other"), ("admin", "own"), ("admin", PROJECT), (TEAM, "absent")):
        assert link.ask("media", entity=entity, project=project).status_code == 404
        assert link.get("runs", entity=entity, project=project).status_code == 404
    assert link.ask("media", entity=TEAM, project=PROJECT).status_code == 200


def test_media_in_artifacts_of_other_projects_are_not_shown(world: World) -> None:
    """Whoever logs to the run could name any artifact that the maker of the link may read."""
    services, admin = world.under_test.services, world.under_test.admin
    client = ArtifactClient(world.under_test)
    world.under_test.run("admin/private/any")
    lines = []
    for step, (entity, project) in enumerate([(TEAM, PROJECT), ("admin", "private")]):
        version = client.log(
            {"a.png": SECRET.encode()}, entity=entity, project=project, run=None, type_name="t", collection="borrowed"
        )
        reference = f"wandb-artifact://{f'Artifact:{version.id}'.encode().hex()}/a.png"
        lines.append(json.dumps({"_step": step, "shown": {"_type": "image-file", "artifact_path": reference}}))
    world.under_test.run(f"{TEAM}/{PROJECT}/borrower")
    services.history.record(admin, TEAM, PROJECT, "borrower", StreamUpdate([LineBatch(Stream.HISTORY, 0, lines)]))
    link = make_link(world, runs=("borrower",))
    body = {"entity": TEAM, "project": PROJECT, "run_ids": ["borrower"], "metrics": ["shown"]}

    signed_in = world.clients["server admin"].post("/api/v1/compare/media", json=body).json()
    shared = link.ask("media", run_ids=["borrower"]).json()

    assert [item["media"][0]["url"] is not None for item in signed_in["items"]] == [True, True]
    assert [item["media"][0]["url"] is not None for item in shared["items"]] == [True, False]


def test_nothing_else_takes_the_secret(link: Link) -> None:
    for headers in (
        {"Authorization": f"Bearer {link.token}"},
        {"Cookie": f"kymograph_session={link.token}"},
    ):
        for path in ("/api/v1/session", "/api/v1/projects", f"/api/v1/projects/{TEAM}/{PROJECT}/runs"):
            assert link.http.get(path, headers=headers).status_code == 401
    assert link.http.get(f"/api/v1/session?share_token={link.token}").status_code == 401
    assert link.http.get("/api/v1/compare/runs", params={"share_token": link.token}).status_code == 401
    assert link.http.post("/api/v1/session", json={"token": link.token}).status_code == 401


def closed_links(world: World) -> Iterator[Link]:
    """A link that does not open, for each of the reasons there are."""
    services, admin = world.under_test.services, world.under_test.admin
    working = make_link(world)
    yield Link(world, working.http, "x" * len(working.token), 0)
    yield Link(world, working.http, working.token[:-1], 0)
    yield Link(world, working.http, "%20", 0)
    revoked = make_link(world)
    services.shares.revoke(admin, revoked.id)
    yield revoked
    world.under_test.user("gone")
    services.accounts.put_member(admin, TEAM, "gone", Role.VIEWER)
    of_leaver = make_link(world, person="gone")
    assert of_leaver.http.get(of_leaver.path).is_success
    services.accounts.remove_member(admin, TEAM, world.under_test.caller("gone").user.id)
    yield of_leaver
    world.under_test.user("deleted")
    services.accounts.put_member(admin, TEAM, "deleted", Role.VIEWER)
    of_deleted = make_link(world, person="deleted")
    services.accounts.delete_user(admin, "deleted")
    yield of_deleted
    expired = make_link(world, days=1)
    assert expired.http.get(expired.path).is_success
    world.under_test.clock.advance(days=1)
    yield expired


def test_links_that_do_not_open_are_answered_alike(world: World) -> None:
    answers = set()
    for closed in closed_links(world):
        for route in ["GET ", *(route.replace("/api/v1/compare", "compare") for route in COMPARE_ROUTES)]:
            method, path = route.split(" ")
            url = f"{closed.path}/{path.format(run_id='open')}".rstrip("/")
            query = {"step": "0", "run": "open"}
            if path == "compare/":
                continue  # says that the API is there, and to nobody what is behind it
            body = {"run_ids": ["open"], "metrics": ["shown"]} if method == "POST" else None
            if path == "compare/steps":
                body = {"run_ids": ["open"]}
            answer = closed.http.request(method, url, params=query, json=body)
            told = answer.json()["error"]
            answers.add((answer.status_code, told["kind"], told["message"]))

    assert len(answers) == 1
    assert next(iter(answers))[:2] == (404, "ShareNotFound")


def test_links_are_listed_for_their_makers_and_for_administrators(world: World) -> None:
    make_link(world, person="vera")
    make_link(world, person="mel")
    params = {"entity": TEAM, "project": PROJECT}

    listed = {
        person: {item["user"] for item in world.clients[person].get("/api/v1/shares", params=params).json()["items"]}
        for person in ("viewer", "member", "team admin")
    }

    assert listed["viewer"] == {"vera"}
    assert listed["member"] == {"mel"}
    assert {"vera", "mel", "admin"} <= listed["team admin"]


def test_makers_revoke_their_own(world: World) -> None:
    body = {"entity": TEAM, "project": PROJECT, "run_ids": ["open"], "metrics": ["shown"]}
    made = world.clients["viewer"].post("/api/v1/shares", json=body).json()
    path = f"/api/v1/shares/{made['id']}"

    assert world.clients["anonymous"].get(f"/api/v1/shared/{made['token']}").status_code == 200
    assert world.clients["member"].delete(path).status_code == 403
    assert world.clients["viewer"].delete(path).status_code == 204
    assert world.clients["viewer"].delete(path).status_code == 404
    assert world.clients["anonymous"].get(f"/api/v1/shared/{made['token']}").status_code == 404


def test_strangers_learn_nothing_of_links(world: World) -> None:
    made = make_link(world)
    stranger = world.clients["stranger"]
    there, absent = (
        stranger.delete(f"/api/v1/shares/{share}").json()["error"]
        for share in (encode_id("Share", made.id), encode_id("Share", 10**9))
    )

    assert (there["kind"], there["message"]) == (absent["kind"], absent["message"])


def test_writes_by_a_browser_session_need_its_token(world: World) -> None:
    client = world.clients["anonymous"]
    client.cookies.clear()
    key = world.clients["viewer"].post("/api/v1/keys", json={}).json()["api_key"]
    csrf = client.post("/api/v1/session", json={"api_key": key}).json()["csrf_token"]
    body = {"entity": TEAM, "project": PROJECT, "run_ids": ["open"], "metrics": ["shown"]}

    refused = client.post("/api/v1/shares", json=body)
    made = client.post("/api/v1/shares", json=body, headers={"X-Kymograph-CSRF": csrf})
    client.cookies.clear()

    assert refused.status_code == 403
    assert made.is_success


def test_secrets_of_links_are_stored_as_digests_only(world: World) -> None:
    made = make_link(world)

    stored = b"".join(path.read_bytes() for path in world.database.parent.glob("kymograph.db*"))

    assert made.token.encode() not in stored


@pytest.mark.parametrize("days", [0, -1, 366, 10**9])
def test_links_open_for_a_bounded_time(world: World, days: int) -> None:
    body = {"entity": TEAM, "project": PROJECT, "run_ids": ["open"], "metrics": ["shown"], "days": days}

    assert world.clients["viewer"].post("/api/v1/shares", json=body).status_code == 422


def test_links_name_runs_that_are_there(world: World) -> None:
    """Whatever somebody makes under the name later was not meant."""
    body = {"entity": TEAM, "project": PROJECT, "run_ids": ["to-come"], "metrics": ["shown"]}

    assert world.clients["viewer"].post("/api/v1/shares", json=body).status_code == 404
