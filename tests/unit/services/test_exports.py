"""Files for the protocol's client: offered if they say the same as the pages, and true for as long as it keeps them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from kymograph.core.export import FILE_LIFETIME
from kymograph.core.history import LineBatch, Stream
from kymograph.core.run import Run
from kymograph.errors import Forbidden, RunNotFound
from kymograph.services.exports import ExportService, ParquetFile
from kymograph.services.history import StreamUpdate
from kymograph.storage.history.export.tables import TableWriter
from kymograph.storage.history.query import StoredHistory
from kymograph.testing.clock import ManualClock
from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment
from kymograph.types import JsonObject
from tests.unit.storage.history.compacting import Compactions


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[DeploymentUnderTest]:
    """Object stores stamp objects with real time, so the clock starts there."""
    clock = ManualClock(datetime.now(UTC))
    with open_test_deployment(tmp_path, clock=clock, objects=(tmp_path / "objects").as_uri()) as opened:
        yield opened


@pytest.fixture
def exports(deployment: DeploymentUnderTest) -> ExportService:
    return deployment.services.exports


@pytest.fixture
def compactions(deployment: DeploymentUnderTest, tmp_path: Path) -> Compactions:
    return Compactions(deployment.database, tmp_path)


def log(deployment: DeploymentUnderTest, run: Run, *rows: JsonObject, first: int = 0, ends: bool = True) -> Run:
    """Rows of a run, which ends with them."""
    batch = LineBatch(Stream.HISTORY, first, [json.dumps(row) for row in rows])
    update = StreamUpdate([batch], is_complete=ends, exit_code=0 if ends else None)
    return deployment.services.history.record(deployment.admin, run.entity, run.project, run.id, update)


def steps(first: int, end: int, **more: Any) -> list[JsonObject]:
    return [{"_step": step, "loss": step * 0.5, **more} for step in range(first, end)]


def read(exports: ExportService, file: ParquetFile, folder: Path) -> list[Any]:
    async def everything() -> bytes:
        return b"".join([piece async for piece in exports.read(file)])

    data = asyncio.run(everything())
    assert len(data) == file.size_bytes
    path = folder / "downloaded.parquet"
    path.write_bytes(data)
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT * FROM '{path}'").fetchall()


def test_an_ended_run_is_offered_as_a_file(
    deployment: DeploymentUnderTest, exports: ExportService, tmp_path: Path
) -> None:
    run = log(deployment, deployment.run(), *steps(0, 3))

    (file,) = exports.parquet_files(run)
    assert read(exports, file, tmp_path) == [(0, 0.0), (1, 0.5), (2, 1.0)]
    assert exports.parquet_files(run) == [file]


def test_a_run_that_goes_on_is_not(deployment: DeploymentUnderTest, exports: ExportService) -> None:
    run = log(deployment, deployment.run(), *steps(0, 3), ends=False)

    assert exports.parquet_files(run) == []
    deployment.clock.advance(minutes=10)  # silent for so long that it counts as crashed
    assert len(exports.parquet_files(run)) == 1


def test_compaction_changes_nothing(
    deployment: DeploymentUnderTest, exports: ExportService, compactions: Compactions
) -> None:
    run = log(deployment, deployment.run(), *steps(0, 3))
    files = exports.parquet_files(run)
    compactions.settle([run.key])

    assert exports.parquet_files(run) == files


def test_what_a_resumed_run_adds_goes_into_another_file(
    deployment: DeploymentUnderTest, exports: ExportService, compactions: Compactions, tmp_path: Path
) -> None:
    run = log(deployment, deployment.run(), *steps(0, 3))
    (first,) = exports.parquet_files(run)
    run = log(deployment, run, *steps(3, 5), first=3)
    compactions.settle([run.key])

    files = exports.parquet_files(run)
    assert files[0] == first
    assert [read(exports, file, tmp_path) for file in files[1:]] == [[(3, 1.5), (4, 2.0)]]


def test_once_rows_of_a_file_change_there_are_no_files_any_more(
    deployment: DeploymentUnderTest, exports: ExportService
) -> None:
    run = log(deployment, deployment.run(), *steps(0, 3))
    assert len(exports.parquet_files(run)) == 1
    run = log(deployment, run, {"_step": 1, "loss": -1.0}, first=3)
    assert exports.parquet_files(run) == []
    run = log(deployment, run, {"_step": 1, "loss": 0.5}, first=4)

    assert exports.parquet_files(run) == [], "somebody may keep the file of before"


def test_a_rewound_run_has_no_files_any_more(deployment: DeploymentUnderTest, exports: ExportService) -> None:
    run = log(deployment, deployment.run(), *steps(0, 5))
    assert len(exports.parquet_files(run)) == 1
    run = deployment.services.history.rewind(deployment.admin, run, after_step=2)

    assert exports.parquet_files(run) == []


@pytest.mark.parametrize(
    "row",
    [
        {"_step": 3, "loss": 1.0, "other": 1.0},
        {"_step": 3},
        {"_step": 3, "loss": "text"},
        {"_step": 3, "loss": True},
        {"_step": 3, "loss": 2_000_000},
        {"_step": 3, "loss": [1]},
        {"_step": 3, "loss": {"a": 1}},
        {"_step": 2.5, "loss": 1.0},
    ],
)
def test_a_history_that_would_be_read_differently_has_no_files(
    deployment: DeploymentUnderTest, exports: ExportService, row: JsonObject
) -> None:
    run = log(deployment, deployment.run(), *steps(0, 3), row)

    assert exports.parquet_files(run) == []


def service(deployment: DeploymentUnderTest, reader: StoredHistory, folder: Path, **settings: Any) -> ExportService:
    return ExportService(
        deployment.database,
        reader,
        deployment.services.history,
        deployment.objects,
        TableWriter(folder),
        deployment.services.exports._signer,  # the server's own
        deployment.clock,
        public_url="https://kymograph.test",
        scratch=folder / "scratch",
        **settings,
    )


def test_a_server_may_offer_all_histories(
    deployment: DeploymentUnderTest, exports: ExportService, compactions: Compactions, tmp_path: Path
) -> None:
    run = log(deployment, deployment.run(), *steps(0, 2), {"_step": 2, "val": {"acc": 0.5}})
    assert exports.parquet_files(run) == []
    reader = StoredHistory(deployment.database, compactions.files, cache_bytes=1_000_000)
    generous = service(deployment, reader, tmp_path, offers_all=True)

    (file,) = generous.parquet_files(run)
    assert read(generous, file, tmp_path) == [(0, 0.0, None), (1, 0.5, None), (2, None, 0.5)]


class SlowHistory(StoredHistory):
    """Takes its time."""

    gate: threading.Event

    def export(self, *arguments: Any) -> Any:
        """Docstring inherited."""
        assert self.gate.wait(20)
        return super().export(*arguments)


def test_nobody_waits_long_for_a_file(
    deployment: DeploymentUnderTest, compactions: Compactions, tmp_path: Path
) -> None:
    reader = SlowHistory(deployment.database, compactions.files, cache_bytes=1_000_000)
    reader.gate = threading.Event()
    slow = service(deployment, reader, tmp_path, wait_s=0.05)
    run = log(deployment, deployment.run(), *steps(0, 3))

    assert slow.parquet_files(run) == []
    reader.gate.set()
    patient = service(deployment, reader, tmp_path, wait_s=20)
    assert len(patient.parquet_files(run)) == 1


def test_files_that_were_removed_are_made_again(
    deployment: DeploymentUnderTest, exports: ExportService, tmp_path: Path
) -> None:
    run = log(deployment, deployment.run(), *steps(0, 3))
    (old,) = exports.parquet_files(run)
    now = deployment.clock()
    deployment.clock.now = now + FILE_LIFETIME + timedelta(hours=1)
    assert deployment.services.garbage.collect_strays().objects == 2  # the file, and what was noted of the state
    deployment.clock.now = now

    (new,) = exports.parquet_files(run)
    assert new.object != old.object
    assert len(read(exports, new, tmp_path)) == 3


def test_a_deleted_run_leaves_no_files(deployment: DeploymentUnderTest, exports: ExportService) -> None:
    run = log(deployment, deployment.run(), *steps(0, 3))
    exports.parquet_files(run)
    deployment.services.runs.delete(deployment.admin, run.key)
    deployment.clock.advance(hours=2)
    deployment.services.garbage.collect_runs()

    assert deployment.objects.list_keys("exports/") == []


def test_an_address_is_good_for_its_file_and_for_a_while(
    deployment: DeploymentUnderTest, exports: ExportService
) -> None:
    run = log(deployment, deployment.run(), *steps(0, 3))
    (file,) = exports.parquet_files(run)
    token = exports.download_url(run, file, 0).split("/")[-2]

    assert exports.resolve_download(token) == file
    with pytest.raises(Forbidden):
        exports.resolve_download(f"{token}x")
    with pytest.raises(Forbidden):
        deployment.services.files.resolve_download(token)
    deployment.clock.advance(hours=25)
    with pytest.raises(Forbidden):
        exports.resolve_download(token)


def test_an_address_ends_with_its_run(deployment: DeploymentUnderTest, exports: ExportService) -> None:
    run = log(deployment, deployment.run(), *steps(0, 3))
    (file,) = exports.parquet_files(run)
    token = exports.download_url(run, file, 0).split("/")[-2]
    deployment.services.runs.delete(deployment.admin, run.key)

    with pytest.raises(RunNotFound):
        exports.resolve_download(token)


def test_an_address_of_another_kind_is_refused(deployment: DeploymentUnderTest, exports: ExportService) -> None:
    signer, later = exports._signer, deployment.clock().timestamp() + 60
    claims: list[JsonObject] = [{"m": "PUT", "e": "x", "s": 1, "r": 1}, {"m": "GET", "f": 1, "k": "x"}, {"m": "GET"}]
    for claim in claims:
        with pytest.raises(Forbidden):
            exports.resolve_download(signer.sign(claim, expires_at_s=later))


def test_two_servers_agree_on_the_files(
    deployment: DeploymentUnderTest, compactions: Compactions, tmp_path: Path
) -> None:
    run = log(deployment, deployment.run(), *steps(0, 500))
    services = [
        service(deployment, StoredHistory(deployment.database, compactions.files, cache_bytes=1_000_000), tmp_path)
        for _ in range(2)
    ]
    found: list[list[ParquetFile]] = []

    def ask(one: ExportService) -> Callable[[], None]:
        return lambda: found.append(one.parquet_files(run))

    threads = [threading.Thread(target=ask(one)) for one in services]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [len(files) for files in found] == [1, 1]
    records = [info for info in deployment.objects.list_keys("exports/") if info.key.endswith(".record")]
    assert len(records) == 1
    assert {file.size_bytes for files in found for file in files} == {found[0][0].size_bytes}
