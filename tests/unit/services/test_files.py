"""Run files: addresses, transfers, records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote, urlsplit

import pytest

from kymograph.core.accounts import Role
from kymograph.core.files import ByteSpan, RunFile
from kymograph.core.live import LiveEvent, LiveKind
from kymograph.core.run import Run
from kymograph.errors import Forbidden, InvalidName, ProjectNotFound, RunFileNotFound, RunNotFound
from kymograph.services.files import (
    DOWNLOAD_URL_LENGTH_S,
    MAX_METADATA_BYTES,
    METADATA_FILE,
    UPLOAD_URL_LENGTH_S,
    FileService,
    guess_mimetype,
)
from kymograph.testing.deployments import PUBLIC_URL, DeploymentUnderTest
from kymograph.types import FilePath


@pytest.fixture
def files(deployment: DeploymentUnderTest) -> FileService:
    return deployment.services.files


async def stream(content: bytes) -> AsyncIterator[bytes]:
    yield content[: len(content) // 2]
    yield content[len(content) // 2 :]


def token_of(url: str) -> str:
    return urlsplit(url).path.split("/")[3]


async def upload(
    deployment: DeploymentUnderTest, run: Run, path: str, content: bytes, *, content_type: str | None = None
) -> RunFile:
    url = deployment.services.files.upload_url(run, FilePath(path))
    return await deployment.services.files.receive(token_of(url), stream(content), content_type=content_type)


async def content_of(deployment: DeploymentUnderTest, file: RunFile, span: ByteSpan | None = None) -> bytes:
    return b"".join([piece async for piece in deployment.services.files.read(file, span)])


def object_count(deployment: DeploymentUnderTest) -> int:
    return len(deployment.objects.list_keys("runs/"))


# --- addresses --------------------------------------------------------------------------------------------------------


def test_addresses_begin_with_the_public_url_and_end_with_the_name(
    deployment: DeploymentUnderTest, files: FileService
) -> None:
    run = deployment.run("admin/p/r")
    names = ["a b.txt", "media/ünï#1?.png"]

    found, urls = files.upload_urls(deployment.admin, "admin", "p", "r", names)

    assert found.key == run.key
    assert [path for path, _ in urls] == names
    for path, url in urls:
        assert url.startswith(f"{PUBLIC_URL}/storage/runs/")
        assert url.endswith("/" + quote(path))


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a//b", "nul\0", "", "C:\\x", "a/../../b"])
def test_name_that_could_leave_its_folder_gets_no_address(
    deployment: DeploymentUnderTest, files: FileService, name: str
) -> None:
    deployment.run("admin/p/r")

    with pytest.raises(InvalidName):
        files.upload_urls(deployment.admin, "admin", "p", "r", ["fine.txt", name])


def test_viewers_and_strangers_get_no_upload_address(deployment: DeploymentUnderTest, files: FileService) -> None:
    deployment.team("team", viewer=Role.VIEWER)
    deployment.run("team/p/r")

    for caller, refusal in ((deployment.caller("viewer"), Forbidden), (deployment.user("eve"), ProjectNotFound)):
        with pytest.raises(refusal):
            files.upload_urls(caller, "team", "p", "r", ["a.txt"])


async def test_address_is_good_for_its_method_only(deployment: DeploymentUnderTest, files: FileService) -> None:
    run = deployment.run()
    file = await upload(deployment, run, "a.txt", b"one")

    with pytest.raises(Forbidden):
        files.resolve_download(token_of(files.upload_url(run, FilePath("a.txt"))))
    with pytest.raises(Forbidden):
        await files.receive(token_of(files.download_url(file)), stream(b"two"), content_type=None)

    assert await content_of(deployment, files.get(run, "a.txt")) == b"one"
    assert object_count(deployment) == 1


async def test_address_ends(deployment: DeploymentUnderTest, files: FileService) -> None:
    run = deployment.run()
    put_token = token_of(files.upload_url(run, FilePath("a.txt")))
    file = await files.receive(put_token, stream(b"x"), content_type=None)
    get_token = token_of(files.download_url(file))

    deployment.clock.advance(seconds=DOWNLOAD_URL_LENGTH_S)
    assert files.resolve_download(get_token) == file
    deployment.clock.advance(seconds=1)
    with pytest.raises(Forbidden, match="expired"):
        files.resolve_download(get_token)

    deployment.clock.advance(seconds=UPLOAD_URL_LENGTH_S)
    with pytest.raises(Forbidden, match="expired"):
        await files.receive(put_token, stream(b"y"), content_type=None)


async def test_forged_address_is_refused_before_anything_is_read(
    deployment: DeploymentUnderTest, files: FileService
) -> None:
    run = deployment.run()
    token = token_of(files.upload_url(run, FilePath("a.txt")))
    claims, _, signature = token.partition(".")

    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    for forged in ("", "x", claims, f"{claims}.", f".{signature}", f"{claims}x.{signature}", f"{claims}.{signature}x"):
        with pytest.raises(Forbidden):
            await files.receive(forged, never(), content_type=None)
        with pytest.raises(Forbidden):
            files.resolve_download(forged)


async def test_download_address_is_bound_to_the_bytes_it_was_made_for(
    deployment: DeploymentUnderTest, files: FileService
) -> None:
    """After a replacement the same address must not give other bytes."""
    run = deployment.run()
    token = token_of(files.download_url(await upload(deployment, run, "a.txt", b"old")))

    await upload(deployment, run, "a.txt", b"new")

    with pytest.raises(RunFileNotFound):
        files.resolve_download(token)


# --- transfers --------------------------------------------------------------------------------------------------------


async def test_upload_is_measured_and_announced(deployment: DeploymentUnderTest, files: FileService) -> None:
    run = deployment.run()
    heard: list[LiveEvent] = []
    deployment.services.live.subscribe(run.project_id, heard.append)

    file = await upload(deployment, run, "dir/notes.md", b"hello")

    assert (file.path, file.size_bytes, file.md5) == ("dir/notes.md", 5, "XUFAKrxLKna5cZ2REBfFkg==")
    assert await content_of(deployment, file) == b"hello"
    assert await content_of(deployment, file, ByteSpan(1, 3)) == b"el"
    assert [event.kind for event in heard] == [LiveKind.FILES]
    assert deployment.services.runs.get(deployment.admin, run.entity, run.project, run.id).storage_bytes == 5


async def test_replacement_removes_the_old_bytes_and_counts_the_new(
    deployment: DeploymentUnderTest, files: FileService
) -> None:
    run = deployment.run()
    first = await upload(deployment, run, "a.txt", b"old bytes")

    second = await upload(deployment, run, "a.txt", b"new")

    assert second.id == first.id
    assert object_count(deployment) == 1
    assert await content_of(deployment, second) == b"new"
    assert deployment.services.runs.get(deployment.admin, run.entity, run.project, run.id).storage_bytes == 3


async def test_upload_that_breaks_off_leaves_nothing(deployment: DeploymentUnderTest, files: FileService) -> None:
    run = deployment.run()

    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await files.receive(token_of(files.upload_url(run, FilePath("a.txt"))), broken(), content_type=None)

    assert files.list_files(run).total == 0
    assert object_count(deployment) == 0


async def test_upload_to_a_deleted_run_is_refused_and_leaves_nothing(
    deployment: DeploymentUnderTest, files: FileService
) -> None:
    run = deployment.run()
    token = token_of(files.upload_url(run, FilePath("a.txt")))
    deployment.services.runs.delete(deployment.admin, run.key)

    with pytest.raises(RunNotFound):
        await files.receive(token, stream(b"late"), content_type=None)

    assert object_count(deployment) == 0


async def test_metadata_file_becomes_the_runs_metadata(deployment: DeploymentUnderTest) -> None:
    run = deployment.run()
    await upload(deployment, run, METADATA_FILE, b'{"os": "Linux"}')
    await upload(deployment, run, "other.json", b'{"os": "Other"}')

    def metadata() -> str | None:
        return deployment.services.runs.get(deployment.admin, run.entity, run.project, run.id).metadata_json

    assert metadata() == '{"os": "Linux"}'
    await upload(deployment, run, METADATA_FILE, b" " * (MAX_METADATA_BYTES + 1))
    assert metadata() == '{"os": "Linux"}'
    await upload(deployment, run, METADATA_FILE, b"\xff\xfe")
    assert metadata() == "\ufffd\ufffd"


async def test_empty_file_is_a_file(deployment: DeploymentUnderTest) -> None:
    file = await upload(deployment, deployment.run(), "empty.txt", b"")

    assert file.size_bytes == 0
    assert await content_of(deployment, file) == b""


# --- records ----------------------------------------------------------------------------------------------------------


async def test_deleted_file_loses_record_bytes_and_address(deployment: DeploymentUnderTest, files: FileService) -> None:
    run = deployment.run()
    gone = await upload(deployment, run, "gone.txt", b"12345")
    stays = await upload(deployment, run, "stays.txt", b"678")
    heard: list[LiveEvent] = []
    deployment.services.live.subscribe(run.project_id, heard.append)

    assert files.delete(deployment.admin, [gone.id, gone.id]) == [gone]

    assert [info.key for info in deployment.objects.list_keys("runs/")] == [stays.object_key]
    assert [event.kind for event in heard] == [LiveKind.FILES]
    with pytest.raises(RunFileNotFound):
        files.resolve_download(token_of(files.download_url(gone)))
    with pytest.raises(RunFileNotFound, match=r"gone\.txt"):
        files.get(run, "gone.txt")
    assert deployment.services.runs.get(deployment.admin, run.entity, run.project, run.id).storage_bytes == 3


async def test_deletion_is_for_all_files_or_none(deployment: DeploymentUnderTest, files: FileService) -> None:
    run = deployment.run()
    file = await upload(deployment, run, "a.txt", b"12345")

    with pytest.raises(RunFileNotFound):
        files.delete(deployment.admin, [file.id, 4711])

    assert await content_of(deployment, files.get(run, "a.txt")) == b"12345"


async def test_files_of_others_cannot_be_deleted(deployment: DeploymentUnderTest, files: FileService) -> None:
    deployment.team("team", viewer=Role.VIEWER)
    run = deployment.run("team/p/r")
    file = await upload(deployment, run, "a.txt", b"12345")

    with pytest.raises(Forbidden):
        files.delete(deployment.caller("viewer"), [file.id])
    with pytest.raises(RunFileNotFound):
        files.delete(deployment.user("eve"), [file.id])

    assert files.list_files(run).total == 1


async def test_files_are_paged_by_name(deployment: DeploymentUnderTest, files: FileService) -> None:
    run = deployment.run()
    for name in ("b.txt", "a.txt", "media/x.png", "media/y.png"):
        await upload(deployment, run, name, b"x")

    first = files.list_files(run, limit=2)
    rest = files.list_files(run, after=first.files[-1].path)
    media = files.list_files(run, prefix="media/")

    assert [file.path for file in first.files] == ["a.txt", "b.txt"]
    assert [file.path for file in rest.files] == ["media/x.png", "media/y.png"]
    assert (first.total, media.total) == (4, 2)


@pytest.mark.parametrize(
    ("path", "sent", "expected"),
    [
        ("a.png", None, "image/png"),
        ("a.png", "text/html", "image/png"),
        ("output.log", "application/x-evil", "text/plain"),
        ("config.yaml", None, "text/plain"),
        ("data.tar.gz", None, "application/octet-stream"),
        ("unknown", "text/csv; charset=utf-8", "text/csv"),
        ("unknown", None, "application/octet-stream"),
    ],
)
def test_type_of_a_file_follows_its_name_before_what_the_sender_says(
    path: str, sent: str | None, expected: str
) -> None:
    assert guess_mimetype(path, sent) == expected


# --- addresses to show ------------------------------------------------------------------------------------------------


async def test_a_shown_address_is_the_same_for_an_hour_and_gives_what_has_come_by_then(
    deployment: DeploymentUnderTest, files: FileService
) -> None:
    run = deployment.run()
    url = files.shown_url(run, "media/a#1.png")
    with pytest.raises(RunFileNotFound):
        files.resolve_download(token_of(url))
    stored = await upload(deployment, run, "media/a#1.png", b"picture")

    assert url.startswith(f"{PUBLIC_URL}/storage/runs/")
    assert url.endswith("/media/a%231.png")
    assert files.resolve_download(token_of(url)) == stored
    deployment.clock.advance(seconds=1)
    assert files.shown_url(run, "media/a#1.png") == url
    deployment.clock.advance(seconds=DOWNLOAD_URL_LENGTH_S)
    assert files.shown_url(run, "media/a#1.png") != url
    deployment.clock.advance(seconds=DOWNLOAD_URL_LENGTH_S)
    with pytest.raises(Forbidden):
        files.resolve_download(token_of(url))


async def test_a_shown_address_ends_with_its_run(deployment: DeploymentUnderTest, files: FileService) -> None:
    run = deployment.run()
    await upload(deployment, run, "a.png", b"picture")
    url = files.shown_url(run, "a.png")
    deployment.services.runs.delete(deployment.admin, run.key)

    with pytest.raises(RunFileNotFound):
        files.resolve_download(token_of(url))


@pytest.mark.parametrize("path", ["../a", "/a", "a/../../b", ""])
def test_no_address_is_shown_for_a_name_that_leaves_the_run(
    deployment: DeploymentUnderTest, files: FileService, path: str
) -> None:
    with pytest.raises(InvalidName):
        files.shown_url(deployment.run(), path)
