from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image as PillowImage

from kymograph.errors import InvalidMedia, MediaFileNotFound
from kymograph.sdk.media import BoundingBoxes2D, Classes, Image, ImageMask
from kymograph.types import JsonObject
from tests.unit.sdk.media.recorded import Recorded, Tensor

BOX = {"position": {"minX": 0.1, "maxX": 0.2, "minY": 0.3, "maxY": 0.4}, "class_id": 1, "scores": {"acc": 0.5}}


def pixels(image: Image) -> Any:
    return np.asarray(image.image).tolist()


@pytest.mark.parametrize(
    ("array", "mode"),
    [
        (np.zeros((4, 6), np.uint8), "L"),
        (np.zeros((4, 6, 1), np.uint8), "L"),
        (np.zeros((4, 6, 3), np.uint8), "RGB"),
        (np.zeros((4, 6, 4), np.uint8), "RGBA"),
        (np.zeros((1, 4, 6, 3), np.int64), "RGB"),
        (np.zeros((4, 6, 3), np.float32), "RGB"),
        (Tensor(np.zeros((3, 4, 6))), "RGB"),
        (Tensor(np.zeros((1, 4, 6))), "L"),
        (Tensor(np.zeros((4, 6))), "L"),
    ],
)
def test_shapes_make_modes(run: Recorded, array: Any, mode: str) -> None:
    image = Image(array)

    form = image.bind(run.place, "k", 0)
    assert image.image.mode == mode
    assert (form["width"], form["height"], form["format"], form["_type"]) == (6, 4, "png", "image-file")
    assert run.picture(form["path"]).size == (6, 4)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0]]), [[0, 127, 255]]),
        (np.array([[-1.0, 0.0, 1.0]]), [[0, 127, 255]]),
        (np.array([[0.0, 100.7, 300.0]]), [[0, 100, 255]]),
        (np.array([[0.0, np.nan, np.inf]]), [[0, 0, 255]]),
        (np.array([[0, 1]]), [[0, 1]]),
        (np.array([[-5, 256]]), [[0, 255]]),
        (np.array([[False, True]]), [[0, 255]]),
    ],
)
def test_floats_are_scaled_and_integers_clipped(array: np.ndarray, expected: list[list[int]]) -> None:
    assert pixels(Image(array)) == expected


def test_without_normalizing_values_are_cut() -> None:
    assert pixels(Image(np.array([[0.5, 1.0, 257.0]]), normalize=False)) == [[0, 1, 1]]


@given(st.lists(st.lists(st.floats(), min_size=2, max_size=2), min_size=1, max_size=4))
def test_any_floats_make_an_image(rows: list[list[float]]) -> None:
    assert Image(np.array(rows)).image.size == (2, len(rows))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((2, 2, 5)), r"shape \[2, 2, 5\]"),
        (np.zeros(5), r"shape \[5\]"),
        (np.zeros((0, 5)), r"shape \[0, 5\]"),
        (np.array([["a"]]), "of <U1"),
        (object(), "made of object"),
        (PillowImage.new("CMYK", (2, 2)), "convert it to RGB"),
        (PillowImage.new("1", (65_501, 1)), "65500 is the most"),
    ],
)
def test_what_is_no_image_is_refused(data: Any, message: str) -> None:
    with pytest.raises(InvalidMedia, match=message):
        Image(data)


def test_a_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("text")

    with pytest.raises(InvalidMedia, match="no image that Pillow can read"):
        Image(tmp_path / "a.png")
    with pytest.raises(MediaFileNotFound):
        Image(str(tmp_path / "b.png"))


def test_jpeg_loses_transparency_and_says_so(run: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    form = Image(np.zeros((4, 4, 4)), file_type="jpg").bind(run.place, "k", 0)

    assert str(form["path"]).endswith(".jpg")
    assert "no transparency" in caplog.text


def test_other_file_types_are_refused() -> None:
    with pytest.raises(InvalidMedia, match="file_type is 'tiff'"):
        Image(np.zeros((2, 2)), file_type="tiff")


def test_a_file_keeps_its_bytes_and_its_type(run: Recorded, tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    PillowImage.new("RGB", (3, 2)).save(path)

    form = Image(path, caption="c", grouping=2).bind(run.place, "k", 0)

    assert (run.folder / str(form["path"])).read_bytes() == path.read_bytes()
    assert (form["format"], form["width"], form["height"]) == ("webp", 3, 2)
    assert (form["caption"], form["grouping"]) == ("c", 2)


def test_a_figure_is_drawn(run: Recorded) -> None:
    figure = Figure(figsize=(1, 1), dpi=50)
    figure.subplots().plot([1, 2])

    form = Image(figure).bind(run.place, "k", 0)

    assert (form["width"], form["height"]) == (50, 50)


def test_another_image_is_taken_without_what_is_over_it(run: Recorded) -> None:
    first = Image(np.zeros((2, 2)), caption="first", boxes={"b": {"box_data": [BOX]}})

    form = Image(first, caption="second").bind(run.place, "k", 0)

    assert form["caption"] == "second"
    assert "boxes" not in form


def test_boxes_and_masks_are_files_and_their_labels_configuration(run: Recorded) -> None:
    image = Image(
        np.zeros((2, 2)),
        boxes={"pred": {"box_data": [BOX], "class_labels": {1: "cat"}}},
        masks={"truth": {"mask_data": np.array([[0, 1], [2, 1]])}},
        classes=[{"id": 7, "name": "dog"}],
    )

    form = image.bind(run.place, "k", 0)

    boxes, masks = form["boxes"], form["masks"]
    assert isinstance(boxes, dict)
    assert isinstance(masks, dict)
    box, mask = boxes["pred"], masks["truth"]
    assert isinstance(box, dict)
    assert isinstance(mask, dict)
    assert (box["_type"], mask["_type"]) == ("boxes2D", "mask")
    assert run.json(box["path"]) == {"box_data": [BOX], "class_labels": {"1": "cat"}}
    assert str(mask["path"]).startswith("media/images/mask/k_0_")
    assert run.configured == {
        ("_wandb", "bounding_box/class_labels", "k_wandb_delimeter_pred"): {
            "type": "bounding_box/class_labels",
            "key": "k_wandb_delimeter_pred",
            "value": {"1": "cat"},
        },
        ("_wandb", "mask/class_labels", "k_wandb_delimeter_truth"): {
            "type": "mask/class_labels",
            "key": "k_wandb_delimeter_truth",
            "value": {"0": "class_0", "1": "class_1", "2": "class_2"},
        },
    }
    assert set(run.kept) == run.files()
    assert image.classes == Classes(
        [{"id": 1, "name": "cat"}, {"id": 0, "name": "class_0"}, {"id": 2, "name": "class_2"}, {"id": 7, "name": "dog"}]
    ) or {item["id"] for item in (image.classes or Classes([])).class_set} == {0, 1, 2, 7}


def test_a_mask_keeps_every_number_up_to_255(run: Recorded) -> None:
    mask = ImageMask({"mask_data": np.array([[0, 127, 128, 255]])}, "m")

    form = mask.bind(run.place, "k", 0)

    assert np.asarray(run.picture(form["path"])).tolist() == [[0, 127, 128, 255]]


def test_tensors_in_boxes_become_numbers(run: Recorded) -> None:
    position = {"middle": Tensor(np.array([1.0, 2.0])), "width": np.float32(0.5), "height": np.int64(4)}

    form = BoundingBoxes2D({"box_data": [{"position": position, "class_id": np.int64(3)}]}, "b").bind(run.place, "k", 0)

    assert run.json(form["path"])["box_data"] == [
        {"position": {"middle": [1.0, 2.0], "width": 0.5, "height": 4}, "class_id": 3}
    ]


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ({"box_data": {}}, "must be a list"),
        ({"box_data": [{"class_id": 1}]}, r"box_data\[0\] needs a position"),
        ({"box_data": [BOX, {"position": {"minX": 1}}]}, r"box_data\[1\] needs a position"),
        ({"box_data": [BOX | {"class_id": "1"}]}, "class_id"),
        ({"box_data": [BOX | {"box_caption": 1}]}, "box_caption"),
        ({"box_data": [BOX | {"scores": {"a": "b"}}]}, "scores"),
        ({"box_data": [BOX], "class_labels": {"a": "b"}}, "class_labels"),
    ],
)
def test_what_is_no_box_is_refused(boxes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidMedia, match=message):
        BoundingBoxes2D(boxes, "b")


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ({}, "give mask_data"),
        ({"mask_data": np.zeros(3)}, "two dimensions"),
        ({"mask_data": np.array([[256]])}, "0 to 255"),
        ({"mask_data": np.array([[-1]])}, "0 to 255"),
    ],
)
def test_what_is_no_mask_is_refused(mask: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidMedia, match=message):
        ImageMask(mask, "m")


def test_boxes_must_be_named() -> None:
    with pytest.raises(InvalidMedia, match="boxes must be a mapping"):
        Image(np.zeros((2, 2)), boxes=[BOX])  # type: ignore[arg-type] # what is to be refused


def test_images_under_one_key_become_one_object(run: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    images = [
        Image(np.zeros((2, 2), np.uint8), masks={"m": {"mask_data": np.zeros((2, 2), int)}}),
        Image(np.ones((2, 3), np.uint8), caption="one", boxes={"b": {"box_data": [BOX]}}),
    ]

    form = Image.bind_group(images, run.place, "k", 5)

    assert set(form) == {
        "_type", "width", "height", "format", "count", "filenames", "captions", "all_masks", "all_boxes",
    }  # fmt: skip
    assert (form["_type"], form["count"], form["width"], form["height"]) == ("images/separated", 2, 2, 2)
    assert form["captions"] == [None, "one"]
    masks, boxes, names = form["all_masks"], form["all_boxes"], form["filenames"]
    assert isinstance(masks, list)
    assert isinstance(boxes, list)
    assert isinstance(names, list)
    assert (masks[1], boxes[0]) == (None, None)
    assert set(map(str, names)) <= run.files()
    assert "different sizes" in caplog.text


def test_images_without_captions_have_none(run: Recorded) -> None:
    form = Image.bind_group([Image(np.zeros((2, 2)))], run.place, "k", 5)

    assert set(form) == {"_type", "width", "height", "format", "count", "filenames"}


def test_pixels_can_be_had_as_numbers() -> None:
    assert Image(np.array([[1, 2], [3, 4]])).to_data_array() == [[1, 2], [3, 4]]
    assert Image(np.full((1, 2, 3), 9, np.uint8)).to_data_array() == [[[9, 9, 9], [9, 9, 9]]]


@pytest.mark.parametrize("shape", [(1, 5, 3), (5, 1, 3), (1, 5), (5, 1), (1, 1)])
def test_images_of_one_row_or_column_keep_it(shape: tuple[int, ...]) -> None:
    assert Image(np.zeros(shape, np.uint8)).image.size == (shape[1], shape[0])


def test_equal_pixels_give_equal_names(run: Recorded) -> None:
    encoded = io.BytesIO()
    PillowImage.fromarray(np.zeros((2, 2), np.uint8)).save(encoded, format="png")

    forms: list[JsonObject] = [
        Image(np.zeros((2, 2), kind)).bind(run.place, "k", 0) for kind in (np.uint8, np.int32, float)
    ]

    assert len({str(form["path"]) for form in forms}) == 1
    assert forms[0]["size"] == len(encoded.getvalue())
