"""Uploads: in two phases, one folder for each content, and on where they stopped."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from kymograph.bucket.claims import CLAIMS_FOLDER, Claims, ClaimState, Owner
from kymograph.bucket.places import BLOB_ENTRY, Place
from kymograph.bucket.stores.base import MD5_KEY, Store
from kymograph.bucket.stores.registry import open_store
from kymograph.bucket.uploading import Upload, Uploaded, local_files
from kymograph.core.digest import md5_digest
from kymograph.errors import BlobExists, DigestMismatch, InvalidArtifact, Unreachable, UploadDisturbed
from kymograph.sdk.artifacts.checksum_memo import ChecksumMemo
from tests.unit.bucket.faulty import FaultyStore, Killed, T

OWNER = Owner("http://server", "me", "digits")
PLACE = Place("dataset", "words", "best")
CONTENTS = {"a.txt": b"one", "deep/b.txt": b"two", "deep/c": b""}


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "file":
        return open_store(f"file://{tmp_path}/bucket")
    return open_store(f"memory://bucket-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return written(tmp_path / "source", CONTENTS)


def written(folder: Path, contents: dict[str, bytes]) -> Path:
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def send(store: Store, source: Path, *, replaces: bool = False, owner: Owner = OWNER, now: float = 1000.0) -> Uploaded:
    files = local_files(source, ChecksumMemo(source.parent / "memo"))
    return Upload(store, owner, clock=lambda: now, is_shown=False).send(PLACE, files, replaces=replaces)


def commit(store: Store, uploaded: Uploaded, version: str = "me/digits/words:v0") -> None:
    Upload(store, OWNER, clock=lambda: 2000.0, is_shown=False).commit(uploaded, version)


def objects(store: Store) -> dict[str, bytes | None]:
    found = [one.path for one in store.iter_objects("", checksums=False)]
    return {path: store.get_bytes(path) for path in found if not path.startswith(CLAIMS_FOLDER)}


def test_files_lie_below_type_name_and_alias(store: Store, source: Path) -> None:
    uploaded = send(store, source)

    assert objects(store) == {f"dataset/words/best/{name}": content for name, content in CONTENTS.items()}
    assert uploaded.url == f"{store.url}/dataset/words/best"
    assert {entry.path: entry.size for entry in uploaded.entries} == {"a.txt": 3, "deep/b.txt": 3, "deep/c": 0}
    for entry in uploaded.entries:
        assert md5_digest(CONTENTS[entry.path]) in (entry.digest, entry.extra.get(MD5_KEY))
    single = uploaded.single_entry()
    assert (single.path, single.digest, single.ref) == (BLOB_ENTRY, uploaded.url, uploaded.url)


def test_an_alias_that_is_taken_is_refused(store: Store, source: Path) -> None:
    commit(store, send(store, source))

    with pytest.raises(BlobExists, match=r"Blob at .*dataset/words/best already exists, overwrite is not enabled\."):
        send(store, source)
    written(source, {"a.txt": b"other"})
    with pytest.raises(BlobExists):
        send(store, source)


def test_what_others_have_put_there_is_not_written_to(store: Store, source: Path) -> None:
    store.put_bytes("dataset/words/best/a.txt", b"of an older program")

    with pytest.raises(BlobExists):
        send(store, source)
    uploaded = send(store, source, replaces=True)

    assert store.get_bytes("dataset/words/best/a.txt") == b"of an older program"
    assert uploaded.claim.folder is not None
    assert uploaded.claim.folder.startswith("dataset/words/best.")


def test_overwriting_leaves_the_files_of_the_older_version(store: Store, source: Path) -> None:
    commit(store, send(store, source))
    before = objects(store)
    written(source, {"a.txt": b"other"})

    uploaded = send(store, source, replaces=True)

    after = objects(store)
    assert before.items() <= after.items()
    assert after[f"{uploaded.claim.folder}/a.txt"] == b"other"


def test_the_same_content_again_sends_nothing(tmp_path: Path, source: Path) -> None:
    store = FaultyStore(open_store(f"file://{tmp_path}/bucket"))
    commit(store, send(store, source))
    store.puts.clear()

    again = send(store, source, replaces=True)

    assert store.puts == []
    assert again.sent_files == 0


def test_projects_do_not_share_folders(store: Store, source: Path) -> None:
    """Otherwise one would delete what the other needs."""
    first = send(store, source)
    second = send(store, source, owner=Owner("http://server", "me", "letters"))

    assert first.claim.folder != second.claim.folder


def requests_of_an_upload(tmp_path: Path, source: Path) -> int:
    counted = FaultyStore(open_store(f"file://{tmp_path}/counted"))
    send(counted, source)
    return counted.requests


@pytest.mark.parametrize("is_obeyed", [False, True])
@pytest.mark.parametrize("kills", [False, True])
def test_an_upload_that_breaks_off_anywhere_goes_on(tmp_path: Path, source: Path, is_obeyed: bool, kills: bool) -> None:
    total = requests_of_an_upload(tmp_path, source)
    assert total > 8
    for at in range(1, total + 1):
        inner = open_store(f"file://{tmp_path}/bucket{at}")
        faulty = FaultyStore(inner, fails_at=at, is_obeyed=is_obeyed, kills=kills)
        with pytest.raises((Unreachable, Killed)):
            send(faulty, source)
        sent = list(objects(inner))

        again = FaultyStore(inner)
        uploaded = send(again, source)

        assert objects(inner) == {f"{uploaded.claim.folder}/{name}": content for name, content in CONTENTS.items()}
        assert len(again.puts) == len(CONTENTS) - len(sent), "what is there is not sent again"
        [claim] = Claims(inner).all()
        assert claim.state is ClaimState.UPLOADING


@pytest.mark.parametrize("at", range(1, 10))
def test_other_content_after_an_interruption_is_not_mixed_with_what_is_there(
    tmp_path: Path, source: Path, at: int
) -> None:
    inner = open_store(f"file://{tmp_path}/bucket")
    with pytest.raises(Killed):
        send(FaultyStore(inner, fails_at=at, kills=True), source)
    other = written(tmp_path / "other", {"a.txt": b"other", "new.txt": b"new"})

    uploaded = send(inner, other)

    found = {path: content for path, content in objects(inner).items() if path.startswith(f"{uploaded.claim.folder}/")}
    assert found == {f"{uploaded.claim.folder}/a.txt": b"other", f"{uploaded.claim.folder}/new.txt": b"new"}


class Interleaved(FaultyStore):
    """Has something else be done before one of the requests."""

    def __init__(self, inner: Store, at: int, meanwhile: Callable[[], None]) -> None:
        super().__init__(inner)
        self._at, self._meanwhile = at, meanwhile

    def _pass_on(self, request: Callable[[], T]) -> T:
        if self.requests + 1 == self._at:
            self._meanwhile()
        return super()._pass_on(request)


def _note(found: list[Uploaded], store: Store, source: Path) -> None:
    found.append(send(store, source))


def test_two_uploads_at_the_same_time_get_folders_of_their_own(tmp_path: Path, source: Path) -> None:
    """Whatever the order of their requests: each runs wholly at each point of the other."""
    other = written(tmp_path / "other", {"a.txt": b"other"})
    for at in range(1, requests_of_an_upload(tmp_path, source) + 1):
        inner = open_store(f"file://{tmp_path}/bucket{at}")

        found: list[Uploaded] = []
        meanwhile = partial(_note, found, inner, other)
        mine = send(Interleaved(inner, at, meanwhile), source)

        [theirs] = found
        assert mine.claim.folder != theirs.claim.folder
        assert inner.get_bytes(f"{mine.claim.folder}/a.txt") == b"one"
        assert inner.get_bytes(f"{theirs.claim.folder}/a.txt") == b"other"


def test_objects_that_vanish_meanwhile_are_noticed(tmp_path: Path, source: Path) -> None:
    inner = open_store(f"file://{tmp_path}/bucket")

    class Robbed(FaultyStore):
        def settle(self) -> None:
            self.inner.delete(["dataset/words/best/a.txt"])

    with pytest.raises(UploadDisturbed, match="1 objects that were just put below"):
        send(Robbed(inner), source)


def test_a_file_that_changes_while_it_is_sent_stops_the_upload(store: Store, source: Path) -> None:
    files = local_files(source, ChecksumMemo(source.parent / "memo"))
    (source / "a.txt").write_bytes(b"new")

    with pytest.raises(DigestMismatch):
        Upload(store, OWNER, is_shown=False).send(PLACE, files, replaces=False)


def test_half_an_object_is_sent_again_where_halves_can_be_left(source: Path) -> None:
    """A file system that is no object store may show a file while it is written."""
    store = open_store(f"memory://bucket-{uuid.uuid4().hex[:8]}")
    uploaded = send(store, source)
    store.put_bytes("dataset/words/best/a.txt", b"onX")

    send(store, source)

    assert uploaded.claim.folder == "dataset/words/best"
    assert store.get_bytes("dataset/words/best/a.txt") == b"one"


def test_an_upload_that_takes_long_says_that_it_goes_on(tmp_path: Path, source: Path) -> None:
    store = open_store(f"file://{tmp_path}/bucket")
    times = iter(range(0, 10_000_000, 400))
    files = local_files(source, ChecksumMemo(source.parent / "memo"))

    Upload(store, OWNER, clock=lambda: float(next(times)), is_shown=False).send(PLACE, files, replaces=False)

    [claim] = Claims(store).all()
    assert claim.touched_at_s > claim.begun_at_s


def test_what_is_withdrawn_leaves_nothing(store: Store, source: Path) -> None:
    uploaded = send(store, source)

    Upload(store, OWNER, is_shown=False).withdraw(uploaded)

    assert list(store.iter_objects("", checksums=False)) == []


def test_a_folder_without_files_is_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "empty/deep").mkdir(parents=True)

    with pytest.raises(InvalidArtifact, match="there is no file in"):
        send(store, tmp_path / "empty")
    with pytest.raises(InvalidArtifact, match="is no folder"):
        send(store, tmp_path / "nowhere")


def test_claims_that_cannot_be_read_are_none(store: Store, source: Path) -> None:
    uploaded = send(store, source)
    store.put_bytes(uploaded.claim.path.replace(".json", "0.json"), b"{half")
    store.put_bytes(uploaded.claim.path.replace(".json", "1.json"), json.dumps({"state": "?"}).encode())

    assert [claim.key for claim in Claims(store).all(PLACE)] == [uploaded.claim.key]
