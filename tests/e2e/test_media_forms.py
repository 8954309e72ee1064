"""What media and other values become: the newest client logs the same values, and rows and files must be equal."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kymograph.core import exact_json
from kymograph.sdk import media
from kymograph.sdk.media import Media, MediaPlace, plot
from kymograph.sdk.media.values import loggable_row
from kymograph.types import JsonObject, JsonValue
from kymograph.wire import records_pb2 as pb
from kymograph.wire.journal import JournalReader
from tests.e2e import media_cases
from tests.e2e.client import NEWEST, Client

SCRIPT = f"""
import sys
sys.path.insert(0, {str(Path(media_cases.__file__).parent)!r})
import media_cases, wandb
run = wandb.init(mode="offline", settings=wandb.Settings(console="off", x_disable_stats=True))
for key, make in {{**media_cases.cases(wandb), **media_cases.differing(wandb)}}.items():
    run.log({{key: make()}})
run.finish()
types = {{}}
for name, make in media_cases.typed_tables(wandb).items():
    table = make()
    document = table.to_json(wandb.Artifact("a", "t"))
    types[name] = [document["column_types"], document["data"]]
report(types)
"""
OF_ARTIFACTS = ("artifact_path", "_latest_artifact_path")
"""Keys of tables that tell where they are in an artifact."""


class Written:
    """What one client wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: dict[str, JsonObject] = {}
        """Key → the row that was logged under it."""
        self.config: dict[str, Any] = {}

    def files(self, key: str) -> dict[str, bytes]:
        """Files that the row of a key names."""
        text = exact_json.dumps(self.rows[key])
        paths = [exact_json.loads(found) for found in re.findall(r'"media/(?:[^"\\]|\\.)*"', text)]
        return {path: (self.folder / path).read_bytes() for path in paths}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(NEWEST, tmp_path_factory.mktemp("theirs"), url="http://127.0.0.1:9", key="0" * 40)


@pytest.fixture(scope="module")
def reported(client: Client) -> Any:
    return client.run(SCRIPT).reported


def all_keys() -> list[str]:
    facade = our_face()
    return [*media_cases.cases(facade), *media_cases.differing(facade)]


@pytest.fixture(scope="module")
def theirs(client: Client, reported: Any) -> Written:
    (directory,) = client.offline_runs()
    written = Written(directory / "files")
    (journal,) = directory.glob("*.wandb")
    keys = iter(all_keys())
    for payload in JournalReader().feed(journal.read_bytes()):
        record = pb.Record.FromString(payload)
        if record.WhichOneof("record_type") == "history":
            row = tree((tuple(item.nested_key) or (item.key,), item.value_json) for item in record.history.item)
            written.rows[next(keys)] = {key: value for key, value in row.items() if not key.startswith("_")}
        elif record.WhichOneof("record_type") == "config":
            for item in record.config.update:
                set_in(written.config, tuple(item.nested_key) or (item.key,), exact_json.loads(item.value_json))
    return written


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Written:
    written = Written(tmp_path_factory.mktemp("ours"))
    place = MediaPlace(written.folder, lambda path: None, lambda path, value: set_in(written.config, path, value))
    facade = our_face()
    for step, (key, make) in enumerate({**media_cases.cases(facade), **media_cases.differing(facade)}.items()):
        written.rows[key] = loggable_row({key: make()}, step, place)
    return written


def our_face() -> Any:
    names = {name: getattr(media, name) for name in media.__all__}
    return SimpleNamespace(**names, plot=plot, visualize=plot.visualize)


def set_in(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        tree = tree.setdefault(key, {})
    if isinstance(value, dict) and isinstance(tree.get(path[-1]), dict):
        tree[path[-1]].update(value)
    else:
        tree[path[-1]] = value


def tree(items: Any) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for path, text in items:
        set_in(result, path, exact_json.loads(text))
    return result


def comparable(value: JsonValue) -> Any:
    """Equal for equal forms: NaN is itself, 1.0 is 1 (the journal does not tell), and artifacts are not looked at."""
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items() if key not in OF_ARTIFACTS}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    return "NaN" if isinstance(value, float) and value != value else value


@pytest.mark.parametrize("key", media_cases.cases(our_face()))
def test_rows_and_files_are_the_same(ours: Written, theirs: Written, key: str) -> None:
    assert comparable(ours.rows[key]) == comparable(theirs.rows[key])
    assert ours.files(key) == theirs.files(key)


@pytest.mark.parametrize("key", media_cases.differing(our_face()))
def test_what_differs_on_purpose_still_does(ours: Written, theirs: Written, key: str) -> None:
    """See the docstrings of the modules for the reasons; a case that no longer differs belongs above."""
    assert comparable(ours.rows[key]) != comparable(theirs.rows[key])


@pytest.mark.parametrize("section", ["visualize", "viz", "bounding_box/class_labels", "mask/class_labels"])
def test_the_config_is_told_the_same(ours: Written, theirs: Written, section: str) -> None:
    assert ours.config["_wandb"][section] == theirs.config["_wandb"][section]


@pytest.mark.parametrize("name", media_cases.typed_tables(our_face()))
def test_types_of_columns_are_the_same(reported: Any, name: str) -> None:
    document = media_cases.typed_tables(our_face())[name]().document(lambda value: {"_type": value.log_type})

    types, cells = reported[name]
    assert in_order(document["column_types"]) == in_order(types)
    assert without_media(document["data"]) == without_media(cells)


def without_media(rows: Any) -> Any:
    """Rows of a table without what depends on where its media are."""
    return [[cell["_type"] if isinstance(cell, dict) and "_type" in cell else cell for cell in row] for row in rows]


def in_order(value: Any) -> Any:
    """Sets are lists in JSON, of no order."""
    if isinstance(value, dict):
        is_set = value.get("is_set") is True
        return {
            key: sorted(item) if is_set and key == "val" else in_order(item)
            for key, item in value.items()
            if key != "classes_obj"  # a file beside the table, or the classes themselves
        }
    if isinstance(value, list):
        items = [in_order(item) for item in value]
        return sorted(items, key=str) if all(isinstance(item, str | int) for item in items) else items
    return value


def test_every_media_class_is_among_the_cases() -> None:
    """Of those whose content does not depend on libraries that only one side has."""
    # The other client writes evaluation tables to a service, or not at all.
    elsewhere = {"Audio", "Bokeh", "Plotly", "EvalTable"}
    text = Path(media_cases.__file__).read_text()

    classes = {name for name in media.__all__ if issubclass_of_media(name)}
    assert classes - elsewhere - {name for name in classes if f"wandb.{name}" in text} == set()


def issubclass_of_media(name: str) -> bool:
    value = getattr(importlib.import_module("kymograph.sdk.media"), name)
    return (
        isinstance(value, type)
        and issubclass(value, Media)
        and name not in ("Media", "BatchableMedia", "ImageMask", "BoundingBoxes2D")
    )


READ = f"""
import json, sys
sys.path.insert(0, {str(Path(media_cases.__file__).parent)!r})
import media_cases, wandb
read = {{}}
for name, document in json.load(open(sys.argv[1])).items():
    table = wandb.Table.from_json(document, None)
    read[name] = [table == media_cases.typed_tables(wandb)[name](), str(table._column_types)]
report(read)
"""


def test_the_client_reads_our_tables(client: Client, tmp_path: Path) -> None:
    """Without media, which are in artifacts, and without moments and tuples, which come back different."""
    names = ("plain", "strict", "mixed", "growing", "declared", "optional", "linked", "empty")
    tables = {name: media_cases.typed_tables(our_face())[name]() for name in names}
    documents: JsonObject = {name: table.document(lambda value: {}) for name, table in tables.items()}
    (tmp_path / "documents.json").write_text(exact_json.dumps(documents))

    read = client.run(READ, str(tmp_path / "documents.json")).reported

    assert read == {name: [True, str(table.column_types)] for name, table in tables.items()}
