"""Trainings that log artifacts, their senders, and the server, killed while files, manifests and commits are sent.

After each kill: a version that can be found is whole. After a sync, or another try: each version is there once, with
its contents. At the end the collector leaves what live versions need, and nothing else.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from kymograph.client.connection import Connection
from kymograph.client.runs import RunClient
from kymograph.errors import MembershipNotFound
from kymograph.sdk.artifacts.artifact import Artifact
from kymograph.sdk.artifacts.folder_contents import compare_folder
from kymograph.sdk.artifacts.folders import ArtifactFolders
from kymograph.sdk.artifacts.session import Session
from kymograph.services.artifact_garbage import ArtifactCollector
from kymograph.storage.database import open_database
from kymograph.storage.objects.store import open_objects
from tests.e2e.server import ADMIN_KEY, ServerProcess, free_port, wait_until
from tests.e2e.training import Training
from tests.faults.relay import Relay
from tests.faults.sdk_killing import is_alive

ENTITY, PROJECT = "admin", "killed-artifacts"
COLLECTIONS = ("many", "large", "huge", "early")
"""Of small files; of a larger one, which goes up in parts where the server takes them; of one whose parts go past the
HTTP server; and of one that does so while it is hashed, as a whole."""
SMALL_FILES, SMALL_BYTES = 40, 3_000
LARGE_FILES = {"large": 3 << 20, "huge": 20 << 20, "early": 12 << 20}
"""Bytes of the file that a collection has."""
BYTES_PER_S = 25e6
ABANDONED_SHARE = 0.25
"""Of the kills of both that are followed by another try, rather than a sync: a draft is left behind."""
SCRIPT = """
import os, sys
import kymograph as wandb
run = wandb.init(id=sys.argv[1], project=sys.argv[2])
os.write(1, f"{run._link.pid}\\n".encode())
returned, logged = os.open("returned", os.O_WRONLY | os.O_CREAT), []
for name in sys.argv[4:]:
    artifact = wandb.Artifact(name, "dataset", metadata={"round": int(sys.argv[3])})
    artifact.add_dir(name, policy="immutable" if name == "early" else "mutable")
    logged.append(run.log_artifact(artifact, aliases=["round-" + sys.argv[3]]))
    os.pwrite(returned, len(logged).to_bytes(8, "little"), 0)
for artifact in logged:
    try:
        artifact.wait()
    except ValueError as exc:
        print(exc, flush=True)
run.finish()
"""


class ArtifactVictim(StrEnum):
    """Who is killed."""

    TRAINER = "trainer"
    SENDER = "sender"
    BOTH = "trainer and sender"
    SERVER = "server"


@dataclass(slots=True)
class ArtifactKillings:
    """Kills at random points of uploads, and what was found after them."""

    server: ServerProcess
    relay: Relay
    folder: Path
    chance: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    needed_bytes: int = 0
    """What a round sends that nobody disturbs."""
    sent_bytes: int = 0
    """What all rounds with a kill have sent."""
    retries: int = 0
    expected: dict[int, set[str]] = field(default_factory=dict)
    """Collections that have a version of a round."""

    def measure(self) -> None:
        """One round that nobody disturbs."""
        before = self.relay.sent
        training = self._training()
        self._finish(self._start(training, self.rounds))
        self.needed_bytes = self.relay.sent - before
        self._check(training, self.rounds, self._look(training, self.rounds))
        self.rounds += 1

    def kill_one(self, victim: ArtifactVictim) -> None:
        """Start a training, kill somebody while it sends, have the rest sent, and compare what is there."""
        number, before = self.rounds, self.relay.sent
        training = self._training()
        process = self._start(training, number)
        assert process.stdout is not None
        sender = int(process.stdout.readline())
        self.relay.wait_until_sent(before + self._point(), timeout_s=20)
        self._kill(victim, process, sender)
        self.sent_bytes += self.relay.sent - before
        self._look(training, number)
        before = self.relay.sent
        if victim is ArtifactVictim.BOTH and self.chance.random() < ABANDONED_SHARE:
            self._finish(self._start(training, number, attempt=2))
            self.retries += 1
        elif victim is not ArtifactVictim.SERVER:
            self._sync(training)
        self.sent_bytes += self.relay.sent - before
        self._check(training, number, self._look(training, number))
        self.kills[victim.value] += 1
        self.rounds += 1

    def _point(self) -> int:
        """After how many bytes somebody dies; often near the end, where the manifest and the commit are."""
        if self.chance.random() < 0.3:
            return int(self.needed_bytes * self.chance.uniform(0.93, 1.0))
        return int(self.needed_bytes * self.chance.random())

    def _kill(self, victim: ArtifactVictim, process: subprocess.Popen[str], sender: int) -> None:
        if victim is ArtifactVictim.SERVER:
            self.server.kill()
            time.sleep(self.chance.uniform(0, 0.3))
            self.server.start()
            self._finish(process)
            return
        if victim is not ArtifactVictim.TRAINER and is_alive(sender):
            os.kill(sender, signal.SIGKILL)
        if victim is ArtifactVictim.SENDER:
            self._finish(process)
            return
        process.kill()
        process.communicate(timeout=30)
        wait_until(lambda: not is_alive(sender), what="the sender's end", timeout_s=60)

    # --- trainings ---------------------------------------------------------------------------------------------------

    def _training(self) -> Training:
        """A folder with new files to log."""
        training = Training(self.folder / f"round{self.rounds}", url=self.relay.url)
        places = [str(Path(__file__).parent / "small_parts"), *filter(None, [training.environment.get("PYTHONPATH")])]
        training.environment |= {
            "PYTHONPATH": os.pathsep.join(places),
            "WANDB_CACHE_DIR": str(training.folder / "cache"),
            "WANDB_DATA_DIR": str(training.folder / "data"),
        }
        for number in range(SMALL_FILES):
            path = training.folder / "many" / f"part{number % 4}" / f"{number}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.chance.randbytes(SMALL_BYTES))
        for name, size_bytes in LARGE_FILES.items():
            (training.folder / name).mkdir()
            (training.folder / name / "weights.bin").write_bytes(self.chance.randbytes(size_bytes))
        return training

    def _start(self, training: Training, number: int, attempt: int = 1) -> subprocess.Popen[str]:
        return training.start(SCRIPT, f"run{number}-{attempt}", PROJECT, str(number), *COLLECTIONS)

    def _finish(self, process: subprocess.Popen[str]) -> None:
        printed, complained = process.communicate(timeout=90)
        assert process.returncode == 0, printed + complained

    def _sync(self, training: Training) -> None:
        """Have the rest sent; now and then once more, when there is nothing to do."""
        for _ in range(self.chance.choice([1, 1, 2])):
            training.command("sync", "--include-synced", *map(str, training.run_folders()))

    # --- what is there -----------------------------------------------------------------------------------------------

    def _look(self, training: Training, number: int) -> set[str]:
        """In which collections the version of a round is; what is seen must be whole."""
        found = set()
        with self._session() as session:
            for name in COLLECTIONS:
                try:
                    version = session.artifact_by_name(ENTITY, PROJECT, f"{name}:round-{number}")
                except MembershipNotFound:
                    continue
                assert version.state == "COMMITTED"
                target = self.folder / "looked" / f"{number}-{name}-{time.monotonic_ns()}"
                version.download(target, skip_cache=True)
                version.verify(target)
                difference = compare_folder(str(training.folder / name), version.manifest)
                assert difference.is_equal, f"{name} of round {number}: {difference}"
                found.add(name)
        return found

    def _check(self, training: Training, number: int, found: set[str]) -> None:
        """What `log_artifact` has returned for is there."""
        note = training.folder / "returned"
        returned = int.from_bytes(note.read_bytes(), "little") if note.exists() else 0
        missing = set(COLLECTIONS[:returned]) - found
        assert not missing, f"round {number}: log_artifact had returned for {missing}, and there is no such version"
        self.expected[number] = found

    def check_all(self) -> int:
        """Each version is there once; returns how many there are."""
        count = 0
        with self._session() as session:
            for name in COLLECTIONS:
                versions = list(self._versions(session, name))
                rounds = [int(str(version.metadata["round"])) for version in versions]
                wanted = sorted(number for number, names in self.expected.items() if name in names)
                assert sorted(rounds) == wanted, f"{name}: {sorted(rounds)} instead of {wanted}"
                assert sorted(int(version.version[1:]) for version in versions) == list(range(len(versions)))
                count += len(versions)
        return count

    def _versions(self, session: Session, name: str) -> Iterator[Artifact]:
        collection = session.artifact_by_name(ENTITY, PROJECT, name).collection
        yield from collection.artifacts(per_page=100)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        folders = ArtifactFolders(self.folder / "cache", self.folder / "staging", None)
        with RunClient(Connection.of(self.server.url, ADMIN_KEY), wait=time.sleep) as client:
            yield Session(client, self.server.url, folders)

    def assert_tidy(self) -> None:
        """Stop the server and collect as if two days had passed.

        Afterwards there is no draft, and no object but those that versions need.
        """
        self.server.stop()
        database = open_database(f"sqlite:///{self.server.data / 'kymograph.db'}")
        objects = open_objects((self.server.data / "objects").as_uri())
        later = datetime.now(UTC) + timedelta(days=2)
        collector = ArtifactCollector(
            database,
            objects,
            lambda: later,
            grace=timedelta(minutes=1),
            undelete=timedelta(minutes=1),
            abandon=timedelta(days=1),
        )
        try:
            # What falls idle in one pass may be freed by the next, once its grace is over.
            for _ in range(2):
                collector.collect()
            collector.collect_strays()
            objects.sweep(later, dry_run=False)
            orphans = collector.find_orphans()
            assert not orphans.unnamed, f"left behind: {orphans.unnamed}"
            assert not orphans.missing, f"missing: {orphans.missing}"
            projects = database.read(lambda tx: tx.blobs.list_projects())
            spaces = [database.read(lambda tx, one=one: tx.space.of_project(one)) for one in projects]  # type: ignore[misc]
            assert sum(space.drafts + space.draft_objects for space in spaces) == 0, spaces
            named = sum(space.live_objects for space in spaces)
            assert len(objects.list_keys("blobs/")) == named
            assert [path for path in (self.server.data / "objects").rglob("*#*") if path.is_file()] == []
        finally:
            database.close()


@contextmanager
def artifact_killings(folder: Path, *, seed: object) -> Iterator[ArtifactKillings]:
    """A server behind a relay, and trainings in a folder."""
    port, relay_port = free_port(), free_port()
    environment = {"KYMOGRAPH_PUBLIC_URL": f"http://127.0.0.1:{relay_port}"}
    server = ServerProcess(folder / "data", port=port, environment=environment)
    server.start()
    try:
        with Relay(port, port=relay_port, bytes_per_s=BYTES_PER_S) as relay:
            yield ArtifactKillings(server, relay, folder / "rounds", random.Random(str(seed)))
    finally:
        server.kill()
