"""Answers of the comparer against what was logged, whichever way it reads."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired
from urllib.parse import unquote, urlsplit

import pytest
from pydantic import ConfigDict, Field, StrictFloat, StrictInt, StrictStr, TypeAdapter, with_config
from typing_extensions import TypedDict

from kymograph.testing.deployments import PUBLIC_URL
from tests.unit.compare.conftest import Comparer
from tests.unit.compare.project import STEPS, TrueRun, is_media, upload

STRICT = ConfigDict(extra="forbid", strict=True)


@with_config(STRICT)
class Run(TypedDict):
    id: str
    name: str
    created_at: str
    url: str


@with_config(STRICT)
class Step(TypedDict):
    step: int


@with_config(STRICT)
class Image(TypedDict):
    url: Annotated[str, Field(pattern="^https?://")]
    caption: NotRequired[StrictStr | list[StrictStr | StrictInt | StrictFloat]]
    width: NotRequired[int]
    height: NotRequired[int]
    step: int


@with_config(STRICT)
class Images(TypedDict):
    run_id: str
    run_name: str
    metric: str
    step: int
    images: Annotated[list[Image], Field(min_length=1)]


@with_config(STRICT)
class RunSteps(TypedDict):
    run_id: str
    steps: list[int]


@with_config(STRICT)
class Welcome(TypedDict):
    message: str


def test_shapes_are_those_that_tools_know(comparer: Comparer) -> None:
    """Pinned as a whole: nothing is missing and nothing is added."""
    shapes: list[tuple[Any, Any]] = [
        (Welcome, comparer.get("/").json()),
        (list[Run], comparer.get("/runs").json()),
        (list[str], comparer.get("/metrics").json()),
        (list[Step], comparer.get("/runs/run0/steps").json()),
        (list[Images], comparer.get("/runs/run0/images", step=50).json()),
        (list[RunSteps], comparer.post("/steps?entity=admin&project=pictures", {"run_ids": ["run0"]}).json()),
    ]

    for shape, answer in shapes:
        assert answer
        TypeAdapter(shape).validate_python(answer)
    assert comparer.get("/").json() == {"message": "Wandb Run Comparer API"}


def test_runs_come_newest_first_in_pages_that_say_how_many_there_are(comparer: Comparer) -> None:
    first, last = comparer.get("/runs", per_page=3), comparer.get("/runs", per_page=3, page=2)

    assert [(run["id"], run["name"]) for run in first.json()] == [
        ("run3", "no media"),
        ("run2", "other kinds"),
        ("run1", "cold süň"),
    ]
    assert [run["id"] for run in last.json()] == ["run0"]
    assert (first.headers["X-Total-Count"], first.headers["X-Next-Page"]) == ("4", "2")
    assert first.headers["Link"] == '<?entity=admin&project=pictures&per_page=3&page=2>; rel="next"'
    assert "X-Next-Page" not in last.headers
    assert first.json()[0]["url"] == f"{PUBLIC_URL}/admin/pictures/runs/run3"
    assert comparer.get("/runs", page=9).json() == []


def test_runs_are_found_by_words_and_by_filters(comparer: Comparer) -> None:
    assert [run["id"] for run in comparer.get("/runs", q="MOON").json()] == ["run0"]
    assert [run["id"] for run in comparer.get("/runs", q='{"display_name": "no media"}').json()] == ["run3"]
    assert comparer.get("/runs", q='{"broken').status_code == 400


def test_metrics_are_those_that_hold_media(comparer: Comparer) -> None:
    expected = {name for run in comparer.runs for name in run.logged if run.media(name)} - {"nested"} | {"nested.inner"}
    # What holds media no longer is found when it is named; by itself the newest value counts.
    expected.remove("tables")

    assert set(comparer.get("/metrics").json()) == expected
    assert comparer.get("/metrics", glob="val/*").json() == ["val/samples", "val/one"]
    assert set(comparer.get("/metrics", kind=["table", "audio"]).json()) == {"table", "sound"}


@pytest.mark.parametrize("metrics", [["val/samples"], ["val/one"], ["val/samples", "val/one"], ["absent"], ["loss"]])
def test_every_step_with_media_of_any_metric_is_found(comparer: Comparer, metrics: list[str]) -> None:
    for run in comparer.runs:
        found = [entry["step"] for entry in comparer.get(f"/runs/{run.id}/steps", metrics=metrics).json()]

        assert found == sorted({step for metric in metrics for step in run.media(metric)})


def test_without_metrics_all_count_and_those_without_files_do_not(comparer: Comparer) -> None:
    found = [entry["step"] for entry in comparer.get("/runs/run2/steps").json()]

    # A histogram has no file; a list that is one of numbers by now is not looked for.
    assert found == [0, 4_000, 4_001, 4_002, 4_003, 4_006, 4_007]


def test_steps_of_several_runs_come_in_the_order_asked_for(comparer: Comparer) -> None:
    body = {"run_ids": ["run1", "absent", "run0", "run3", "run1"]}
    answer = comparer.post("/steps?entity=admin&project=pictures&metrics=val/samples", body).json()

    assert [entry["run_id"] for entry in answer] == body["run_ids"]
    assert answer[0]["steps"] == answer[4]["steps"] == sorted(comparer.run("run1").media("val/samples"))
    assert answer[1]["steps"] == answer[3]["steps"] == []
    assert len(answer[2]["steps"]) == STEPS // 50


@pytest.mark.parametrize("step", [0, 50, 100])
def test_images_are_those_of_the_step_with_what_was_logged_of_them(comparer: Comparer, step: int) -> None:
    (answer,) = comparer.get("/runs/run0/images", step=step, metrics="val/samples").json()
    record = comparer.run("run0").logged["val/samples"][step]

    assert (answer["run_id"], answer["run_name"], answer["metric"], answer["step"]) == (
        "run0",
        "warm moon",
        "val/samples",
        step,
    )
    assert [image.get("caption") for image in answer["images"]] == record.get("captions", [None] * 3)
    assert [path_of(image["url"]) for image in answer["images"]] == record["filenames"]
    assert {(image["width"], image["height"], image["step"]) for image in answer["images"]} == {(8, 6, step)}


def test_a_single_image_is_shown_like_a_list_of_one(comparer: Comparer) -> None:
    (answer,) = comparer.get("/runs/run0/images", step=13, metrics=["val/samples", "val/one"]).json()

    assert answer["metric"] == "val/one"
    (image,) = answer["images"]
    assert (image["caption"], image["width"], image["height"]) == ("só", 4, 3)


@pytest.mark.parametrize("metrics", [["val/one", "val/samples"], ["val/samples", "val/one"]])
def test_metrics_follow_the_order_asked_for(comparer: Comparer, metrics: list[str]) -> None:
    answer = comparer.select("/media", "run0", metrics=metrics, at=100, match="nearest")

    assert [item["metric"] for item in answer["items"]] == metrics


@pytest.mark.parametrize(
    ("metric", "kind", "type_name", "count"),
    [
        ("sound", "audio", "audio", 1),
        ("film", "video", "video-file", 1),
        ("page", "html", "html-file", 1),
        ("plot", "plotly", "plotly-file", 1),
        ("cloud", "media", "object3D", 1),
        ("weights", "histogram", "histogram", 1),
        ("tables", "table", "table-file", 2),
        ("nested.inner", "media", "molecule-file", 1),
    ],
)
def test_media_of_any_kind_are_shown(comparer: Comparer, metric: str, kind: str, type_name: str, count: int) -> None:
    (item,) = comparer.select("/media", "run2", metrics=[metric])["items"]

    assert (item["metric"], item["kind"], item["type"]) == (metric, kind, type_name)
    assert [media["index"] for media in item["media"]] == list(range(count))
    assert all((media["url"] is None) == (metric == "weights") for media in item["media"])


def test_a_histogram_brings_its_values(comparer: Comparer) -> None:
    (item,) = comparer.select("/media", "run2", metrics=["weights"])["items"]

    assert item["media"][0]["extra"] == {"bins": [0, 1, 2], "values": [3, 4]}


def test_notches_are_the_union_over_runs_and_metrics(comparer: Comparer) -> None:
    answer = comparer.select("/notches", "run1", "run0", "run3", metrics=["val/one", "val/samples"])
    one, two = comparer.run("run0"), comparer.run("run1")

    assert answer["notches"] == sorted({*one.media("val/one"), *one.media("val/samples"), *two.media("val/samples")})
    assert [(run["run_id"], run["run_name"], run["last_step"]) for run in answer["runs"]] == [
        ("run1", "cold süň", max(max(steps) for steps in two.logged.values())),
        ("run0", "warm moon", STEPS - 1),
        ("run3", "no media", STEPS - 1),
    ]
    shown = {
        (run["run_id"], track["metric"]): (track["kind"], answer["columns"][track["steps"]], track["xs"])
        for run in answer["runs"]
        for track in run["metrics"]
    }
    assert shown == {
        ("run1", "val/samples"): ("image", sorted(two.media("val/samples")), None),
        ("run0", "val/one"): ("image", sorted(one.media("val/one")), None),
        ("run0", "val/samples"): ("image", sorted(one.media("val/samples")), None),
    }


def test_runs_that_log_together_share_a_column(comparer: Comparer) -> None:
    answer = comparer.select("/notches", "run0", metrics=["val/samples", "val/samples"])

    assert len(answer["columns"]) == 1


def test_any_metric_can_be_the_axis(comparer: Comparer) -> None:
    answer = comparer.select("/notches", "run0", "run1", metrics=["val/samples"], x="epoch")

    for told in answer["runs"]:
        run = comparer.run(told["run_id"])
        (track,) = told["metrics"]
        steps, xs = answer["columns"][track["steps"]], answer["columns"][track["xs"]]
        assert steps == sorted(run.media("val/samples"))
        assert xs == [run.epoch_at(step) for step in steps]
    assert answer["notches"] == list(range(STEPS // 100))
    assert all(type(notch) is int for notch in answer["notches"])


def test_an_epoch_shows_its_last_media_of_each_run(comparer: Comparer) -> None:
    answer = comparer.select("/media", "run0", "run1", metrics=["val/samples"], x="epoch", at=7)

    for item in answer["items"]:
        run = comparer.run(item["run_id"])
        assert item["step"] == max(step for step in run.media("val/samples") if run.epoch_at(step) == 7)
        assert item["x"] == 7
    assert len(answer["items"]) == 2


@pytest.mark.parametrize(("match", "steps"), [("exact", {}), ("nearest", {"run0": 250, "run1": 245}),
                                              ("previous", {"run0": 200, "run1": 175})])  # fmt: skip
def test_each_run_has_its_own_nearest_step(comparer: Comparer, match: str, steps: dict[str, int]) -> None:
    answer = comparer.select("/media", "run0", "run1", metrics=["val/samples"], at=240, match=match)

    assert {item["run_id"]: item["step"] for item in answer["items"]} == steps


def test_pages_together_are_everything_in_order(comparer: Comparer) -> None:
    found: list[tuple[str, str, int]] = []
    after, total = None, None
    while after is not None or total is None:
        page = comparer.select("/media", "run1", "run0", metrics=["val/one", "val/samples"], limit=60, after=after)
        found += [(item["run_id"], item["metric"], item["step"]) for item in page["items"]]
        after, total = page["next"], page["total"]

    expected = [
        (run, metric, step)
        for run in ("run1", "run0")
        for metric in ("val/one", "val/samples")
        for step in sorted(comparer.run(run).media(metric))
    ]
    assert found == expected
    assert total == len(expected)


def test_a_range_and_an_index_narrow(comparer: Comparer) -> None:
    answer = comparer.select("/media", "run0", globs=["val/s*"], min=100, max=200, index=2)

    assert [item["step"] for item in answer["items"]] == [100, 150, 200]
    assert [[media["index"] for media in item["media"]] for item in answer["items"]] == [[2], [2], [2]]
    assert answer["total"] == 3


@pytest.mark.parametrize("group_by", ["run", "metric", "step", "index"])
def test_groups_name_each_media_once(comparer: Comparer, group_by: str) -> None:
    answer = comparer.select("/media", "run0", "run1", metrics=["val/samples"], max=350, group_by=group_by)

    def key_of(item: Any, media: Any) -> Any:
        return media["index"] if group_by == "index" else item["run_id" if group_by == "run" else group_by]

    members = [tuple(member) for group in answer["groups"] for member in group["members"]]
    assert sorted(members) == [
        (place, inner) for place, item in enumerate(answer["items"]) for inner in range(len(item["media"]))
    ]
    for group in answer["groups"]:
        for place, inner in group["members"]:
            item = answer["items"][place]
            assert key_of(item, item["media"][inner]) == group["key"]


def test_keys_tell_kinds_runs_and_points(comparer: Comparer) -> None:
    answer = comparer.select("/keys", "run0", "run1", "absent")

    assert answer["missing"] == ["absent"]
    assert {entry["metric"]: (entry["kinds"], entry["runs"], entry["points"]) for entry in answer["items"]} == {
        "val/samples": (["image"], 2, len(range(0, STEPS, 50)) + len(range(35, STEPS, 70))),
        "val/one": (["image"], 1, STEPS // 100),
        "table": (["table"], 1, 1),
    }
    assert {entry["metric"] for entry in comparer.select("/keys", kinds=["audio"])["items"]} == {"sound"}


def test_history_has_rows_that_hold_any_of_the_keys(comparer: Comparer) -> None:
    (told,) = comparer.select("/history", "run0", metrics=["epoch", "val/one"], min=100, max=320)["runs"]

    assert [row["step"] for row in told["rows"]] == [100, 113, 200, 213, 300, 313]
    assert [sorted(row["values"]) for row in told["rows"]] == [["epoch"], ["val/one"]] * 3
    assert told["rows"][0] == {"step": 100, "x": 100, "values": {"epoch": 1}}
    assert told["total"] == 6


def test_history_has_rows_that_hold_all_of_the_keys(comparer: Comparer) -> None:
    (told,) = comparer.select("/history", "run0", metrics=["epoch"], globs=["l?ss"], mode="all", max=250)["runs"]

    assert [row["step"] for row in told["rows"]] == [0, 100, 200]
    assert told["rows"][0]["values"] == {"epoch": 0, "loss": {"$number": "NaN"}}


def test_history_chooses_evenly_and_always_the_same(comparer: Comparer) -> None:
    answers = [comparer.select("/history", "run0", "run3", metrics=["loss"], samples=11) for _ in range(2)]

    assert answers[0] == answers[1]
    assert [row["step"] for row in answers[0]["runs"][0]["rows"]] == [place * 4999 // 10 for place in range(11)]
    assert answers[0]["runs"][0]["total"] == STEPS


def test_history_along_another_axis(comparer: Comparer) -> None:
    (told,) = comparer.select("/history", "run0", metrics=["loss"], x="epoch", min=3, max=3)["runs"]

    assert [row["step"] for row in told["rows"]] == list(range(300, 400))
    assert {row["x"] for row in told["rows"]} == {3}


def test_addresses_load_without_signing_in_with_type_and_ranges(comparer: Comparer) -> None:
    step = 100 if comparer.prefix else 150
    name = comparer.run("run0").logged["val/samples"][step]["filenames"][0]
    (answer,) = comparer.get("/runs/run0/images", step=step, metrics="val/samples").json()
    url = answer["images"][0]["url"]
    assert comparer.bytes_of.get(url).status_code in (401, 404), "it has not arrived yet"
    upload(comparer.deployment, comparer.bytes_of, "run0", {name: b"0123456789"})

    (answer,) = comparer.get("/runs/run0/images", step=step, metrics="val/samples").json()
    url = answer["images"][0]["url"]
    whole = comparer.bytes_of.get(url)
    part = comparer.bytes_of.get(url, headers={"Range": "bytes=2-4"})

    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, b"0123456789", "image/png")
    assert whole.headers["Access-Control-Allow-Origin"] == "*"
    assert (part.status_code, part.content) == (206, b"234")
    assert "%23.png" in url, "characters that mean something in addresses are escaped"


def test_an_answer_that_one_has_already_is_not_sent_again(comparer: Comparer) -> None:
    first = comparer.get("/runs/run1/steps")
    again = comparer.http.get(
        f"{comparer.prefix}/runs/run1/steps",
        params={"entity": "admin", "project": "pictures"},
        headers={"If-None-Match": first.headers["ETag"]},
    )

    assert (again.status_code, again.content) == (304, b"")


def path_of(url: str) -> str:
    """The file that an address names."""
    path = unquote(urlsplit(url).path)
    return path[path.index("media/") :]


def test_the_ground_truth_is_worth_its_name() -> None:
    run = TrueRun("a", "b")
    run.log(0, a=[{"_type": "table-file"}], b=[1])
    assert (is_media(run.logged["a"][0]), is_media(run.logged["b"][0])) == (True, False)
