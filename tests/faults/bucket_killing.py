"""``wabucket upload`` and ``download``, killed at random moments, with a folder or a real S3 server as the bucket.

After each kill: a version that can be found is whole, and a folder that does not say otherwise is complete. After
another try the version is there with its contents. At the end the collector leaves what versions need, and that alone.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from unittest.mock import patch

from kymograph.bucket.checking import check_entries
from kymograph.bucket.claims import CLAIMS_FOLDER
from kymograph.bucket.destination import MARK
from kymograph.bucket.removing import Remover
from kymograph.bucket.server import Tracker
from kymograph.bucket.stores.registry import open_store
from kymograph.client.connection import Connection
from kymograph.client.runs import RunClient
from kymograph.errors import MembershipNotFound
from kymograph.sdk.artifacts.folders import ArtifactFolders
from kymograph.sdk.artifacts.references.registry import References
from kymograph.sdk.artifacts.session import Session
from kymograph.testing.buckets import moto_server
from tests.e2e.server import ADMIN_KEY, ServerProcess
from tests.e2e.training import Training

ENTITY, PROJECT = "admin", "killed-buckets"
NAME, TYPE = "killed", "dataset"
FILES, FILE_BYTES = 120, 2_000
COMMAND_TIMEOUT_S = 120.0


class Command(StrEnum):
    """What is killed."""

    UPLOAD = "upload"
    DOWNLOAD = "download"


@dataclass(slots=True)
class BucketKillings:
    """Kills at random moments, and what was found after them."""

    server: ServerProcess
    bucket: str
    environment: dict[str, str]
    folder: Path
    chance: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    survived: int = 0
    """Commands that were done before they could be killed."""
    rounds: int = 0
    took_s: dict[Command, float] = field(default_factory=dict)

    def measure(self) -> None:
        """One upload and download that nobody disturbs."""
        contents = self._write()
        for command in Command:
            started = time.monotonic()
            self._finish(self._start(command, contents), is_checked=True)
            self.took_s[command] = time.monotonic() - started
        self._check(contents)
        self.rounds += 1

    def kill_one(self, *commands: Command) -> None:
        """Kill commands of one round, in their order; each is tried again until it is done."""
        contents = self._write()
        for command in Command:
            if command in commands:
                process = self._start(command, contents)
                # What comes before the first byte (loading, the run) is much of the time, and nothing of the matter.
                time.sleep(self.took_s[command] * self.chance.uniform(0.3, 1.0))
                if process.poll() is None:
                    self.kills[command.value] += 1
                else:
                    self.survived += 1
                with_group(process)
                self._finish(process)
                self._look(command, contents)
            self._finish(self._start(command, contents), is_checked=command is Command.DOWNLOAD)
            self._look(command, contents)
        self._check(contents)
        self.rounds += 1

    def assert_tidy(self) -> None:
        """The collector takes all leavings, and what versions need stays."""
        with self._session() as session, patch.dict(os.environ, self.environment):
            tracker = Tracker(session, entity=ENTITY, project=PROJECT)
            store = open_store(self.bucket)
            remover = Remover(store, tracker)
            remover.carry_out(remover.plan_collection(older_than_s=0.0, with_unsynced=True))
            needed = {entry.ref for version in tracker.versions() for entry in version.manifest.entries.values()}
            objects = {one.ref for one in store.iter_objects("", checksums=False) if CLAIMS_FOLDER not in one.path}
        assert objects == needed, (len(objects - needed), len(needed - objects))

    # --- commands ----------------------------------------------------------------------------------------------------

    def _write(self) -> dict[str, bytes]:
        """New files to upload, all different from those of other rounds."""
        at = self.folder / f"round{self.rounds}" / "data"
        contents = {f"{index % 7}/{index}.bin": os.urandom(FILE_BYTES) for index in range(FILES)}
        for name, content in contents.items():
            (at / name).parent.mkdir(parents=True, exist_ok=True)
            (at / name).write_bytes(content)
        return contents

    @property
    def _round(self) -> Path:
        return self.folder / f"round{self.rounds}"

    @property
    def _alias(self) -> str:
        return f"round-{self.rounds}"

    def _start(self, command: Command, contents: dict[str, bytes]) -> subprocess.Popen[str]:
        training = Training(self._round, url=self.server.url)
        arguments = {
            Command.UPLOAD: ("upload", "data", "-n", NAME, "-t", TYPE, "-a", self._alias),
            Command.DOWNLOAD: ("download", TYPE, NAME, self._alias, "-d", "here"),
        }[command]
        return subprocess.Popen(
            [sys.executable, "-m", "kymograph.bucket", "--bucket", self.bucket, *arguments],
            cwd=training.folder,
            env={
                **training.environment,
                **self.environment,
                "WANDB_ENTITY": ENTITY,
                "WANDB_PROJECT": PROJECT,
                "WANDB_SILENT": "true",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _finish(self, process: subprocess.Popen[str], *, is_checked: bool = False) -> None:
        printed, _ = process.communicate(timeout=COMMAND_TIMEOUT_S)
        # An upload that was done when it was killed says that there is something of the alias.
        is_fine = process.returncode == 0 or (not is_checked and "already exists" in printed)
        assert is_fine or process.returncode == -signal.SIGKILL, printed

    # --- looking -----------------------------------------------------------------------------------------------------

    def _look(self, command: Command, contents: dict[str, bytes]) -> None:
        """Nothing may claim to be complete that is not."""
        if command is Command.DOWNLOAD:
            here = self._round / "here"
            if here.is_dir() and any(here.iterdir()) and not (here / MARK).exists():
                self._compare(here, contents)
            return
        with self._session() as session, patch.dict(os.environ, self.environment):
            try:
                version = session.artifact_by_name(ENTITY, PROJECT, f"{NAME}:{self._alias}")
            except MembershipNotFound:
                return
            entries = list(version.manifest.entries.values())
            assert {entry.path for entry in entries} == set(contents)
            findings = check_entries(entries, References())
            assert (findings.missing, findings.changed, findings.checked) == ([], [], FILES)

    def _check(self, contents: dict[str, bytes]) -> None:
        self._compare(self._round / "here", contents)
        with self._session() as session:
            session.artifact_by_name(ENTITY, PROJECT, f"{NAME}:{self._alias}")

    def _compare(self, folder: Path, contents: dict[str, bytes]) -> None:
        found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert found == contents

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with RunClient(Connection.of(self.server.url, ADMIN_KEY)) as client:
            yield Session(
                client, self.server.url, ArtifactFolders(self.folder / "cache", self.folder / "staging", None)
            )


def with_group(process: subprocess.Popen[str]) -> None:
    """``kill -9`` for a command, the sender of its run included."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@contextmanager
def bucket_killings(folder: Path, *, on_s3: bool, seed: str) -> Iterator[BucketKillings]:
    """A server and a bucket, and an upload and a download that went well."""
    server = ServerProcess(folder / "data")
    server.start()
    try:
        if not on_s3:
            bucket = f"file://{folder}/bucket"
            yield BucketKillings(server, bucket, {}, folder, random.Random(seed))
            return
        with moto_server() as s3:
            name = f"b{uuid.uuid4().hex[:10]}"
            s3.create_bucket(name)
            environment = {**s3.environment, "AWS_S3_ENDPOINT_URL": s3.endpoint, "AWS_REGION": "us-east-1"}
            yield BucketKillings(server, f"s3://{name}", environment, folder, random.Random(seed))
    finally:
        server.kill()
