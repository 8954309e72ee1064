"""Files of runs through fsspec, on a live server."""

from __future__ import annotations

import itertools
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kymograph.errors import InvalidName, Unauthenticated
from kymograph.fs import RunFileSystem
from tests.e2e.file_systems import head, make_run, options
from tests.e2e.server import ADMIN_KEY, ServerProcess

_numbers = itertools.count(1)


@pytest.fixture
def fs(server: ServerProcess) -> RunFileSystem:
    return RunFileSystem(**options(server))


@pytest.fixture
def run(server: ServerProcess) -> str:
    return make_run(server, f"admin/files/run-{next(_numbers)}", display_name="bold name")


# --- listings ---------------------------------------------------------------------------------------------------------


def test_every_level_lists_whole_paths_that_can_be_listed_again(fs: RunFileSystem, run: str) -> None:
    fs.pipe(f"{run}/a/b.txt", b"1")

    assert "admin" in fs.ls("", detail=False)
    assert "admin/files" in fs.ls("admin", detail=False)
    assert run in fs.ls("wandbfs://admin/files", detail=False)
    assert fs.ls(run, detail=False) == [f"{run}/a"]
    assert fs.ls(f"wandbfs:///{run}/a/", detail=False) == [f"{run}/a/b.txt"]


def test_the_details_of_a_run_and_of_a_file(fs: RunFileSystem, run: str) -> None:
    fs.pipe(f"{run}/b.txt", b"hello")

    [listed] = [info for info in fs.ls("admin/files") if info["name"] == run]
    assert (listed["type"], listed["size"], listed["display_name"]) == ("directory", 0, "bold name")
    assert fs.info(run)["display_name"] == "bold name"
    info = fs.info(f"{run}/b.txt")
    assert info["type"] == "file"
    assert info["size"] == 5
    assert info["md5"] == "XUFAKrxLKna5cZ2REBfFkg=="
    assert info["mimetype"] == "text/plain"
    assert fs.ls(f"{run}/b.txt") == [info]
    assert info["mtime"].tzinfo is not None


@pytest.mark.parametrize("path", ["nobody", "admin/nothing", "admin/files/nothing", "{run}/nothing", "{run}/a/nothing"])
def test_what_is_missing_is_not_found_at_any_level(fs: RunFileSystem, run: str, path: str) -> None:
    fs.pipe(f"{run}/a/b.txt", b"1")
    missing = path.format(run=run)

    with pytest.raises(FileNotFoundError):
        fs.ls(missing)
    with pytest.raises(FileNotFoundError):
        fs.info(missing)
    assert not fs.exists(missing)
    assert not fs.isdir(missing)
    assert fs.glob(f"{missing}/*") == []


def test_a_path_may_not_climb(fs: RunFileSystem, run: str) -> None:
    with pytest.raises(InvalidName):
        fs.cat(f"{run}/a/../b.txt")
    with pytest.raises(ValueError, match=r"\.\."):
        fs.pipe(f"{run}/../other/b.txt", b"")


def test_walk_find_glob_du_and_tree(fs: RunFileSystem, run: str) -> None:
    fs.pipe({f"{run}/a/b/c.txt": b"12", f"{run}/a/d.bin": b"345", f"{run}/e.txt": b"6"})

    assert fs.find(run) == [f"{run}/a/b/c.txt", f"{run}/a/d.bin", f"{run}/e.txt"]
    assert fs.find(run, maxdepth=1, withdirs=True) == [run, f"{run}/a", f"{run}/e.txt"]
    assert fs.glob(f"{run}/**/*.txt") == [f"{run}/a/b/c.txt", f"{run}/e.txt"]
    assert fs.glob(f"{run}/a/*") == [f"{run}/a/b", f"{run}/a/d.bin"]
    assert fs.du(run) == 6
    assert [folder for folder, _, _ in fs.walk(run)] == [run, f"{run}/a", f"{run}/a/b"]
    assert fs.find(f"{run}/e.txt") == [f"{run}/e.txt"]
    assert run in fs.glob("admin/files/*")


def test_names_are_taken_as_they_are(fs: RunFileSystem, run: str) -> None:
    names = ["with space", "a#b", "what?.txt", "100%25", "ünïcode/日本", ".hidden/.too", "under_score", "perc%ent"]
    for name in names:
        fs.pipe_file(f"{run}/{name}", name.encode())

    fs.invalidate_cache()

    assert {fs.cat_file(f"{run}/{name}").decode() for name in names} == set(names)
    assert sorted(fs.find(run)) == sorted(f"{run}/{name}" for name in names)
    fs.rm([f"{run}/{name}" for name in names])
    assert fs.ls(run) == []


def test_a_file_beside_a_folder_of_its_name(fs: RunFileSystem, run: str) -> None:
    fs.pipe({f"{run}/a": b"1", f"{run}/a/b": b"2", f"{run}/ab": b"3"})

    assert fs.isfile(f"{run}/a")
    assert fs.find(f"{run}/a/") == [f"{run}/a/b"]
    assert fs.cat(f"{run}/a/b") == b"2"


def test_listings_are_kept_and_forgotten(server: ServerProcess, run: str) -> None:
    kept = RunFileSystem(**options(server, listings_expiry_time=None))
    other = RunFileSystem(**options(server))
    assert kept.ls(run) == []

    other.pipe(f"{run}/new", b"1")

    assert kept.ls(run) == []
    assert kept.ls(run, refresh=True) != []
    other.rm(f"{run}/new")
    kept.invalidate_cache()
    assert kept.ls(run) == []


def test_without_a_cache_every_listing_is_new(server: ServerProcess, run: str) -> None:
    fs = RunFileSystem(**options(server, use_listings_cache=False))
    assert fs.ls(run) == []

    RunFileSystem(**options(server)).pipe(f"{run}/a/new", b"1")

    assert fs.isdir(f"{run}/a")
    assert fs.cat(f"{run}/a/new") == b"1"


def test_one_level_of_a_run_with_very_many_files(fs: RunFileSystem, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kymograph.client.run_files.PER_PAGE", 3)
    fs.pipe(
        {f"{run}/{folder}/{name}": b"1" for folder in "abcd" for name in "xy"} | {f"{run}/{n}": b"2" for n in range(5)}
    )
    fs.invalidate_cache()

    assert fs.ls(run, detail=False) == sorted(f"{run}/{name}" for name in "abcd01234")
    assert fs.ls(f"{run}/a", detail=False) == [f"{run}/a/x", f"{run}/a/y"]
    assert fs.cat(f"{run}/3") == b"2"
    assert not fs.exists(f"{run}/e")
    assert len(fs.find(run)) == 13


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end"),
    [(None, None), (10, 20), (10, None), (-5, None), (None, -5), (-10, -5), (95, 200), (50, 50), (7, 3)],
)
def test_ranges_are_exactly_the_slices(fs: RunFileSystem, run: str, start: int | None, end: int | None) -> None:
    content = bytes(range(100))
    fs.pipe(f"{run}/bytes", content)

    assert fs.cat_file(f"{run}/bytes", start, end) == content[start:end]


def test_many_ranges_at_once(fs: RunFileSystem, run: str) -> None:
    fs.pipe({f"{run}/a": bytes(range(100)), f"{run}/b": bytes(range(100, 200))})

    got = fs.cat_ranges([f"{run}/a", f"{run}/b", f"{run}/a"], [0, 10, 99], [5, 12, 100])

    assert got == [bytes(range(5)), bytes([110, 111]), bytes([99])]
    assert fs.head(f"{run}/a", 3) == bytes([0, 1, 2])
    assert fs.tail(f"{run}/a", 2) == bytes([98, 99])
    assert fs.read_block(f"{run}/a", 10, 5) == bytes(range(10, 15))


def test_open_files_seek_by_blocks_and_read_text(fs: RunFileSystem, run: str) -> None:
    content = os.urandom(100_000)
    fs.pipe(f"{run}/large", content)
    fs.write_text(f"{run}/text", "ünï\nline\n", encoding="utf-8")

    with fs.open(f"{run}/large", block_size=1000, cache_type="bytes") as file:
        file.seek(50_000)
        assert file.read(3_000) == content[50_000:53_000]
        file.seek(-10, 2)
        assert file.read() == content[-10:]
    with fs.open(f"{run}/text", "r", encoding="utf-8") as text:
        assert text.readlines() == ["ünï\n", "line\n"]
    assert fs.read_text(f"{run}/text", encoding="utf-8") == "ünï\nline\n"


def test_compression_is_inferred(fs: RunFileSystem, run: str) -> None:
    with fs.open(f"{run}/a.gz", "wb", compression="infer") as file:
        file.write(b"hello" * 100)

    assert fs.size(f"{run}/a.gz") < 100
    with fs.open(f"{run}/a.gz", "rb", compression="infer") as file:
        assert file.read() == b"hello" * 100


def test_a_file_that_is_replaced_is_read_anew(server: ServerProcess, run: str) -> None:
    fs = RunFileSystem(**options(server, listings_expiry_time=None))
    fs.pipe(f"{run}/a", b"first")
    assert fs.cat(f"{run}/a") == b"first"

    RunFileSystem(**options(server)).pipe(f"{run}/a", b"the second")

    assert fs.cat(f"{run}/a") == b"the second"
    assert fs.cat_file(f"{run}/a", -6) == b"second"


def test_a_folder_is_no_file(fs: RunFileSystem, run: str) -> None:
    fs.pipe(f"{run}/a/b", b"1")

    with pytest.raises(IsADirectoryError):
        fs.cat_file(f"{run}/a")
    with pytest.raises(IsADirectoryError):
        fs.open(run)
    with pytest.raises(FileNotFoundError):
        fs.open(f"{run}/none")


# --- writing ----------------------------------------------------------------------------------------------------------


def test_what_was_written_is_there_once_the_file_is_closed(server: ServerProcess, fs: RunFileSystem, run: str) -> None:
    content = os.urandom(20 << 20)  # more than is kept in memory
    with fs.open(f"{run}/deep/er/large", "wb") as file:
        for start in range(0, len(content), 1 << 20):
            file.write(content[start : start + (1 << 20)])

    assert RunFileSystem(**options(server)).cat(f"{run}/deep/er/large") == content


def test_a_file_whose_writing_breaks_off_never_appears(fs: RunFileSystem, run: str) -> None:
    fs.pipe(f"{run}/a", b"before")

    def write_half() -> None:
        with fs.open(f"{run}/a", "wb") as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()

    assert fs.cat(f"{run}/a") == b"before"


def test_an_empty_file_and_a_touched_one(fs: RunFileSystem, run: str) -> None:
    fs.touch(f"{run}/empty")
    fs.pipe(f"{run}/full", b"1")
    fs.touch(f"{run}/full", truncate=False)

    assert fs.info(f"{run}/empty")["size"] == 0
    assert fs.cat(f"{run}/empty") == b""
    assert fs.cat(f"{run}/full") == b"1"
    fs.touch(f"{run}/full")
    assert fs.cat(f"{run}/full") == b""


def test_appending_goes_on_at_the_end(server: ServerProcess, fs: RunFileSystem, run: str) -> None:
    with fs.open(f"{run}/log", "ab") as file:
        file.write(b"one ")
    with fs.open(f"{run}/log", "ab") as file:
        file.write(b"two")

    assert fs.cat(f"{run}/log") == b"one two"
    in_small_blocks = RunFileSystem(**options(server), block_size=3)
    with in_small_blocks.open(f"{run}/log", "ab") as file:
        file.write(b" three")
    assert in_small_blocks.cat(f"{run}/log") == b"one two three"


def test_a_new_file_must_be_new(server: ServerProcess, fs: RunFileSystem, run: str) -> None:
    late = fs.open(f"{run}/a", "xb")
    RunFileSystem(**options(server)).pipe(f"{run}/a", b"first")
    late.write(b"second")

    with pytest.raises(FileExistsError):
        late.close()
    with pytest.raises(FileExistsError):
        fs.open(f"{run}/a", "xb")
    assert fs.cat(f"{run}/a") == b"first"


def test_only_files_inside_runs_are_written(fs: RunFileSystem, run: str) -> None:
    for path in ("admin/files/file", "admin/file"):
        with pytest.raises(PermissionError):
            fs.pipe(path, b"")
    with pytest.raises(FileNotFoundError):
        fs.pipe("admin/files/no-such-run/a", b"")
    with pytest.raises(PermissionError):
        fs.mkdir("admin/new-project")


def test_any_local_path_goes_to_any_name_and_stays(fs: RunFileSystem, run: str, tmp_path: Path) -> None:
    source = tmp_path / "no extension"
    source.write_bytes(b"content")

    fs.put_file(str(source), f"{run}/other.yaml")
    fs.get_file(f"{run}/other.yaml", str(tmp_path / "back" / "none"))

    assert source.read_bytes() == b"content"
    assert (tmp_path / "back" / "none").read_bytes() == b"content"


def test_progress_is_told(fs: RunFileSystem, run: str, tmp_path: Path) -> None:
    from fsspec.callbacks import Callback  # type: ignore[import-untyped] # it has no types

    (tmp_path / "a").write_bytes(b"x" * 5000)
    up, down = Callback(), Callback()

    fs.put_file(str(tmp_path / "a"), f"{run}/a", callback=up)
    fs.get_file(f"{run}/a", str(tmp_path / "b"), callback=down)

    assert (up.size, up.value) == (5000, 5000)
    assert (down.size, down.value) == (5000, 5000)


# --- copies, moves, removal -------------------------------------------------------------------------------------------


def test_copies_and_moves_happen_at_the_server(fs: RunFileSystem, server: ServerProcess, run: str) -> None:
    other = make_run(server, f"admin/files/run-{next(_numbers)}")
    fs.pipe({f"{run}/a/1": b"one", f"{run}/a/2": b"two"})

    fs.cp(f"{run}/a/", f"{run}/b/", recursive=True)
    fs.mv(f"{run}/a/", f"{other}/c/", recursive=True)
    fs.mv(f"{run}/b/1", f"{run}/b/3")

    assert fs.find(run) == [f"{run}/b/2", f"{run}/b/3"]
    assert fs.cat(f"{other}/c/1") == b"one"
    assert fs.cat(f"{run}/b/3") == b"one"
    with pytest.raises(FileNotFoundError):
        fs.cp(f"{run}/none", f"{run}/x")
    with pytest.raises(FileNotFoundError):
        fs.mv(f"{run}/none", f"{run}/x")


def test_another_server_copies_by_way_of_this_machine(
    fs: RunFileSystem, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs.session.run_files._features = frozenset()
    fs.pipe(f"{run}/a/1", b"one")

    fs.cp(f"{run}/a/1", f"{run}/b")
    fs.mv(f"{run}/a/1", f"{run}/c/1")
    with fs.transaction:
        fs.pipe(f"{run}/d", b"four")

    assert fs.find(run) == [f"{run}/b", f"{run}/c/1", f"{run}/d"]


def test_removal_of_one_of_many_and_of_none(fs: RunFileSystem, run: str) -> None:
    fs.pipe({f"{run}/a/1": b"", f"{run}/a/2": b"", f"{run}/b": b"1"})

    with pytest.raises(FileNotFoundError):
        fs.rm(f"{run}/none")
    with pytest.raises(IsADirectoryError):
        fs.rm(f"{run}/a")
    with pytest.raises(OSError, match="not empty"):
        fs.rmdir(f"{run}/a")
    fs.rm_file(f"{run}/a/1")
    fs.rm(f"{run}/a", recursive=True)
    assert fs.find(run) == [f"{run}/b"]
    fs.rm(run, recursive=True)
    assert fs.exists(run)
    assert fs.ls(run) == []
    for path in ("admin", "admin/files"):
        with pytest.raises(PermissionError):
            fs.rm(path, recursive=True)


def test_a_run_is_deleted_only_if_that_was_allowed(server: ServerProcess, run: str) -> None:
    fs = RunFileSystem(**options(server, may_delete_runs=True))
    fs.pipe(f"{run}/a", b"1")

    fs.rm(run, recursive=True)

    assert not fs.exists(run)


def test_folders_follow_from_files(fs: RunFileSystem, run: str) -> None:
    fs.makedirs(f"{run}/a/b", exist_ok=True)
    fs.mkdir(f"{run}/c")
    fs.pipe(f"{run}/d/e", b"")

    assert not fs.exists(f"{run}/a")
    with pytest.raises(FileExistsError):
        fs.mkdir(f"{run}/d")
    fs.makedirs(f"{run}/d", exist_ok=True)
    with pytest.raises(NotADirectoryError):
        fs.makedirs(f"{run}/d/e", exist_ok=True)
    with pytest.raises(FileNotFoundError):
        fs.mkdir("admin/files/no-such-run/a")
    with pytest.raises(FileNotFoundError):
        fs.mkdir(f"{run}/x/y", create_parents=False)


# --- transactions -----------------------------------------------------------------------------------------------------


def test_files_of_a_transaction_appear_together(fs: RunFileSystem, run: str, tmp_path: Path) -> None:
    (tmp_path / "local").write_bytes(b"four")
    with fs.transaction:
        fs.pipe(f"{run}/a", b"one")
        with fs.open(f"{run}/b/c", "wb") as file:
            file.write(b"two")
        fs.put_file(str(tmp_path / "local"), f"{run}/d")
        fs.pipe(f"{run}/a", b"three")
        assert fs.find(run) == []

    assert fs.find(run) == [f"{run}/a", f"{run}/b/c", f"{run}/d"]
    assert fs.cat(f"{run}/a") == b"three"
    assert fs.cat(f"{run}/d") == b"four"


def test_a_transaction_that_fails_leaves_nothing(fs: RunFileSystem, run: str) -> None:
    def write_and_fail() -> None:
        with fs.transaction:
            fs.pipe(f"{run}/a", b"one")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()

    assert fs.find(run) == []
    fs.pipe(f"{run}/b", b"two")
    assert fs.find(run) == [f"{run}/b"]


def test_a_transaction_that_cannot_be_completed_leaves_nothing(fs: RunFileSystem, run: str) -> None:
    fs.pipe(f"{run}/b", b"before")

    fs.start_transaction()
    fs.pipe(f"{run}/a", b"one")
    fs.pipe_file(f"{run}/b", b"two", mode="create")
    with pytest.raises(FileExistsError):
        fs.end_transaction()

    assert fs.find(run) == [f"{run}/b"]
    assert fs.cat(f"{run}/b") == b"before"


# --- addresses, times, marks ------------------------------------------------------------------------------------------


def test_addresses_need_no_credential(fs: RunFileSystem, run: str) -> None:
    fs.pipe(f"{run}/a b#.txt", b"content")

    assert head(fs.url(f"{run}/a b#.txt")).content == b"content"
    assert head(fs.sign(f"{run}/a b#.txt", expiration=60)).content == b"content"
    with pytest.raises(FileNotFoundError):
        fs.url(f"{run}/none")


def test_times_are_of_utc(fs: RunFileSystem, run: str) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    fs.pipe(f"{run}/a", b"1")

    modified = fs.modified(f"{run}/a")

    assert modified is not None
    assert before <= modified <= datetime.now(UTC)
    assert fs.created(f"{run}/a") == modified


def test_marks_follow_the_content(fs: RunFileSystem, run: str) -> None:
    fs.pipe({f"{run}/a": b"1", f"{run}/b": b"1"})
    first, key = fs.checksum(f"{run}/a"), fs.ukey(f"{run}/a")

    assert fs.checksum(f"{run}/b") == first
    fs.pipe(f"{run}/a", b"2")
    assert fs.checksum(f"{run}/a") != first
    assert fs.ukey(f"{run}/a") != key


# --- credentials, processes, threads ----------------------------------------------------------------------------------


def test_what_leaves_the_process_has_no_key(server: ServerProcess, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fs = RunFileSystem(api_key=ADMIN_KEY, base_url=server.url)

    assert ADMIN_KEY.encode() not in pickle.dumps(fs)
    assert ADMIN_KEY not in fs.to_json()
    assert ADMIN_KEY not in repr(fs)
    assert ADMIN_KEY in fs.to_json(include_password=True)
    assert pickle.loads(pickle.dumps(fs)) is fs
    assert ADMIN_KEY not in "".join(os.environ.values())


def test_a_file_system_that_arrives_elsewhere_asks_with_the_key_there(
    server: ServerProcess, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs = RunFileSystem(api_key=ADMIN_KEY, base_url=server.url)
    fs.pipe(f"{run}/a", b"1")
    sent = pickle.dumps(fs)
    RunFileSystem.clear_instance_cache()
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    monkeypatch.setenv("WANDB_API_KEY", ADMIN_KEY)

    arrived = pickle.loads(sent)

    assert arrived is not fs
    assert arrived.cat(f"{run}/a") == b"1"


def test_without_a_key_it_says_what_to_do(
    server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    fs = RunFileSystem(base_url=server.url, skip_instance_cache=True)

    with pytest.raises(Unauthenticated, match="kymograph login"):
        fs.ls("admin")


def test_a_key_of_netrc_is_taken(server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1:{server.port}\n login user\n password {ADMIN_KEY}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    assert "admin/files" in RunFileSystem(base_url=server.url, skip_instance_cache=True).ls("admin", detail=False)


def test_two_keys_are_two_file_systems(server: ServerProcess, run: str) -> None:
    mine = RunFileSystem(api_key=ADMIN_KEY, base_url=server.url)
    other = RunFileSystem(api_key="f" * 40, base_url=server.url)

    assert mine is RunFileSystem(api_key=ADMIN_KEY, base_url=server.url)
    assert mine != other
    assert mine.ls(run) == []
    with pytest.raises(Unauthenticated):
        other.ls(run)


def test_paths_may_begin_below_a_project(server: ServerProcess, run: str) -> None:
    fs = RunFileSystem(**options(server, entity="admin", project="files"))
    name = run.rpartition("/")[2]

    fs.pipe(f"{name}/a/b", b"1")

    assert name in fs.ls("", detail=False)
    assert fs.find(name) == [f"{name}/a/b"]
    assert fs.cat(f"wandbfs://{name}/a/b") == b"1"


def test_many_threads_share_one(fs: RunFileSystem, run: str) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: fs.pipe(f"{run}/{n}", str(n).encode()), range(50)))
        got = list(pool.map(lambda n: fs.cat(f"{run}/{n}"), range(50)))

    assert got == [str(n).encode() for n in range(50)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_it_works_after_a_fork(fs: RunFileSystem, run: str) -> None:
    fs.pipe(f"{run}/a", b"1")
    child = os.fork()
    if child == 0:
        try:
            fs.pipe(f"{run}/child", fs.cat(f"{run}/a") + b"2")
            os._exit(0)
        finally:
            os._exit(1)

    _, status = os.waitpid(child, 0)

    assert status == 0
    assert fs.cat(f"{run}/child") == b"12"


async def test_code_that_awaits_uses_the_same_file_system(server: ServerProcess, run: str) -> None:
    fs = RunFileSystem(**options(server, asynchronous=True))

    await fs._pipe_file(f"{run}/a", b"content")
    file: Any
    async with await fs.open_async(f"{run}/b", "wb") as file:
        await file.write(b"more")
    async with await fs.open_async(f"{run}/a") as file:
        assert await file.read(3) == b"con"
        assert await file.read() == b"tent"

    assert await fs._cat_file(f"{run}/b") == b"more"
    assert [info["name"] for info in await fs._ls(run)] == [f"{run}/a", f"{run}/b"]
    assert await fs._exists(f"{run}/a")
    await fs._rm(f"{run}/a")
    assert not await fs._exists(f"{run}/a")
