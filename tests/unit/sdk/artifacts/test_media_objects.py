"""Media objects in artifacts, there and back. What their files are is compared in tests/e2e/test_artifact_forms.py."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kymograph.errors import InvalidMedia, StoreCorrupt
from kymograph.sdk.artifacts.artifact import Artifact
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.media_objects import find_object_entry
from kymograph.sdk.artifacts.media_reading import ObjectReader
from kymograph.sdk.media import (
    Audio,
    BoundingBoxes2D,
    Classes,
    Histogram,
    Html,
    Image,
    ImageMask,
    JoinedTable,
    MediaPlace,
    Molecule,
    Object3D,
    PartitionedTable,
    Table,
)

PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
BOX = {"position": {"minX": 0.1, "maxX": 0.2, "minY": 0.3, "maxY": 0.4}, "class_id": 1}
LABELS = {0: "sky", 1: "tree"}


def annotated(index: int = 0) -> Image:
    return Image(
        PIXELS + index,
        boxes={"truth": {"box_data": [BOX], "class_labels": LABELS}},
        masks={"guess": {"mask_data": np.eye(3, dtype=np.uint8), "class_labels": LABELS}},
        caption="c",
    )


def paths(artifact: Artifact) -> list[str]:
    return sorted(artifact.manifest.entries)


def read(artifact: Artifact, name: str) -> Any:
    found = find_object_entry(artifact.manifest, name)
    assert found is not None

    def fetch(entry: ArtifactManifestEntry) -> Path:
        target = Path(f"{entry.local_path}.read", entry.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(Path(str(entry.local_path)).read_bytes())
        return target

    return ObjectReader(artifact, fetch).read(found[0])


def document(artifact: Artifact, path: str) -> Any:
    return json.loads(Path(str(artifact.manifest.entries[path].local_path)).read_text())


# --- there ------------------------------------------------------------------------------------------------------------


def test_an_image_without_classes_for_its_masks_is_refused(artifact: Artifact, tmp_path: Path) -> None:
    Image(PIXELS).image.save(tmp_path / "mask.png")
    with pytest.raises(ValueError, match=r"classes must be passed to wandb.Image"):
        artifact.add(Image(PIXELS, masks={"m": {"path": str(tmp_path / "mask.png")}}), "x")

    assert len(artifact.manifest) == 0


def test_equal_pictures_are_one_file(artifact: Artifact) -> None:
    for name, pixels in {"a": PIXELS, "b": PIXELS + 1, "c": PIXELS}.items():
        artifact.add(Image(pixels), name)

    assert len(paths(artifact)) == 5


def test_the_same_object_is_added_once(artifact: Artifact) -> None:
    image = Image(PIXELS)

    assert artifact.add(image, "a") is artifact.add(image, "b")
    assert [path for path in paths(artifact) if path.endswith("json")] == ["a.image-file.json"]


@pytest.mark.parametrize("overwrite", [True, False])
def test_another_object_of_that_name_needs_to_overwrite(artifact: Artifact, overwrite: bool) -> None:
    first = artifact.add(Table(columns=["a"], data=[[1]]), "t").digest
    second = artifact.add(Table(columns=["a"], data=[[2]]), "t", overwrite=overwrite).digest

    assert (first == second) is not overwrite
    assert paths(artifact) == ["t.table.json"]


def test_pictures_of_the_same_name_stay_apart(artifact: Artifact, tmp_path: Path) -> None:
    for index in range(2):
        (tmp_path / str(index)).mkdir()
        Image(PIXELS + index).image.save(tmp_path / str(index) / "img.png")
    table = Table(columns=["i"], data=[[Image(str(tmp_path / str(index) / "img.png"))] for index in range(2)])
    artifact.add(table, "t")

    assert len([path for path in paths(artifact) if path.endswith("/img.png")]) == 2


def test_tables_within_the_media_folder_are_named_by_content(artifact: Artifact) -> None:
    entry = artifact.add(Table(columns=["a"], data=[[1]]), "media/tables/x")

    assert entry.path.startswith("media/tables/")
    assert entry.path.endswith(".table.json")
    assert "x" not in entry.path.split("/")[-1].split(".")[0]


def test_a_second_set_of_classes_does_not_take_the_place_of_the_first(artifact: Artifact) -> None:
    one, two = Classes([{"id": 1, "name": "a"}]), Classes([{"id": 1, "name": "b"}])
    table = Table(columns=["x", "y"], data=[[1, 1]], dtype=[one.get_type(), two.get_type()])
    artifact.add(table, "t")
    types = read(artifact, "t").column_types.types

    assert (types["x"].members[0].classes, types["y"].members[0].classes) == (one, two)


def test_joined_tables_bring_their_tables(artifact: Artifact) -> None:
    one, two = Table(columns=["id"], data=[["1"]]), Table(columns=["id", "x"], data=[["1", 2]])
    artifact.add(JoinedTable(one, two, "id"), "joined")

    assert len(paths(artifact)) == 3
    joined = read(artifact, "joined")
    assert (joined.table1, joined.table2, joined.join_key) == (one, two, "id")
    with pytest.raises(InvalidMedia, match=r"nothing\.table\.json not found in artifact"):
        artifact.add(JoinedTable("nothing.table.json", two, "id"), "other")


def test_models_without_points_are_refused(artifact: Artifact, tmp_path: Path) -> None:
    (tmp_path / "x.obj").write_text("v 0 0 0")
    with pytest.raises(ValueError, match="Non-point cloud 3D objects are not yet supported with Artifacts"):
        artifact.add(Object3D(str(tmp_path / "x.obj")), "x")


def test_media_that_lie_elsewhere_become_references(artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        type(artifact.references),
        "track",
        lambda self, tracking: [tracking.unchecked(tracking.uri, "x")],
    )
    artifact.add(Audio("s3://bucket/sound.wav"), "a")
    form = document(artifact, "a.audio-file.json")

    assert artifact.manifest.entries[form["path"]].ref == "s3://bucket/sound.wav"
    assert form["path"].endswith("/sound.wav")


def test_an_object_of_another_artifact_becomes_a_reference(artifact: Artifact) -> None:
    table = Table(columns=["a"], data=[[1]])
    artifact.add(table, "t")
    artifact.finalize()
    other = Artifact("other", "dataset")
    entry = other.add(table, "copy")

    assert (entry.path, entry.ref) == ("copy.table.json", f"wandb-client-artifact://{artifact.client_id}/t.table.json")
    assert entry.digest == artifact.manifest.entries["t.table.json"].digest


def test_an_object_that_was_read_is_a_reference_in_another_artifact(artifact: Artifact) -> None:
    artifact.add(annotated(), "i")
    artifact.add(Table(columns=["i"], data=[[annotated(1)]]), "t")
    artifact.finalize()
    other = Artifact("other", "dataset")
    other.add(read(artifact, "i"), "whole")
    table = Table(columns=["x"], data=[[read(artifact, "t").data[0][0]]])
    other.add(table, "part")

    references = {path: entry.ref for path, entry in other.manifest.entries.items() if entry.ref}
    assert references["whole.image-file.json"] == f"wandb-client-artifact://{artifact.client_id}/i.image-file.json"
    assert [path for path in references if path.startswith("media/images/")]
    assert all(str(ref).startswith(f"wandb-client-artifact://{artifact.client_id}/") for ref in references.values())


def test_history_names_the_artifact_of_what_is_logged(artifact: Artifact, tmp_path: Path) -> None:
    image, joined = Image(PIXELS), PartitionedTable("parts")
    artifact.add(image, "i")
    artifact.add(joined, "p")
    place = MediaPlace(tmp_path / "files", lambda path: None)
    assert "artifact_path" not in image.bind(place, "k", 0), "it may still change"
    with pytest.raises(InvalidMedia, match="must be added to an artifact before it can be logged"):
        joined.bind(place, "k", 0)
    artifact.finalize()

    form = image.bind(place, "k", 0)
    assert form["artifact_path"] == f"wandb-client-artifact://{artifact.client_id}/i.image-file.json"
    latest = f"wandb-client-artifact://{artifact.sequence_client_id}:latest/i.image-file.json"
    assert form["_latest_artifact_path"] == latest
    assert joined.bind(place, "k", 0)["_type"] == "partitioned-table"


# --- and back ---------------------------------------------------------------------------------------------------------


def test_tables_come_back(artifact: Artifact) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    table = Table(columns=["i", "f", "s", "b", "t", "l", "d", "none", 5])
    table.add_data(1, 0.5, "ä", True, moment, [1, 2], {"a": 1}, None, "x")
    table.add_data(2, -1e300, "", False, moment, [3, 4], {"a": 2}, "y", "z")
    artifact.add(table, "t")

    assert read(artifact, "t") == table


def test_media_in_tables_come_back(artifact: Artifact) -> None:
    table = Table(columns=["image", "html", "histogram"])
    table.add_data(annotated(), Html("<b>x</b>"), Histogram([1, 2, 2]))
    table.add_data(annotated(1), None, None)
    artifact.add(table, "t")
    again = read(artifact, "t")

    [image, html, histogram], [second, *_] = again.data
    assert image == table.data[0][0]
    assert second.boxes["truth"].boxes == [BOX]
    assert image.masks["guess"].sha256() == table.data[0][0].masks["guess"].sha256()
    assert (html.html, histogram.histogram) == (table.data[0][1].html, table.data[0][2].histogram)
    assert again.column_types == table.column_types


def test_arrays_come_back(artifact: Artifact) -> None:
    table = Table(columns=["pixels", "embedding"])
    for index in range(3):
        table.add_data(PIXELS + index, np.arange(5.0) + index)
    artifact.add(table, "t")
    again = read(artifact, "t")

    assert [path for path in paths(artifact) if path.endswith(".npz")]
    assert all((row[0] == PIXELS + index).all() for index, row in enumerate(again.data))
    assert again.data[2][1] == [2.0, 3.0, 4.0, 5.0, 6.0]


def test_linked_tables_come_back(artifact: Artifact) -> None:
    people = Table(columns=["id", "name"], data=[["1", "a"], ["2", "b"]])
    people.set_pk("id")
    orders = Table(columns=["who", "n"], data=[["1", 3]])
    orders.set_fk("who", people, "id")
    artifact.add(orders, "orders")
    again = read(artifact, "orders")

    key = again.data[0][0]
    assert (key, key.column, key.table.data) == ("1", "id", people.data)


def test_parts_of_a_table_come_back(artifact: Artifact) -> None:
    for index in (2, 1):
        artifact.add(Table(columns=["a"], data=[[index], [index * 10]]), f"parts/{index}")
    artifact.add(PartitionedTable("parts"), "whole")

    assert list(read(artifact, "whole").iterrows()) == [(0, [1]), (1, [10]), (2, [2]), (3, [20])]


def test_single_objects_come_back(artifact: Artifact, tmp_path: Path) -> None:
    (tmp_path / "s.wav").write_bytes(b"sound")
    (tmp_path / "m.pdb").write_text("ATOM")
    objects: dict[str, Any] = {
        "image": annotated(),
        "audio": Audio(str(tmp_path / "s.wav"), caption="c"),
        "html": Html("<b>x</b>"),
        "cloud": Object3D(np.arange(12.0).reshape(4, 3)),
        "molecule": Molecule(str(tmp_path / "m.pdb")),
        "classes": Classes([{"id": 1, "name": "x"}]),
        "mask": ImageMask({"mask_data": np.eye(3, dtype=np.uint8)}, key="k"),
        "boxes": BoundingBoxes2D({"box_data": [BOX]}, key="k"),
    }
    for name, value in objects.items():
        artifact.add(value, name)

    for name, value in objects.items():
        again = read(artifact, name)
        assert type(again) is type(value)
        if isinstance(value, BoundingBoxes2D):
            assert again.boxes == value.boxes
        elif isinstance(value, Classes):
            assert again == value
        else:
            assert again.sha256() == value.sha256()


def test_objects_are_found_by_name(artifact: Artifact) -> None:
    entry = artifact.add(Table(columns=["a"], data=[[1]]), "t")

    assert artifact.find_entry("t") == artifact.find_entry("t.table.json") == entry
    with pytest.raises(KeyError, match="Path not contained in artifact: nothing"):
        artifact.find_entry("nothing")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"_type": "table"}', '{"columns": ["a"], "data": 3}'])
def test_a_damaged_object_is_told(artifact: Artifact, content: str) -> None:
    with artifact.new_file("t.table.json") as file:
        file.write(content)
    with pytest.raises(StoreCorrupt, match=r"t\.table\.json cannot be read"):
        read(artifact, "t")


def test_pickled_arrays_are_not_read(artifact: Artifact) -> None:
    artifact.add(Table(columns=["p"], data=[[PIXELS], [PIXELS]]), "t")
    [stored] = [path for path in paths(artifact) if path.endswith(".npz")]
    target = Path(str(artifact.manifest.entries[stored].local_path))
    target.chmod(0o644)
    np.savez(target.with_suffix(".npz"), p=np.array([{"a": 1}, None], dtype=object))
    target.with_suffix(".npz").replace(target)
    with pytest.raises(StoreCorrupt):
        read(artifact, "t")
