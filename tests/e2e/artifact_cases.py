"""Artifacts built through the newest client and through ours: run by both, so written against `wandb` alone."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
BOX = {"position": {"minX": 0.1, "maxX": 0.2, "minY": 0.3, "maxY": 0.4}, "class_id": 1, "scores": {"acc": 0.5}}
LABELS = {0: "sky", 1: "tree"}


def make_files(folder: pathlib.Path) -> None:
    """What the artifacts are made of."""
    from PIL import Image as PillowImage

    for name, content in {
        "a.txt": b"hello",
        "data/b.txt": b"world",
        "data/deep/c.bin": bytes(range(256)) * 20,
        "data/deep/d e.txt": b"",
        "data/\u00fc.txt": b"unicode",
        "page.html": b"<html><body>x</body></html>",
        "mol.pdb": b"ATOM",
        **{f"sound{index}.wav": bytes([index]) for index in range(3)},
        "big.bin": b"0123456789" * 300_000,
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    PillowImage.fromarray(PIXELS).save(folder / "picture.png")


def artifacts(wandb: Any, folder: pathlib.Path, server: str) -> dict[str, Callable[[Any], None]]:
    """Name → what fills an artifact."""

    def annotated(index: int = 0) -> Any:
        return wandb.Image(
            PIXELS + index,
            boxes={"truth": {"box_data": [BOX], "class_labels": LABELS}},
            masks={"guess": {"mask_data": np.array([[0, 1], [1, index]], np.uint8), "class_labels": LABELS}},
            caption=f"number {index}",
        )

    def new_files(artifact: Any) -> None:
        with artifact.new_file("n/new.txt") as file:
            file.write("text")
        with artifact.new_file("n/new.bin", mode="wb") as file:
            file.write(b"\0\1")
        with artifact.new_file("n/new.bin", mode="wb") as file:
            file.write(b"\2")

    def removed(artifact: Any) -> None:
        artifact.add_dir(str(folder / "data"), name="x")
        artifact.remove("x/deep")
        artifact.remove("x/b.txt")

    def temporary(artifact: Any) -> None:
        artifact.add_file(str(folder / "a.txt"), name="m/one.two.txt", is_tmp=True)

    def tables(artifact: Any) -> None:
        moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
        table = wandb.Table(columns=["i", "f", "s", "b", "t", "l", "none"])
        table.add_data(1, 0.5, "\u00e4 text", True, moment, [1, 2], None)
        table.add_data(2, float("nan"), "", False, moment, [3, 4], "x")
        artifact.add(table, "plain")
        artifact.add(table, "again")
        artifact.add(wandb.Table(columns=["a"], data=[[1]]), "named.table.json")

    def tables_of_media(artifact: Any) -> None:
        table = wandb.Table(columns=["image", "audio", "html", "n"])
        for index in range(3):
            sound = wandb.Audio(str(folder / f"sound{index}.wav"), caption=str(index))
            table.add_data(annotated(index), sound, wandb.Html(f"<p>{index}</p>"), index)
        table.add_data(annotated(1), None, None, 3)
        artifact.add(table, "media")

    def arrays(artifact: Any) -> None:
        table = wandb.Table(columns=["pixels", "embedding", "long"])
        for index in range(2):
            table.add_data(PIXELS + index, np.arange(5, dtype=float), np.zeros(200))
        artifact.add(table, "arrays")

    def linked(artifact: Any) -> None:
        people = wandb.Table(columns=["id", "name"], data=[["1", "a"], ["2", "b"]])
        people.set_pk("id")
        orders = wandb.Table(columns=["who", "n"], data=[["1", 3], ["2", 4]])
        orders.set_fk("who", people, "id")
        artifact.add(orders, "orders")

    def class_ids(artifact: Any) -> None:
        classes = wandb.Classes([{"id": 1, "name": "tree"}, {"id": 2, "name": "sky"}])
        table = wandb.Table(columns=["id"], data=[[1], [2]], dtype=[classes.get_type()])
        artifact.add(table, "ids")

    def pictures(artifact: Any) -> None:
        artifact.add(wandb.Image(str(folder / "picture.png"), classes=[{"id": 0, "name": "person"}]), "file")
        artifact.add(wandb.Image(str(folder / "picture.png")), "file-again")
        artifact.add(wandb.Image(PIXELS, grouping=3), "pixels")
        artifact.add(wandb.Image(PIXELS), "pixels-again")
        artifact.add(annotated(), "annotated")
        artifact["brackets"] = wandb.Image(PIXELS + 1, file_type="bmp")

    def picture_added_before(artifact: Any) -> None:
        artifact.add_file(str(folder / "picture.png"))
        artifact.add(wandb.Image(str(folder / "picture.png")), "image")

    def other_media(artifact: Any) -> None:
        artifact.add(wandb.Html(str(folder / "page.html"), inject=False), "html-file")
        artifact.add(wandb.Html("<b>x</b>"), "html")
        artifact.add(wandb.Audio(str(folder / "sound0.wav"), caption="quiet"), "audio")
        artifact.add(wandb.Object3D(np.arange(12.0).reshape(4, 3)), "cloud")
        artifact.add(wandb.Molecule(str(folder / "mol.pdb")), "molecule")
        artifact.add(wandb.Classes([{"id": 1, "name": "x"}]), "classes")
        artifact.add(wandb.data_types.ImageMask({"mask_data": np.eye(3, dtype=np.uint8)}, key="k"), "mask")
        artifact.add(wandb.data_types.BoundingBoxes2D({"box_data": [BOX]}, key="k"), "boxes")

    def partitioned(artifact: Any) -> None:
        artifact.add(wandb.Table(columns=["a"], data=[[1]]), "parts/one")
        artifact.add(wandb.Table(columns=["a"], data=[[2]]), "parts/two")
        artifact.add(wandb.data_types.PartitionedTable(parts_path="parts"), "whole")

    def joined_by_name(artifact: Any) -> None:
        one = wandb.Table(columns=["id", "a"], data=[["1", 1]])
        two = wandb.Table(columns=["id", "b"], data=[["1", 2]])
        artifact.add(one, "one")
        artifact.add(two, "two")
        artifact.add(wandb.JoinedTable("one.table.json", "two.table.json", "id"), "joined")

    return {
        "empty": lambda artifact: None,
        "file": lambda artifact: artifact.add_file(str(folder / "a.txt")),
        "named file": lambda artifact: artifact.add_file(str(folder / "a.txt"), name="x/y.txt"),
        "large file": lambda artifact: artifact.add_file(str(folder / "big.bin"), policy="immutable"),
        "folder": lambda artifact: artifact.add_dir(str(folder / "data")),
        "named folder": lambda artifact: artifact.add_dir(str(folder / "data"), name="x"),
        "new files": new_files,
        "removed": removed,
        "temporary": temporary,
        "reference": lambda artifact: artifact.add_reference(f"file://{folder}/a.txt"),
        "named reference": lambda artifact: artifact.add_reference(f"file://{folder}/a.txt", name="r/x.txt"),
        "unchecked": lambda artifact: artifact.add_reference(f"file://{folder}/a.txt", checksum=False),
        "folder by reference": lambda artifact: artifact.add_reference(f"file://{folder}/data"),
        "named by reference": lambda artifact: artifact.add_reference(f"file://{folder}/data", name="r"),
        "unchecked folder": lambda artifact: artifact.add_reference(f"file://{folder}/data", checksum=False),
        "unknown scheme": lambda artifact: artifact.add_reference("ref://example.com/x.txt", name="x.txt"),
        "web": lambda artifact: artifact.add_reference(f"{server}/tagged.txt"),
        "web, named": lambda artifact: artifact.add_reference(f"{server}/tagged.txt", name="w/x.txt"),
        "web, no tag": lambda artifact: artifact.add_reference(f"{server}/plain.txt?q=1"),
        "web, unchecked": lambda artifact: artifact.add_reference(f"{server}/nothing.txt", checksum=False),
        "tables": tables,
        "tables of media": tables_of_media,
        "arrays": arrays,
        "linked": linked,
        "class ids": class_ids,
        "pictures": pictures,
        "picture added before": picture_added_before,
        "other media": other_media,
        "partitioned": partitioned,
        "joined by name": joined_by_name,
    }


ALGORITHMS = ("MD5", "XXH128")


def described(wandb: Any, folder: pathlib.Path, server: str) -> dict[str, Any]:
    """Name and algorithm → digest, manifest and size."""
    found: dict[str, Any] = {}
    for name, fill in artifacts(wandb, folder, server).items():
        for algorithm in ALGORITHMS:
            artifact = wandb.Artifact("a", "dataset", digest_algorithm=algorithm)
            fill(artifact)
            found[f"{name} {algorithm}"] = [artifact.digest, artifact.manifest.to_manifest_json(), artifact.size]
    return found
