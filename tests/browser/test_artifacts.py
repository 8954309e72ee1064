"""Artifacts on the page: browsing, aliases, files, differences, lineage, clean-up."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Page, expect

from tests.browser.artifacts import log_artifact, table_of, use_artifact
from tests.browser.panels import wait_on_page
from tests.e2e.rest import Rest


@pytest.fixture
def lineage(rest: Rest, project: str) -> str:
    """A project where a dataset of three versions led to a model."""
    rest.create_run(project, "prep", displayName="prepare")
    for number in range(3):
        files = {
            "labels.csv": f"image,label\n0.png,cat{number}\n".encode(),
            "images/0.txt": b"same in all",
            "samples.table.json": table_of(["id", "label"], [[1, f"tiger {number}"]]),
        }
        if number == 2:
            files["notes/new.txt"] = b"only in the last version"
            del files["images/0.txt"]
        artifact = log_artifact(
            rest,
            project,
            "prep",
            "train-set",
            files,
            aliases=["prod"] if number == 1 else [],
            description="**Bold** words",
            metadata=json.dumps({"rows": number}),
        )
    rest.create_run(project, "train", displayName="train a net")
    use_artifact(rest, project, "train", artifact)
    log_artifact(rest, project, "train", "net", {"weights.bin": b"w" * 1000}, type="model", aliases=["best"])
    return project


def version_row(page: Page, version: str):  # type: ignore[no-untyped-def]
    return page.locator(f'.column-row[data-version="{version}"]')


def aliases_of(rest: Rest, project: str, version: str) -> list[str]:
    found: list[str] = rest.get(f"/projects/{project}/artifacts/collections/train-set/versions/{version}")["aliases"]
    return found


def test_types_lead_to_collections_to_versions_to_files(page: Page, lineage: str) -> None:
    page.goto(f"/{lineage}")
    page.get_by_role("navigation", name="Pages of the project").get_by_role("link", name="Artifacts").click()

    page.get_by_role("navigation", name="Types").get_by_role("link", name="dataset").click()
    page.get_by_role("navigation", name="Collections").get_by_role("link", name="train-set").click()
    version_row(page, "v1").get_by_role("link").click()
    expect(page.get_by_role("heading", name="train-set:v1")).to_be_visible()
    expect(page.locator(".markdown strong")).to_have_text("Bold")
    expect(page.get_by_text("run.use_artifact", exact=False)).to_be_visible()
    parts = page.get_by_role("navigation", name="Parts of the version")
    parts.get_by_role("link", name="Files").click()
    page.get_by_role("treeitem", name="images").click()
    page.get_by_role("treeitem", name="0.txt").click()
    expect(page.get_by_test_id("file-preview")).to_contain_text("same in all")
    page.reload()
    expect(page.get_by_test_id("file-preview")).to_contain_text("same in all")
    page.get_by_role("treeitem", name="samples.table.json").click()
    expect(page.get_by_test_id("file-preview").get_by_role("cell", name="tiger 1")).to_be_visible()
    parts.get_by_role("link", name="Metadata").click()
    expect(page.get_by_text("rows", exact=True)).to_be_visible()


def test_rows_of_a_parquet_file_are_shown(page: Page, rest: Rest, project: str, tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.sql("SELECT i, 'row ' || i AS name FROM range(700) AS r(i)").write_parquet(str(tmp_path / "t"))
    rest.create_run(project, "maker")
    log_artifact(rest, project, "maker", "rows", {"t.parquet": (tmp_path / "t").read_bytes()})

    page.goto(f"/{project}/artifacts/dataset/rows/v0/files/t.parquet")

    preview = page.get_by_test_id("file-preview")
    expect(preview.get_by_role("cell", name="row 499", exact=True)).to_be_visible()
    expect(preview).to_contain_text("The first 500 rows")


def test_files_are_reached_by_keys(page: Page, lineage: str) -> None:
    page.goto(f"/{lineage}/artifacts/dataset/train-set/v1/files")

    page.get_by_role("treeitem", name="images").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("treeitem", name="0.txt")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("file-preview")).to_contain_text("same in all")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")

    expect(page.get_by_role("treeitem", name="0.txt")).to_have_count(0)


def test_alias_is_dragged_onto_another_version_and_comes_back(page: Page, rest: Rest, lineage: str) -> None:
    page.goto(f"/{lineage}/artifacts/dataset/train-set")

    version_row(page, "v1").get_by_text("prod").drag_to(version_row(page, "v0"))

    expect(version_row(page, "v0").get_by_text("prod")).to_be_visible()
    expect(page.get_by_text("prod: v1 → v0")).to_be_visible()
    assert aliases_of(rest, lineage, "v0") == ["prod"]
    page.get_by_role("button", name="Undo").click()
    expect(version_row(page, "v1").get_by_text("prod")).to_be_visible()
    expect(version_row(page, "v0").get_by_text("prod")).to_have_count(0)
    # The page shows it before the server has said yes.
    wait_on_page(page, lambda: aliases_of(rest, lineage, "v1") == ["prod"])


def test_alias_is_added_moved_and_removed_in_the_head(page: Page, rest: Rest, lineage: str) -> None:
    page.goto(f"/{lineage}/artifacts/dataset/train-set/v2")

    for name in ("candidate", "prod"):
        page.get_by_role("button", name="+ alias").click()
        page.get_by_role("combobox", name="New alias").fill(name)
        page.keyboard.press("Enter")
        expect(version_row(page, "v2").get_by_text(name)).to_be_visible()
    expect(version_row(page, "v1").get_by_text("prod")).to_have_count(0)
    page.get_by_role("button", name="Remove alias candidate").click()

    expect(page.get_by_role("button", name="Remove alias candidate")).to_have_count(0)
    page.get_by_text("candidate: v2 → none").wait_for()
    assert aliases_of(rest, lineage, "v2") == ["latest", "prod"]


def test_refused_alias_goes_back_and_says_why(page: Page, rest: Rest, lineage: str) -> None:
    page.goto(f"/{lineage}/artifacts/dataset/train-set/v2")

    page.get_by_role("button", name="+ alias").click()
    page.get_by_role("combobox", name="New alias").fill("v7")
    page.keyboard.press("Enter")

    expect(page.get_by_text("v7 was not changed", exact=False)).to_be_visible()
    expect(version_row(page, "v2").locator(".chip")).to_have_count(1)


def test_description_is_written(page: Page, rest: Rest, lineage: str) -> None:
    page.goto(f"/{lineage}/artifacts/dataset/train-set/v0")

    page.get_by_role("button", name="Edit the description").click()
    page.get_by_role("textbox", name="Description in Markdown").fill("# Title\n\n- point")
    page.keyboard.press("Control+Enter")

    expect(page.locator(".markdown li")).to_have_text("point")
    version = rest.get(f"/projects/{lineage}/artifacts/collections/train-set/versions/v0")
    assert version["description"] == "# Title\n\n- point"


def test_two_versions_are_compared(page: Page, lineage: str) -> None:
    page.goto(f"/{lineage}/artifacts/dataset/train-set/v2/diff")

    rows = page.get_by_role("table", name="Differences").locator("tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.filter(has_text="labels.csv")).to_have_attribute("data-kind", "changed")
    expect(rows.filter(has_text="notes/new.txt")).to_have_attribute("data-kind", "added")
    expect(rows.filter(has_text="images/0.txt")).to_have_attribute("data-kind", "removed")
    page.get_by_role("button", name="1 added").click()
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="1 added").click()
    page.get_by_role("button", name="Compare with").click()
    page.get_by_role("menuitemradio", name="v0").click()

    expect(page.get_by_role("columnheader", name="v0")).to_be_visible()
    expect(rows).to_have_count(4)


def test_lineage_is_followed_from_the_model_to_the_dataset(page: Page, lineage: str) -> None:
    page.goto(f"/{lineage}/artifacts/model/net/best")
    page.get_by_role("navigation", name="Parts of the version").get_by_role("link", name="Lineage").click()

    expect(page.get_by_role("button", name="run train a net")).to_be_visible()
    page.get_by_role("button", name="artifact train-set:v2").click()
    card = page.get_by_role("complementary", name="About train-set:v2")
    expect(card).to_contain_text("3 files")
    card.get_by_role("button", name="Look around it").click()
    expect(page.get_by_role("button", name="run prepare")).to_be_visible()
    page.get_by_role("button", name="artifact train-set:v2").click()
    page.get_by_role("link", name="Open artifact").click()

    expect(page.get_by_role("heading", name="train-set:v2")).to_be_visible()


def test_lineage_is_a_list_and_a_file_too(page: Page, lineage: str) -> None:
    page.goto(f"/{lineage}/lineage?at=artifact:net:v0")
    expect(page.get_by_role("button", name="artifact net:v0")).to_be_visible()

    with page.expect_download() as download:
        page.get_by_role("button", name="SVG").click()
    page.get_by_role("button", name="List").click()

    assert "train-set:v2" in download.value.path().read_text()
    table = page.get_by_role("table", name="Lineage")
    expect(table.get_by_role("row", name="−2 train-set:v2")).to_contain_text("prepare")


def test_many_neighbours_are_counted_and_come_when_asked(page: Page, rest: Rest, project: str) -> None:
    rest.create_run(project, "maker")
    artifact = log_artifact(rest, project, "maker", "raw", {"a": b"a"})
    for number in range(10):
        rest.create_run(project, f"user{number}")
        use_artifact(rest, project, f"user{number}", artifact)
    page.goto(f"/{project}/lineage?at=artifact:raw:v0")

    page.get_by_role("button", name="Show more: + 4 runs").click()

    expect(page.locator(".lineage-node.is-run")).to_have_count(11)
    expect(page.locator(".lineage-node.is-rest")).to_have_count(0)


def test_run_shows_what_it_used_and_logged(page: Page, lineage: str) -> None:
    page.goto(f"/{lineage}/runs/train")
    page.get_by_role("navigation", name="Parts of the run").get_by_role("link", name="Artifacts").click()

    expect(page.get_by_role("table", name="Inputs")).to_contain_text("train-set:v2")
    page.get_by_role("table", name="Outputs").get_by_role("link", name="net:v0").click()

    expect(page.get_by_role("heading", name="net:v0")).to_be_visible()


def test_clean_up_says_first_what_would_go_and_can_be_taken_back(page: Page, rest: Rest, lineage: str) -> None:
    page.goto(f"/{lineage}/settings/storage")
    page.get_by_role("button", name="Clean up …").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_test_id("dry-run")).to_have_text("Nothing would go.")
    expect(dialog.get_by_role("button", name="Delete")).to_be_disabled()

    dialog.get_by_label("Keep the newest").fill("1")
    expect(dialog.get_by_test_id("dry-run")).to_contain_text("1 version would go")
    assert rest.get(f"/projects/{lineage}/storage")["versions"] == 4, "the dry run deleted something"
    dialog.get_by_label("Also those with an alias").check()
    expect(dialog.get_by_test_id("dry-run")).to_contain_text("2 versions would go")
    dialog.get_by_role("button", name="Delete 2 versions").click()
    expect(page.get_by_text("2 versions went to the trash", exact=False)).to_be_visible()
    assert rest.get(f"/projects/{lineage}/storage")["versions"] == 2
    page.get_by_role("button", name="Take all back").click()

    expect(page.get_by_text("2 versions of train-set came back")).to_be_visible()
    assert aliases_of(rest, lineage, "v1") == ["prod"]


def test_one_version_is_deleted_and_taken_back(page: Page, rest: Rest, lineage: str) -> None:
    page.goto(f"/{lineage}/artifacts/dataset/train-set/v1")

    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Delete v1").click()
    expect(version_row(page, "v1")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()

    expect(version_row(page, "v1").get_by_text("prod")).to_be_visible()


def test_absent_things_are_explained(page: Page, lineage: str, project: str) -> None:
    page.goto(f"/{lineage}/artifacts/dataset/train-set/nope")
    expect(page.get_by_role("alert").first).to_contain_text("nope")

    page.goto(f"/{lineage}/artifacts/dataset/absent")
    expect(page.get_by_role("alert").first).to_contain_text("absent")

    page.goto(f"/{lineage}/lineage?at=run:absent")
    expect(page.get_by_role("alert").first).to_contain_text("absent")
