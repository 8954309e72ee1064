"""What deletion leaves behind goes, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kymograph.core import exact_json
from kymograph.core.artifact import ArtifactVersion, Maker
from kymograph.core.history import LineBatch, RowQuery, Stream
from kymograph.core.run import Run, RunChange
from kymograph.errors import RunDeleted, StorageFull
from kymograph.services.artifact_lineage import RunAddressOfUse
from kymograph.services.compaction import CompactionPolicy
from kymograph.services.garbage import Collected, Collector
from kymograph.services.history import StreamUpdate
from kymograph.storage.base import Transaction
from kymograph.storage.history.base import Segment
from kymograph.testing.clock import ManualClock
from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment
from kymograph.types import Digest, FilePath, JsonObject, ObjectKey, RunKey
from kymograph.wire.ids import encode_id
from tests.unit.services.artifact_client import ArtifactClient, document_of, entries_of

NOTHING = Collected()


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[DeploymentUnderTest]:
    """Object stores stamp objects with real time, so the clock starts there."""
    with open_test_deployment(tmp_path, clock=ManualClock(datetime.now(UTC))) as opened:
        yield opened


@pytest.fixture(params=["memory://", "folder"])
def any_objects(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DeploymentUnderTest]:
    """The same with either embedded object store."""
    url = request.param if "://" in request.param else (tmp_path / "objects").as_uri()
    with open_test_deployment(tmp_path, clock=ManualClock(datetime.now(UTC)), objects=url) as opened:
        yield opened


def put_file(deployment: DeploymentUnderTest, run: Run, path: str, content: bytes) -> ObjectKey:
    """A file of a run, as an upload leaves it."""
    key = put_object(deployment, run.key, path.replace("/", "-"), content)
    deployment.database.write(
        lambda tx: tx.files.put(
            run.key,
            FilePath(path),
            size_bytes=len(content),
            md5=Digest("x"),
            mimetype="text/plain",
            object_key=key,
            now=deployment.clock(),
        )
    )
    return key


def put_object(deployment: DeploymentUnderTest, run: int, name: str, content: bytes) -> ObjectKey:
    key = ObjectKey(f"runs/{run}/{name}")
    deployment.objects.put_bytes(key, content)
    return key


def log_rows(deployment: DeploymentUnderTest, run: Run, count: int = 3) -> None:
    lines = [exact_json.dumps({"_step": step, "loss": step}) for step in range(count)]
    batch = LineBatch(Stream.HISTORY, 0, lines)
    deployment.services.history.record(deployment.admin, run.entity, run.project, run.id, StreamUpdate(batches=[batch]))


def steps(deployment: DeploymentUnderTest, run: Run) -> list[int]:
    return [row.step for row in deployment.services.history.rows(run, RowQuery()).rows]


def object_keys(deployment: DeploymentUnderTest) -> set[str]:
    return {info.key for info in deployment.objects.list_keys("runs/")}


def row_counts(deployment: DeploymentUnderTest, run: RunKey) -> tuple[int, int]:
    """Lines of history and files."""
    return deployment.database.read(
        lambda tx: (tx.tail.line_count(run, Stream.HISTORY), len(tx.garbage.file_objects([run])))
    )


def test_deleted_run_goes_with_streams_and_objects_after_the_grace_period(any_objects: DeploymentUnderTest) -> None:
    deployment = any_objects
    run, other = deployment.run("admin/p/gone"), deployment.run("admin/p/stays")
    for one in (run, other):
        log_rows(deployment, one)
        put_file(deployment, one, "a.txt", b"12345")
        put_file(deployment, one, "b/c.txt", b"678")
    deployment.services.runs.delete(deployment.admin, run.key)

    deployment.clock.advance(minutes=59)
    assert deployment.services.garbage.collect_runs() == NOTHING
    assert row_counts(deployment, run.key) == (3, 2)
    deployment.clock.advance(minutes=2)
    collected = deployment.services.garbage.collect_runs()

    assert collected == Collected(runs=1, objects=2, size_bytes=8)
    assert row_counts(deployment, run.key) == (0, 0)
    assert row_counts(deployment, other.key) == (3, 2)
    assert object_keys(deployment) == {f"runs/{other.key}/a.txt", f"runs/{other.key}/b-c.txt"}
    assert deployment.services.garbage.collect_runs() == NOTHING


def test_id_of_a_collected_run_stays_refused(deployment: DeploymentUnderTest) -> None:
    run = deployment.run("admin/p/gone", RunChange(config_json='{"secret":{"value":1}}', tags=("t",)))
    deployment.services.runs.delete(deployment.admin, run.key)
    deployment.clock.advance(hours=2)

    deployment.services.garbage.collect_runs()

    with pytest.raises(RunDeleted):
        deployment.run("admin/p/gone")


def test_dry_run_counts_and_changes_nothing(deployment: DeploymentUnderTest) -> None:
    run = deployment.run()
    log_rows(deployment, run)
    put_file(deployment, run, "a.txt", b"12345")
    put_object(deployment, run.key, "stray", b"123")
    deployment.services.runs.delete(deployment.admin, run.key)
    deployment.clock.advance(hours=2)
    garbage = deployment.services.garbage

    runs, strays = garbage.collect_runs(dry_run=True), garbage.collect_strays(dry_run=True)

    assert runs == Collected(runs=1, objects=2, size_bytes=8)
    assert strays == Collected(objects=1, size_bytes=3)
    assert row_counts(deployment, run.key) == (3, 1)
    assert len(object_keys(deployment)) == 2


def test_runs_of_a_deleted_project_go_a_grace_period_after_they_were_noticed(deployment: DeploymentUnderTest) -> None:
    run = deployment.run("admin/doomed/r")
    put_file(deployment, run, "a.txt", b"12345")
    deployment.clock.advance(days=3)
    deployment.services.projects.delete(deployment.admin, "admin", "doomed")
    garbage = deployment.services.garbage

    assert garbage.collect_runs() == NOTHING
    deployment.clock.advance(hours=2)

    assert garbage.collect_runs() == Collected(runs=1, objects=1, size_bytes=5)


def test_runs_of_a_deleted_user_go_too(deployment: DeploymentUnderTest) -> None:
    ada = deployment.user("ada")
    run = deployment.run("ada/p/r", by=ada)
    put_file(deployment, run, "a.txt", b"12345")
    deployment.services.accounts.delete_user(deployment.admin, "ada")

    deployment.services.garbage.collect_runs()
    deployment.clock.advance(hours=2)

    assert deployment.services.garbage.collect_runs().runs == 1
    assert object_keys(deployment) == set()


def test_deleted_project_whose_name_is_used_again_leaves_the_new_one_alone(deployment: DeploymentUnderTest) -> None:
    old = deployment.run("admin/p/r")
    deployment.services.projects.delete(deployment.admin, "admin", "p")
    new = deployment.run("admin/p/r")
    for run in (old, new):
        put_file(deployment, run, "a.txt", b"12345")
    log_rows(deployment, new)

    deployment.services.garbage.collect_runs()
    deployment.clock.advance(hours=2)
    collected = deployment.services.garbage.collect_runs() + deployment.services.garbage.collect_strays()

    assert collected.runs == 1
    assert object_keys(deployment) == {f"runs/{new.key}/a.txt"}
    assert steps(deployment, new) == [0, 1, 2]


def fork(parent: str, step: int) -> RunChange:
    """The config of a run that was forked."""
    point: JsonObject = {"run_id": parent, "step": step}
    return RunChange(config_json=exact_json.dumps({"_wandb": {"value": {"branch_point": point}}}))


def test_fork_keeps_what_it_inherited_from_a_deleted_parent(deployment: DeploymentUnderTest) -> None:
    parent = deployment.run("admin/p/parent")
    log_rows(deployment, parent)
    middle = deployment.run("admin/p/middle", fork("parent", 1))
    leaf = deployment.run("admin/p/leaf", fork("middle", 1))
    for run in (parent, middle):
        deployment.services.runs.delete(deployment.admin, run.key)
    deployment.clock.advance(hours=2)

    assert steps(deployment, leaf) == [0, 1]
    assert deployment.services.garbage.collect_runs() == NOTHING
    assert steps(deployment, leaf) == [0, 1]

    deployment.services.runs.delete(deployment.admin, leaf.key)
    deployment.clock.advance(hours=2)
    assert deployment.services.garbage.collect_runs().runs == 3


def test_runs_that_call_each_other_parent_are_collected(deployment: DeploymentUnderTest) -> None:
    for name, parent in (("a", "b"), ("b", "a"), ("self", "self")):
        run = deployment.run(f"admin/p/{name}", fork(parent, 0))
        deployment.services.runs.delete(deployment.admin, run.key)
    deployment.clock.advance(hours=2)

    assert deployment.services.garbage.collect_runs().runs == 3


def test_many_chunks_are_dropped_in_portions(deployment: DeploymentUnderTest) -> None:
    run = deployment.run()
    text = exact_json.dumps({"_step": 1, "noise": "x" * 40_000})
    for number in range(30):
        batch = LineBatch(Stream.HISTORY, number, [text])
        deployment.database.write(lambda tx, batch=batch: tx.tail.append(run.key, [batch]))  # type: ignore[misc]

    portions = 1
    while deployment.database.write(lambda tx: tx.garbage.purge_lines(run.key, limit=7)):
        portions += 1

    assert portions >= 4
    assert row_counts(deployment, run.key) == (0, 0)


def test_stray_objects_go_after_the_grace_period_and_named_ones_stay(any_objects: DeploymentUnderTest) -> None:
    deployment = any_objects
    run = deployment.run()
    named = put_file(deployment, run, "kept.txt", b"12345")
    put_object(deployment, run.key, "stray", b"123")
    put_object(deployment, 4711, "of-no-run", b"1")
    foreign = put_object(deployment, run.key, "x", b"")
    deployment.objects.delete_keys([foreign])
    deployment.objects.put_bytes(ObjectKey("runs/readme"), b"not ours")
    deployment.objects.put_bytes(ObjectKey("blobs/1/abc"), b"of artifacts")
    deployment.objects.put_bytes(ObjectKey("blobs/readme"), b"not ours")

    assert deployment.services.garbage.collect_strays() == NOTHING
    deployment.clock.advance(hours=2)
    collected = deployment.services.garbage.collect_strays()

    assert collected == Collected(objects=3, size_bytes=16)
    assert object_keys(deployment) == {named, "runs/readme"}
    assert artifact_objects(deployment) == {"blobs/readme"}


# --- segments ---------------------------------------------------------------------------------------------------------


def compact(deployment: DeploymentUnderTest) -> int:
    """Segments of all that there is; returns how many were made."""
    compactor = deployment.services.compactor
    compactor._policy = CompactionPolicy(full_bytes=1, quiet_bytes=1, quiet_s=0.0, sweep_s=0.0)
    made = 0
    while found := compactor.work():
        made += found
    return made


def log_more(deployment: DeploymentUnderTest, run: Run, first: int, count: int = 3) -> None:
    lines = [exact_json.dumps({"_step": step, "loss": step}) for step in range(first, first + count)]
    update = StreamUpdate(batches=[LineBatch(Stream.HISTORY, first, lines)])
    deployment.services.history.record(deployment.admin, run.entity, run.project, run.id, update)


def segment_keys(deployment: DeploymentUnderTest) -> set[str]:
    return {info.key for info in deployment.objects.list_keys("segments/")}


def live_keys(deployment: DeploymentUnderTest, run: Run) -> set[str]:
    segments = deployment.database.read(lambda tx: tx.segments.list_live([run.key], Stream.HISTORY)).get(run.key, ())
    return {key for segment in segments for key in (segment.points_key, segment.lines_key)}


def test_segments_of_a_deleted_run_go_with_it(any_objects: DeploymentUnderTest) -> None:
    deployment = any_objects
    run, other = deployment.run("admin/p/gone"), deployment.run("admin/p/stays")
    for one in (run, other):
        log_rows(deployment, one)
    assert compact(deployment) == 2
    log_more(deployment, run, 3)
    deployment.services.runs.delete(deployment.admin, run.key)
    deployment.clock.advance(hours=2)

    foreseen = deployment.services.garbage.collect(dry_run=True)
    assert len(segment_keys(deployment)) == 4
    collected = deployment.services.garbage.collect()

    assert collected == foreseen
    assert (collected.runs, collected.objects) == (1, 2)
    assert segment_keys(deployment) == live_keys(deployment, other)
    assert deployment.database.read(lambda tx: tx.segments.list_of_run(run.key)) == []
    assert steps(deployment, other) == [0, 1, 2]
    assert deployment.services.garbage.collect() == NOTHING


def test_segments_that_a_fork_inherits_from_a_deleted_run_stay(deployment: DeploymentUnderTest) -> None:
    parent = deployment.run("admin/p/parent")
    log_rows(deployment, parent)
    compact(deployment)
    child = deployment.run("admin/p/child", fork("parent", 1))
    deployment.services.runs.delete(deployment.admin, parent.key)
    deployment.clock.advance(hours=2)

    assert deployment.services.garbage.collect() == NOTHING
    assert steps(deployment, child) == [0, 1]

    deployment.services.runs.delete(deployment.admin, child.key)
    deployment.clock.advance(hours=2)
    assert deployment.services.garbage.collect().runs == 2
    assert segment_keys(deployment) == set()


def test_segments_of_a_deleted_project_go(deployment: DeploymentUnderTest) -> None:
    run = deployment.run("admin/doomed/run")
    log_rows(deployment, run)
    compact(deployment)
    deployment.services.projects.delete(deployment.admin, "admin", "doomed")

    assert collect_everything(deployment).objects == 2
    assert segment_keys(deployment) == set()


def test_replaced_segments_go_after_the_grace_period(any_objects: DeploymentUnderTest) -> None:
    """Whoever began to read them before they were replaced still finds them."""
    deployment = any_objects
    run = deployment.run()
    log_rows(deployment, run)
    compact(deployment)
    log_more(deployment, run, 1)  # over lines of the segment: both become a new one
    compact(deployment)
    assert len(segment_keys(deployment)) == 4

    deployment.clock.advance(minutes=59)
    assert deployment.services.garbage.collect_segments() == NOTHING
    deployment.clock.advance(minutes=2)
    assert deployment.services.garbage.collect(dry_run=True).objects == 2
    collected = deployment.services.garbage.collect()

    assert (collected.runs, collected.objects) == (0, 2)
    assert segment_keys(deployment) == live_keys(deployment, run)
    assert steps(deployment, run) == [0, 1, 2, 3]
    assert deployment.services.garbage.collect() == NOTHING


def test_objects_of_a_compaction_that_broke_off_go_after_the_grace_period(any_objects: DeploymentUnderTest) -> None:
    deployment = any_objects
    run = deployment.run()
    log_rows(deployment, run)
    compact(deployment)
    named = segment_keys(deployment)
    for key in (f"segments/{run.key}/0a1b.parquet", f"segments/{run.key}/0a1b.jsonl.zst", "segments/4711/0a1b.parquet"):
        deployment.objects.put_bytes(ObjectKey(key), b"123")
    deployment.objects.put_bytes(ObjectKey("segments/readme"), b"not ours")

    assert deployment.services.garbage.collect_strays() == NOTHING
    deployment.clock.advance(hours=2)
    assert deployment.services.garbage.collect(dry_run=True) == Collected(objects=3, size_bytes=9)
    assert deployment.services.garbage.collect() == Collected(objects=3, size_bytes=9)

    assert segment_keys(deployment) == {*named, "segments/readme"}
    assert steps(deployment, run) == [0, 1, 2]


def test_files_that_a_killed_server_was_writing_go_after_the_grace_period(tmp_path: Path) -> None:
    objects = tmp_path / "objects"
    with open_test_deployment(tmp_path, clock=ManualClock(datetime.now(UTC)), objects=objects.as_uri()) as deployment:
        half = objects / "runs" / "1" / "model.bin#12"
        half.parent.mkdir(parents=True)
        half.write_bytes(b"half")

        assert deployment.services.garbage.collect_strays() == NOTHING
        deployment.clock.advance(hours=2)
        assert deployment.services.garbage.collect_strays(dry_run=True) == Collected(objects=1, size_bytes=4)
        assert half.exists()
        assert deployment.services.garbage.collect_strays() == Collected(objects=1, size_bytes=4)
        assert not half.exists()


def test_database_has_to_take_a_write_before_stray_objects_go(
    deployment: DeploymentUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that failed may come back after a crash, with rows that name them, until it is written over."""
    stray = put_object(deployment, deployment.run().key, "stray", b"123")
    deployment.clock.advance(hours=2)

    def refuse(_job: object) -> None:
        raise StorageFull("the database")

    with monkeypatch.context() as patch:
        patch.setattr(deployment.database, "write", refuse)
        with pytest.raises(StorageFull):
            deployment.services.garbage.collect_strays()
        assert object_keys(deployment) == {stray}
        assert deployment.services.garbage.collect_strays(dry_run=True).objects == 1

    changes = 0
    write = deployment.database.write

    def count_changes(job: Callable[[Transaction], object]) -> object:
        nonlocal changes
        changes += stray in object_keys(deployment)
        return write(job)

    monkeypatch.setattr(deployment.database, "write", count_changes)
    deployment.services.garbage.collect_strays()
    assert object_keys(deployment) == set()
    assert changes == 2


def test_dry_run_counts_nothing_twice(deployment: DeploymentUnderTest) -> None:
    """A deleted run with a replaced segment, and a stray object: each belongs to two kinds of garbage."""
    run = deployment.run()
    log_rows(deployment, run)
    compact(deployment)
    log_more(deployment, run, 1)
    compact(deployment)
    put_object(deployment, run.key, "stray", b"123")
    deployment.services.runs.delete(deployment.admin, run.key)
    deployment.clock.advance(hours=2)

    foreseen = deployment.services.garbage.collect(dry_run=True)

    assert foreseen.objects == 5
    assert deployment.services.garbage.collect() == foreseen


def test_whoever_has_a_collected_segment_open_is_told(deployment: DeploymentUnderTest) -> None:
    """The space of a removed file is free only once nobody has it open."""
    told: list[str] = []
    collector = Collector(
        deployment.database,
        deployment.objects,
        deployment.clock,
        lambda _: None,
        deployment.services.artifact_space.collector,
        let_go=lambda segments: told.extend(segment.object for segment in segments),
    )
    run = deployment.run()
    log_rows(deployment, run)
    compact(deployment)
    log_more(deployment, run, 1)
    compact(deployment)
    first, second = (segment.object for segment in all_segments(deployment, run))
    deployment.clock.advance(hours=2)

    collector.collect()
    assert told == [first]

    deployment.services.runs.delete(deployment.admin, run.key)
    deployment.clock.advance(hours=2)
    collector.collect()
    assert told == [first, second]


def all_segments(deployment: DeploymentUnderTest, run: Run) -> list[Segment]:
    return deployment.database.read(lambda tx: tx.segments.list_of_run(run.key))


def test_claims_of_killed_compactors_go(deployment: DeploymentUnderTest) -> None:
    run = deployment.run()
    expires_at = deployment.clock() + timedelta(minutes=5)
    deployment.database.write(
        lambda tx: tx.segments.claim(
            run.key, Stream.HISTORY, worker="killed", now=deployment.clock(), expires_at=expires_at
        )
    )
    deployment.clock.advance(hours=2)

    deployment.services.garbage.collect()

    assert deployment.database.write(lambda tx: tx.segments.drop_claims()) == 0


def test_compactor_that_was_late_cannot_bring_a_purged_run_back(deployment: DeploymentUnderTest) -> None:
    run = deployment.run()
    log_rows(deployment, run)
    built = deployment.services.compactor._factory.compact(run.key, Stream.HISTORY, take_open=True)
    assert built is not None
    deployment.services.runs.delete(deployment.admin, run.key)
    deployment.clock.advance(hours=2)
    deployment.services.garbage.collect_runs()

    assert not deployment.database.write(lambda tx: tx.segments.replace(built, deployment.clock()))
    assert deployment.database.read(lambda tx: tx.segments.list_of_run(run.key)) == []
    deployment.services.garbage.collect()
    assert segment_keys(deployment) == set()


def test_stopped_collector_does_nothing_more(deployment: DeploymentUnderTest) -> None:
    run = deployment.run()
    put_object(deployment, run.key, "stray", b"123")
    deployment.services.runs.delete(deployment.admin, run.key)
    deployment.clock.advance(hours=2)

    deployment.services.garbage.stop()

    assert deployment.services.garbage.collect_runs() == NOTHING
    assert deployment.services.garbage.collect_strays() == NOTHING
    assert len(object_keys(deployment)) == 1


def test_pass_that_broke_off_is_finished_by_the_next(deployment: DeploymentUnderTest) -> None:
    """Objects went, rows did not: the tombstone still says that there is work."""
    run = deployment.run()
    log_rows(deployment, run)
    key = put_file(deployment, run, "a.txt", b"12345")
    deployment.services.runs.delete(deployment.admin, run.key)
    deployment.clock.advance(hours=2)
    deployment.objects.delete_keys([key])
    deployment.database.write(lambda tx: tx.garbage.purge_lines(run.key))

    assert deployment.services.garbage.collect_runs() == Collected(runs=1)
    assert row_counts(deployment, run.key) == (0, 0)


# --- artifacts of deleted projects ------------------------------------------------------------------------------------


def artifact_objects(deployment: DeploymentUnderTest) -> set[str]:
    return {info.key for prefix in ("blobs/", "manifests/") for info in deployment.objects.list_keys(prefix)}


def collect_everything(deployment: DeploymentUnderTest) -> Collected:
    """As the chores do it, with enough time between."""
    garbage = deployment.services.garbage
    total = garbage.collect_runs()
    deployment.clock.advance(hours=2)
    return total + garbage.collect_runs() + garbage.collect_artifacts() + garbage.collect_strays()


def log_artifact(deployment: DeploymentUnderTest, project: str, content: bytes = b"12345") -> ArtifactVersion:
    deployment.run(f"admin/{project}/run")
    return ArtifactClient(deployment).log({"data.bin": content}, project=project)


def test_artifacts_of_a_deleted_project_go_after_the_grace_period(deployment: DeploymentUnderTest) -> None:
    log_artifact(deployment, "doomed")
    log_artifact(deployment, "doomed", b"another version")
    kept = log_artifact(deployment, "stays")
    deployment.services.projects.delete(deployment.admin, "admin", "doomed")
    assert deployment.services.garbage.collect_artifacts() == NOTHING

    collected = collect_everything(deployment)

    assert (collected.runs, collected.objects) == (1, 4)  # two files, two manifests
    assert ArtifactClient(deployment).content(kept) == {"data.bin": b"12345"}
    assert len(artifact_objects(deployment)) == 2
    assert collect_everything(deployment) == NOTHING


def test_dry_run_over_a_deleted_project_changes_nothing(deployment: DeploymentUnderTest) -> None:
    log_artifact(deployment, "doomed")
    deployment.services.projects.delete(deployment.admin, "admin", "doomed")
    garbage = deployment.services.garbage
    garbage.collect_runs()
    deployment.clock.advance(hours=2)
    garbage.collect_runs()

    assert garbage.collect_artifacts(dry_run=True).objects == 2
    assert garbage.collect_artifacts(dry_run=True).objects == 2
    assert garbage.collect_artifacts().objects == 2


def test_artifacts_that_a_run_of_another_project_has_used_stay(deployment: DeploymentUnderTest) -> None:
    version = log_artifact(deployment, "doomed")
    user = deployment.run("admin/other/user")
    use = RunAddressOfUse("admin", "other", "user")
    deployment.services.artifact_lineage.use(deployment.admin, version.id, use)
    before = artifact_objects(deployment)
    deployment.services.projects.delete(deployment.admin, "admin", "doomed")

    assert collect_everything(deployment).objects == 0
    assert artifact_objects(deployment) == before

    deployment.services.runs.delete(deployment.admin, user.key)
    assert collect_everything(deployment).objects == 2
    assert artifact_objects(deployment) == set()


def test_artifacts_that_another_projects_collection_links_to_stay(deployment: DeploymentUnderTest) -> None:
    version = log_artifact(deployment, "doomed")
    other = log_artifact(deployment, "other")
    deployment.database.write(lambda tx: link(tx, other, version))
    deployment.services.projects.delete(deployment.admin, "admin", "doomed")

    assert collect_everything(deployment).objects == 0
    deployment.services.projects.delete(deployment.admin, "admin", "other")
    first = collect_everything(deployment)  # deletes what no link protects any more
    assert (first + collect_everything(deployment)).objects == 4


def link(tx: Transaction, place: ArtifactVersion, target: ArtifactVersion) -> None:
    """A version's place in the collection of another."""
    tx.memberships.add(place.collection.id, target.id, Maker(), target.created_at)


def test_bytes_that_an_artifact_of_another_project_names_stay(deployment: DeploymentUnderTest) -> None:
    version = log_artifact(deployment, "doomed", b"shared")
    deployment.run("admin/other/run")
    client = ArtifactClient(deployment)
    entries = entries_of({"data.bin": b"shared"})
    for entry in entries.values():
        entry["birthArtifactID"] = encode_id("Artifact", version.id)
    draft = client.create(entries, project="other")
    client.announce(draft.id, document_of(entries))
    other = client.commit(draft.id)
    deployment.services.projects.delete(deployment.admin, "admin", "doomed")

    collect_everything(deployment)

    assert client.content(other) == {"data.bin": b"shared"}
    deployment.services.projects.delete(deployment.admin, "admin", "other")
    collect_everything(deployment)
    assert artifact_objects(deployment) == set()
