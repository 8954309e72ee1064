"""Operations on artifacts on their way to the server.

Versions of one collection are sent in the order of logging, others at the same time. All methods belong to one thread;
the work is done by an executor's. Nothing sleeps here: `work` does what can be done and says when to come back.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from kymograph.client.artifact_bulk import ArtifactBulkClient
from kymograph.client.artifact_saving import Saver, SavingCounts, Steps, Work, forget_staged
from kymograph.client.artifact_uploads import ArtifactUploadClient
from kymograph.client.artifact_values import CollectionAddress
from kymograph.client.artifacts import REGISTRY_PREFIX, ArtifactClient
from kymograph.client.early_files import EarlyFiles
from kymograph.client.known_versions import KnownVersions
from kymograph.client.runs import RunAddress, RunClient
from kymograph.core.digest import DigestAlgorithm
from kymograph.errors import KymographError, StagedFilesMissing
from kymograph.sdk.sender.artifact_operations import ArtifactNote, ArtifactOperation
from kymograph.wire.records_pb2 import ArtifactRecord, LinkArtifactRequest, UseArtifactRecord

AT_ONCE = 8
"""Pieces of work under way, at most."""
MAX_WAITING_BYTES = 64 << 20
"""Of records that wait: with more, the journal is read on only as some are done."""

Told = Callable[[str, int, str, KymographError | None], object]
"""Told of an operation that is done: its writer, number, the version's id, or why there is none."""


@dataclass(slots=True)
class ArtifactCounts:
    """How far the operations are."""

    wanted: int = 0
    done: int = 0
    trouble: str = ""
    """Why the last attempt failed, while it is to be tried again."""
    problems: dict[str, str] = field(default_factory=dict)
    """By title, of operations that were refused."""


@dataclass(slots=True)
class _Job:
    """An operation, and how far it is."""

    writer: str
    operation: ArtifactOperation
    size_bytes: int
    steps: Generator[list[Work], list[Any], str] | None = None
    """None before it begins."""
    waiting: deque[tuple[int, Work]] = field(default_factory=deque)
    running: int = 0
    results: list[Any] = field(default_factory=list)
    failure: KymographError | None = None

    @property
    def key(self) -> str:
        """Names it in the ledger."""
        return f"{self.writer}/{self.operation.number}"


class ArtifactQueue:
    """Does what a journal says about artifacts."""

    def __init__(
        self,
        folder: Path,
        notes: dict[str, ArtifactNote],
        *,
        client: RunClient,
        executor: Executor,
        wake: Callable[[], None],
        now: Callable[[], float],
        told: Told,
        save: Callable[[], None],
        known: KnownVersions | None = None,
    ) -> None:
        """Begin with nothing to do.

        Args:
            folder: The artifacts' folder of the run.
            notes: What is done, by writer and number; kept up to date here.
            client: Of the server.
            executor: Does the work.
            wake: Called from its threads when a piece has ended.
            now: A monotonic clock in s.
            told: Is told of each operation that is done.
            save: Puts `notes` on the disk.
            known: What was logged last from this machine.
        """
        self._folder, self._notes, self._told, self._save = folder, notes, told, save
        self._executor, self._wake, self._now = executor, wake, now
        artifacts = ArtifactClient(client)
        self.files = SavingCounts()
        bulk = ArtifactBulkClient(client, artifacts, client.transfers)
        self._saver = Saver(
            artifacts,
            ArtifactUploadClient(client, artifacts),
            client.transfers,
            folder,
            self.files,
            bulk,
            EarlyFiles(bulk),
            client.base_url,
            known,
        )
        self._lanes: dict[str, deque[_Job]] = {}
        self._active: list[_Job] = []
        self._results: deque[tuple[_Job, int, Work, Future[Any]]] = deque()
        self._lock = threading.Lock()
        self._in_flight = 0
        self._waiting_bytes = 0
        self._backoff = client.connection.transfer.backoff()
        self._not_before = 0.0
        self._files_at_trouble = 0
        self.counts = ArtifactCounts()

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is under way."""
        return not self._lanes

    @property
    def is_full(self) -> bool:
        """Whether so much waits that no more should come."""
        return self._waiting_bytes > MAX_WAITING_BYTES

    def close(self) -> None:
        """Leave what is not done to a later sender."""
        for job in self._active:
            if job.steps is not None and not job.running:
                job.steps.close()

    def expect(self, path: str, algorithm: str, at: RunAddress) -> None:
        """A large file will be logged soon: send it while it is hashed, where the server takes that."""
        self._saver.early.begin(Path(path), DigestAlgorithm(algorithm), at)

    def want(self, writer: str, operation: ArtifactOperation) -> None:
        """Have an operation done, after those of its lane that came before; nothing happens if it was done."""
        self.counts.wanted += 1
        job = _Job(writer, operation, operation.record.ByteSize())
        note = self._notes.get(job.key)
        if note is not None:
            if note.client_id:
                self._saver.ids[note.client_id] = note.id
            self.counts.done += 1
            self._told(writer, operation.number, note.id, None)
            return
        self._waiting_bytes += job.size_bytes
        self._lanes.setdefault(operation.lane, deque()).append(job)

    def work(self, at: RunAddress) -> float | None:
        """Take up results and start what can be started.

        Args:
            at: The run whose artifacts they are.

        Returns:
            In how many s to come back; None if nobody has to.
        """
        while True:
            self._take_results()
            now = self._now()
            if now < self._not_before:
                return self._not_before - now
            self._start_jobs(at)
            for job in list(self._active):
                self._advance(job)
            if not self._submit() and not self._results and not self._can_start():
                return None

    # --- jobs --------------------------------------------------------------------------------------------------------

    def _can_start(self) -> bool:
        return len(self._active) < AT_ONCE and any(
            lane[0].steps is None and not self._must_wait(lane[0]) for lane in self._lanes.values()
        )

    def _start_jobs(self, at: RunAddress) -> None:
        for lane in list(self._lanes.values()):
            job = lane[0]
            if job.steps is None and len(self._active) < AT_ONCE and not self._must_wait(job):
                job.steps = self._steps_of(job.operation, at)
                self._active.append(job)

    def _must_wait(self, job: _Job) -> bool:
        """Whether it is about a version that is not there yet."""
        if not isinstance(job.operation.record, LinkArtifactRequest) or not job.operation.client_id:
            return False
        return any(
            isinstance(other.operation.record, ArtifactRecord) and other.operation.client_id == job.operation.client_id
            for lane in self._lanes.values()
            for other in lane
        )

    def _steps_of(self, operation: ArtifactOperation, at: RunAddress) -> Steps:
        record = operation.record
        if isinstance(record, ArtifactRecord):
            return self._saver.save(record, at, operation.history_step)
        if isinstance(record, LinkArtifactRequest):
            return self._link(record, at)
        return self._use(record, at)

    def _use(self, record: UseArtifactRecord, at: RunAddress) -> Steps:
        yield [lambda: self._saver.artifacts.use(record.id, at)]
        return record.id

    def _link(self, record: LinkArtifactRequest, at: RunAddress) -> Steps:
        artifact_id = record.server_id or self._saver.ids.get(record.client_id)

        def link() -> None:
            owner, project = record.portfolio_entity or at.entity, record.portfolio_project or at.project
            if project.startswith(REGISTRY_PREFIX):
                owner = self._saver.artifacts.organization_entity(owner, record.portfolio_organization or None)
            self._saver.artifacts.link(
                CollectionAddress(owner, project, record.portfolio_name),
                list(record.portfolio_aliases),
                artifact_id=artifact_id,
                client_id=record.client_id or None,
            )

        yield [link]
        return artifact_id or ""

    def _advance(self, job: _Job) -> None:
        """Give a job the results it waits for, if all are there."""
        if job.running or (job.waiting and job.failure is None):
            return
        assert job.steps is not None
        try:
            if job.failure is not None:
                job.waiting.clear()
                failure, job.failure = job.failure, None
                works = job.steps.throw(failure)
            else:
                results, job.results = job.results, []
                works = job.steps.send(results) if results else next(job.steps)
        except StopIteration as done:
            self._finish(job, str(done.value))
        except OSError as exc:
            if not isinstance(exc, StagedFilesMissing):
                self._fail_locally(job, exc)
            else:
                self._give_up(job, exc)
        except KymographError as exc:
            self._give_up(job, exc)
        else:
            job.results = [None] * len(works)
            job.waiting.extend(enumerate(works))

    def _fail_locally(self, job: _Job, error: OSError) -> None:
        """What is done between pieces of work, such as writing the manifest, failed: begin the job again, later."""
        self._note_trouble(error)
        job.steps, job.results = None, []
        job.waiting.clear()
        self._active.remove(job)

    def _finish(self, job: _Job, artifact_id: str) -> None:
        record = job.operation.record
        self._notes[job.key] = ArtifactNote(artifact_id, job.operation.client_id)
        # Noted first: what was sent and is gone must never look like what was not sent.
        self._save()
        self.counts.done += 1
        self.counts.trouble = ""
        self._leave(job)
        self._told(job.writer, job.operation.number, artifact_id, None)
        if isinstance(record, ArtifactRecord):
            forget_staged(record, self._folder)

    def _give_up(self, job: _Job, error: KymographError) -> None:
        title = job.operation.title
        number = sum(known == title or known.startswith(f"{title} (") for known in self.counts.problems)
        self.counts.problems[f"{title} ({number + 1})" if number else title] = str(error)
        self._leave(job)
        self._told(job.writer, job.operation.number, "", error)

    def _leave(self, job: _Job) -> None:
        self._waiting_bytes -= job.size_bytes
        self._active.remove(job)
        lane = self._lanes[job.operation.lane]
        lane.popleft()
        if not lane:
            del self._lanes[job.operation.lane]

    # --- pieces of work ----------------------------------------------------------------------------------------------

    def _submit(self) -> bool:
        """Hand over pieces of work, those of several jobs in turn; whether there were any."""
        has_submitted = False
        while self._in_flight < AT_ONCE:
            ready = [job for job in self._active if job.waiting and job.failure is None]
            if not ready:
                break
            for job in ready[: AT_ONCE - self._in_flight]:
                index, work = job.waiting.popleft()
                job.running += 1
                self._in_flight += 1
                self._executor.submit(work).add_done_callback(partial(self._note_result, job, index, work))
                has_submitted = True
        return has_submitted

    def _note_result(self, job: _Job, index: int, work: Work, future: Future[Any]) -> None:
        with self._lock:
            self._results.append((job, index, work, future))
        self._wake()

    def _take_results(self) -> None:
        with self._lock:
            results, self._results = self._results, deque()
        for job, index, work, future in results:
            job.running -= 1
            self._in_flight -= 1
            error = future.exception()
            if error is None:
                job.results[index] = future.result()
                self._backoff.reset()
                self.counts.trouble = ""
            elif isinstance(error, OSError) and not isinstance(error, StagedFilesMissing):
                self._note_trouble(error)  # the network, or the disk: both may pass
                job.waiting.appendleft((index, work))
            elif isinstance(error, KymographError):
                job.failure = error
            else:
                raise error

    def _note_trouble(self, error: OSError) -> None:
        if self.files.files_sent > self._files_at_trouble:
            # Of many files in one piece of work, some arrived: the server is not away.
            self._backoff.reset()
        self._files_at_trouble = self.files.files_sent
        self._not_before = self._now() + self._backoff.wait_after(error)
        self.counts.trouble = str(error)
