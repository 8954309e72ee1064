"""Records of media, as every generation of clients writes them."""

from __future__ import annotations

import pytest

from kymograph.core.history import MetricKind
from kymograph.core.media_values import MediaItem, count_media, media_items, media_kind_of, media_type_of
from kymograph.types import JsonValue

IMAGE: JsonValue = {
    "_type": "image-file",
    "path": "media/images/a_0_01.png",
    "sha256": "01",
    "size": 12,
    "width": 4,
    "height": 3,
    "format": "png",
    "caption": "a cat",
    "masks": {"truth": {"_type": "mask", "path": "media/images/mask/a.png"}},
}


def test_a_single_image_is_one_item() -> None:
    (item,) = media_items(IMAGE)

    assert item == MediaItem(
        index=0,
        path="media/images/a_0_01.png",
        format="png",
        caption="a cat",
        width=4,
        height=3,
        size_bytes=12,
        extra={"sha256": "01", "masks": {"truth": {"_type": "mask", "path": "media/images/mask/a.png"}}},
    )


def test_a_list_of_images_has_an_item_each_with_its_own_caption_mask_and_boxes() -> None:
    value: JsonValue = {
        "_type": "images/separated",
        "width": 4,
        "height": 3,
        "format": "png",
        "count": 3,
        "filenames": ["a.png", "b.png", "a.png"],
        "captions": ["first", None, ["kept", "as", "list"]],
        "all_masks": [None, {"m": 1}, None],
        "all_boxes": [{"b": 1}, None, None],
    }

    first, second, third = media_items(value)

    assert [item.path for item in (first, second, third)] == ["a.png", "b.png", "a.png"]
    assert [item.caption for item in (first, second, third)] == ["first", None, ["kept", "as", "list"]]
    assert (first.extra, second.extra, third.extra) == ({"boxes": {"b": 1}}, {"masks": {"m": 1}}, {})
    assert {(item.width, item.height, item.format) for item in (first, second, third)} == {(4, 3, "png")}


@pytest.mark.parametrize("captions", [None, False, [], ["only one"]])
def test_captions_may_be_missing_or_too_few(captions: JsonValue) -> None:
    value: JsonValue = {"_type": "images/separated", "filenames": ["a.png", "b.png"], "captions": captions}

    assert [item.path for item in media_items(value)] == ["a.png", "b.png"]
    assert media_items(value)[1].caption is None


def test_files_of_artifacts_are_told_from_files_of_runs() -> None:
    address = "wandb-client-artifact://abc/media/a.png"
    listed = media_items({"_type": "images/separated", "filenames": [address, "b.png"]})
    single = media_items({"_type": "table-file", "artifact_path": address, "nrows": 3})

    assert [(item.path, item.artifact) for item in listed] == [(None, address), ("b.png", None)]
    assert [(item.path, item.artifact, item.extra) for item in single] == [(None, address, {"nrows": 3})]


@pytest.mark.parametrize(
    ("value", "paths", "extras"),
    [
        (
            {
                "_type": "audio",
                "audio": [
                    {"_type": "audio-file", "path": "a.wav", "size": 3},
                    {"_type": "audio-file", "path": "b.wav"},
                ],
                "sampleRates": [16_000, 8_000],
                "durations": [1.5, 2],
                "captions": ["", "b"],
            },
            ["a.wav", "b.wav"],
            [{"duration": 1.5, "sample_rate": 16_000}, {"duration": 2, "sample_rate": 8_000}],
        ),
        (
            {"_type": "videos", "count": 1, "videos": [{"path": "a.mp4", "sha256": "1"}], "captions": False},
            ["a.mp4"],
            [{"sha256": "1"}],
        ),
        ({"_type": "html", "html": [{"_type": "html-file", "path": "a.html"}]}, ["a.html"], [{}]),
        (
            {
                "_type": "object3D",
                "filenames": ["a.pts.json", "b.glb"],
                "objects": [{"_type": "object3D-file", "path": "media/object3D/a.pts.json", "sha256": "1"}],
            },
            ["media/object3D/a.pts.json", "media/object3D/b.glb"],
            [{"sha256": "1"}, {}],
        ),
        ({"_type": "molecule", "filenames": ["media/molecule/a.pdb"]}, ["media/molecule/a.pdb"], [{}]),
        ([{"_type": "table-file", "path": "a.json"}, IMAGE], ["a.json", "media/images/a_0_01.png"], None),
        ({"_type": "histogram", "bins": [0, 1], "values": [3]}, [None], [{"bins": [0, 1], "values": [3]}]),
    ],
)
def test_every_form_of_a_record_is_read(value: JsonValue, paths: list[str], extras: list[JsonValue] | None) -> None:
    items = media_items(value)

    assert [item.path for item in items] == paths
    assert [item.index for item in items] == list(range(len(paths)))
    if extras is not None:
        assert [item.extra for item in items] == extras


@pytest.mark.parametrize("value", [None, 1, "text", [], [1, 2], {}, {"a": 1}, {"_type": 3}, [{"a": 1}]])
def test_other_values_hold_no_media(value: JsonValue) -> None:
    assert media_items(value) == []
    assert media_type_of(value) is None


@pytest.mark.parametrize(
    "value",
    [
        {"_type": "image-file"},
        {"_type": "images/separated", "filenames": [None, 3, ""]},
        {"_type": "audio", "audio": ["x", None]},
        {"_type": "image-file", "path": 3, "width": True, "size": "big"},
    ],
)
def test_damaged_records_have_items_without_bytes(value: JsonValue) -> None:
    assert not any(item.has_bytes or item.width or item.size_bytes for item in media_items(value))


def test_kinds_follow_the_type_and_unknown_ones_are_media() -> None:
    assert media_kind_of(IMAGE) is MetricKind.IMAGE
    assert media_kind_of([{"_type": "table-file"}]) is MetricKind.TABLE
    assert media_kind_of({"_type": "of-tomorrow"}) is MetricKind.MEDIA


@pytest.mark.parametrize(
    ("counts", "last", "expected"),
    [
        ([("number", 3)], None, None),
        ([("number", 3), ("image-file", 2)], None, (MetricKind.IMAGE, 2)),
        ([("list", 4)], [1, 2], None),
        ([("list", 4)], [IMAGE], (MetricKind.IMAGE, 4)),
        ([("of-tomorrow", 1)], None, (MetricKind.MEDIA, 1)),
        ([], None, None),
    ],
)
def test_counts_of_types_tell_whether_there_is_media(
    counts: list[tuple[str, int]], last: JsonValue, expected: tuple[MetricKind, int] | None
) -> None:
    assert count_media(counts, last) == expected
