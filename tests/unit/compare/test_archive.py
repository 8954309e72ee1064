"""Media as one archive."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator

import pytest

from kymograph.compare.archive import zip_pieces
from kymograph.compare.comparison import Comparison, Selection
from kymograph.compare.selection import choice_of
from kymograph.compare.source import StoredFile
from kymograph.core.media_values import MediaItem
from kymograph.errors import Unreachable
from kymograph.server.comparison import ServerSource
from kymograph.testing.deployments import PUBLIC_URL
from tests.unit.compare.conftest import Comparer
from tests.unit.compare.project import upload


def test_an_archive_holds_each_file_once_and_says_what_is_missing(comparer: Comparer) -> None:
    names = comparer.run("run0").logged["val/samples"][200]["filenames"]
    contents = {names[0]: b"first", names[2]: b"third " * 100_000}
    upload(comparer.deployment, comparer.bytes_of, "run0", contents)

    response = comparer.get("/media.zip", run=["run0", "run0"], metrics="val/samples", at=200)

    assert response.headers["content-type"] == "application/zip"
    assert "content-encoding" not in response.headers
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [f"run0/{names[0]}", f"run0/{names[2]}", "index.json"]
        assert {name: archive.read(f"run0/{name}") for name in contents} == contents
        index = json.loads(archive.read("index.json"))
    (item,) = index["items"]
    assert (item["run_id"], item["metric"], item["step"]) == ("run0", "val/samples", 200)
    assert [media["entry"] for media in item["media"]] == [f"run0/{name}" for name in names]
    assert [problem["entry"] for problem in index["problems"]] == [f"run0/{names[1]}"]
    assert index["problems"][0]["message"]


def test_a_name_that_leaves_the_archive_is_not_in_it(comparer: Comparer) -> None:
    response = comparer.get("/media.zip", run="run2", metrics="evil")

    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.namelist() == ["index.json"]
        problems = json.loads(archive.read("index.json"))["problems"]
    assert [problem["entry"] for problem in problems] == ["run2/../../secret", "run2//etc/passwd"]


class _Breaking(Comparison):
    """A comparison whose files break off."""

    async def open_file(self, media: object, item: MediaItem) -> StoredFile:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"the beginning"
            raise Unreachable("http://store", problem="gone")

        return StoredFile(100, pieces())


@pytest.mark.anyio
async def test_an_archive_whose_file_breaks_off_never_looks_whole(comparer: Comparer) -> None:
    deployment = comparer.deployment
    source = ServerSource(deployment.services, deployment.admin, PUBLIC_URL).open("admin", "pictures")
    comparison = _Breaking(source)
    media = comparison.all_media(Selection(("run0",), choice_of(["val/one"], (), ())))
    sent = bytearray()

    async def receive() -> None:
        async for piece in zip_pieces(comparison, media):
            sent.extend(piece)

    with pytest.raises(Unreachable):
        await receive()

    assert b"the beginning" in sent
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(sent))
