"""The sender of one run: reads its journal, and makes the server have what it says.

`step` does what is due and tells when to come back: the same code runs under a real clock, in a sync, and through hours
of virtual time. The journal is the queue, so memory stays bounded however long a server is away: it is read on only as
lines are acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from kymograph.client.known_versions import KnownVersions
from kymograph.client.runs import RunClient
from kymograph.core import exact_json
from kymograph.errors import KymographError, RequestTooLarge, StorageFull, TransportError
from kymograph.sdk import writer_lock
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.sender.artifacts import ArtifactCounts, ArtifactQueue
from kymograph.sdk.sender.changes import RunChanges
from kymograph.sdk.sender.connect import Started, connect, upsert
from kymograph.sdk.sender.control import Control, error_document
from kymograph.sdk.sender.documents import standard_files, write_final_files
from kymograph.sdk.sender.file_wishes import FileWishes, file_wishes_of
from kymograph.sdk.sender.ledger import Ledger
from kymograph.sdk.sender.live import LiveWatch
from kymograph.sdk.sender.receipt import Receipt, make_receipt
from kymograph.sdk.sender.sharing import Sharing
from kymograph.sdk.sender.strand import Strand, lines_document
from kymograph.sdk.sender.uploads import UploadCounts, Uploads
from kymograph.types import JsonObject
from kymograph.wire.filestream import SUMMARY_FILE
from kymograph.wire.journal import Damage
from kymograph.wire.records_pb2 import FilesItem

POLL_S = 0.2
"""How often the journal is looked at for more."""
LATE_POLL_S = 2.0
"""The same once the run has ended, for other processes that still write it."""
LOOKING_POLL_S = 0.05
"""The same while all that is left is found out within moments, and somebody may wait for the end."""
STREAM_EVERY_S = 0.75
"""A row is on the server within a second of being logged."""
FULL_BYTES = 1 << 20
"""With so much waiting, requests follow one another."""
MAX_REQUEST_BYTES = 4 << 20
MAX_PENDING_BYTES = 16 << 20
HEARTBEAT_S = 30.0
SUMMARY_EVERY_S = 4.0
UPSERT_EVERY_S = 2.0
LEDGER_EVERY_S = 2.0
ABANDONED_EXIT_CODE = 1
"""Of a run whose process died without a word: it failed.

Source: the vendor's client 0.31.0 (`core/internal/runsync`); pinned by tests/e2e/test_sync.py.
"""
ALONE_FOR_S = 7 * 86_400.0
"""How long a sender whose training is gone goes on asking for a server. Source: protocol.md §5.3, about a week."""


@dataclass(slots=True)
class _Due:
    """When things may happen next, in s of the monotonic clock."""

    connect: float = 0.0
    stream: float = 0.0
    upsert: float = 0.0
    summary: float = 0.0
    ledger: float = 0.0
    last_stream: float = 0.0


@dataclass(slots=True)
class _Sent:
    """What the server has, besides lines, and the training was told."""

    facts_revision: int = -1
    run_revision: int = -1
    summary_revision: int = 0
    is_preempting: bool = False
    is_stop_told: bool = False
    """Whether the training knows that somebody stopped it: being told again would interrupt its end."""


@dataclass(slots=True)
class SenderOptions:
    """How a sender works."""

    is_sync: bool = False
    """Nobody writes the run any more, or nobody waits for it: at the journal's end, all is done for now."""
    changes: RunChanges = field(default_factory=RunChanges)
    """To what the journal says of the run."""
    is_marked: bool = True
    """Whether a mark is left once the server has everything."""
    is_writer_alive: bool = False
    """In a sync: the journal may still grow, so its end is not the run's."""
    cache: Path | None = None
    """The folder of artifacts, in the user's folder of caches; None where nothing is noted there."""


class Sender:
    """Moves one run to one server. All methods belong to one thread."""

    def __init__(
        self,
        folder: RunFolder,
        client: RunClient,
        *,
        control: Control,
        executor: Executor,
        wake: Callable[[], None],
        now: Callable[[], float],
        options: SenderOptions | None = None,
    ) -> None:
        """Begin before the first record.

        Args:
            folder: Of the run.
            client: Of the server.
            control: Of the training, if there is one.
            executor: For uploads.
            wake: Called from other threads when there is something to do.
            now: A monotonic clock in s.
            options: How to work.
        """
        self.folder, self._client, self._control, self._now = folder, client, control, now
        self._options = options or SenderOptions()
        self.ledger = Ledger.load(folder.ledger)
        if self.ledger.base_url not in ("", client.base_url):
            self.ledger = Ledger()  # another server knows nothing of this run
        elif self.ledger.asked and self.ledger.asked != asked_address(folder, self._options.changes):
            self.ledger = Ledger()  # nor does another project
        self._features = frozenset[str]()
        self._main = Strand(
            folder.journal, acknowledged=self.ledger.acknowledged.get(""), changes=self._options.changes
        )
        self.strands = [self._main]
        self.replay = self._main.replay
        backoff = client.connection.transfer.backoff()
        self._uploads = Uploads(folder.files, self.ledger.files, executor=executor, wake=wake, now=now, backoff=backoff)
        self._wishes = FileWishes()
        self._live = LiveWatch(folder.files, self._wishes)
        self._artifacts = ArtifactQueue(
            folder.artifacts,
            self.ledger.artifacts,
            client=client,
            executor=executor,
            wake=wake,
            now=now,
            told=self._tell_of_artifact,
            save=self._save_ledger,
            known=KnownVersions(self._options.cache) if self._options.cache is not None else None,
        )
        self._started: Started | None = None
        self._due, self._sent, self._backoff = _Due(), _Sent(), client.connection.graphql.backoff()
        self._has_final_files = False
        self._alerts_seen = 0
        self._request_bytes = client.connection.stream_bytes or MAX_REQUEST_BYTES
        self._trouble = ""
        self._alone_since_s: float | None = None
        self._is_more_to_come = False
        self.refusal: KymographError | None = None
        """Why the server will not have the run."""
        self.receipt: Receipt | None = None
        """Once all that is there is sent, and the run has ended or nobody waits for more."""
        self._is_done = False

    def close(self) -> None:
        """Release the journal; what was acknowledged is noted."""
        self._save_ledger()
        self._artifacts.close()
        for strand in self.strands:
            strand.close()

    def damages(self) -> list[Damage]:
        """What of the journals could not be read."""
        return [damage for strand in self.strands for damage in strand.damages()]

    @property
    def _sharing(self) -> Sharing:
        return self.replay.facts.sharing

    @property
    def upload_counts(self) -> UploadCounts:
        """How far the files are."""
        return self._uploads.counts

    @property
    def artifact_counts(self) -> ArtifactCounts:
        """How far the artifacts are."""
        return self._artifacts.counts

    # --- one step ----------------------------------------------------------------------------------------------------

    def step(self) -> float | None:
        """Do what is due.

        Returns:
            In how many s to come back, at the latest; None if there is nothing left to do.
        """
        if self._is_done or self.refusal is not None:
            return None
        try:
            return self._step()
        except TransportError as exc:
            return self._wait_after(exc)
        except KymographError as exc:
            self._give_up(exc)
            return None

    def _step(self) -> float | None:
        now = self._now()
        if now < self._due.connect:
            return self._due.connect - now
        if self.receipt is not None:
            return self._watch_others()
        if self._started is None:
            if not self._main.read_run():
                return None if self._is_over_without_run() else POLL_S
            self._connect()
        self._read()
        self._send_facts()
        self._send_alerts()
        waits_s = [self._send_files(), self._artifacts.work(self.ledger.address)]
        self._stream()
        self._finish()
        if self.receipt is not None:
            return self._watch_others()
        self._note_progress()
        usual_s = LOOKING_POLL_S if self._is_more_to_come else POLL_S
        waits = [usual_s, *(wait_s for wait_s in waits_s if wait_s is not None)]
        return 0.0 if self._has_more_to_send() else min(waits)

    def _give_up(self, error: KymographError) -> None:
        self.refusal = error
        self._control.send("refused", error=error_document(error))
        self._save_ledger()

    def _has_been_alone_for_long(self) -> bool:
        if not self._control.is_alone:
            return False
        if self._alone_since_s is None:
            self._alone_since_s = self._now()
        return self._now() - self._alone_since_s > ALONE_FOR_S

    def _wait_after(self, error: TransportError) -> float | None:
        wait_s = self._backoff.wait_after(error)
        if self._has_been_alone_for_long() or self._backoff.is_exhausted:
            self._give_up(error)
            return None
        self._due.connect = self._now() + wait_s
        if str(error) != self._trouble:
            self._trouble = str(error)
            self._control.send("trouble", message=self._trouble, is_connected=self._started is not None)
        self._save_ledger()
        return wait_s

    def _works_again(self) -> None:
        self._backoff.reset()
        if self._trouble:
            self._trouble = ""
            self._control.send("recovered")

    # --- reading -----------------------------------------------------------------------------------------------------

    def _is_over_without_run(self) -> bool:
        return self._options.is_sync or self._control.is_alone

    def _read(self) -> None:
        # Asked first: a journal that is there when this is no more is found below.
        self._is_more_to_come = self.folder.is_being_looked_around()
        self._find_strands()
        while self._control.expected:
            self._artifacts.expect(*self._control.expected.popleft(), self.ledger.address)
        for strand in self.strands:
            if self._artifacts.is_full:
                strand.is_at_end = False
                continue
            strand.read(max_pending_bytes=MAX_PENDING_BYTES // len(self.strands))
            while strand.replay.operations:
                self._artifacts.want(strand.writer, strand.replay.operations.popleft())
        while self.replay.new_files:
            name = self.replay.new_files.popleft()
            if self.replay.files[name] == FilesItem.NOW:
                self._want(name)

    def _find_strands(self) -> None:
        """Look for processes that have begun to write the run, too."""
        known = {strand.writer for strand in self.strands}
        for writer, path in self.folder.further_journals():
            if writer not in known:
                acknowledged = self.ledger.acknowledged.get(writer)
                self.strands.append(Strand(path, writer=writer, acknowledged=acknowledged, main=self.replay))

    # --- what describes the run --------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self._wishes = file_wishes_of(self.replay.facts.run)
        self._live = LiveWatch(self.folder.files, self._wishes)
        started = connect(self._client, self.replay, self.ledger)
        self._works_again()
        if self._has_server_lost_lines(started):
            self._begin_again()
        ledger, run = self.ledger, self.replay.facts.run
        assert run is not None
        ledger.base_url, ledger.run_id = self._client.base_url, run.run_id
        ledger.entity, ledger.project = started.entity, started.project
        ledger.asked = [run.entity, run.project, run.run_id]
        ledger.storage_id, ledger.display_name = started.storage_id, started.display_name
        if not ledger.base_lines:
            # One of several writers numbers its lines by itself.
            ledger.base_lines = {} if self._sharing.writer else started.base_lines
            if started.is_resumed:
                ledger.base_config, ledger.base_notes = started.config, started.notes
                ledger.base_summary = started.summary
        self._started = started
        self._backoff = self._client.connection.stream.backoff()
        self._sent.facts_revision = self.replay.facts.revision
        self._sent.run_revision = self.replay.facts.run_revision
        self._save_ledger()
        self._control.send(
            "started",
            entity=started.entity,
            project=started.project,
            display_name=started.display_name,
            storage_id=started.storage_id,
            sweep=started.sweep,
            is_resumed=started.is_resumed,
            starting_step=started.starting_step,
            runtime_s=started.runtime_s,
            config_json=exact_json.dumps(started.config),
            summary_json=exact_json.dumps(started.summary),
        )
        self._features = self._client.features()
        self.replay.is_console_structured = "STRUCTURED_CONSOLE_LOGS" in self._features

    def _has_server_lost_lines(self, started: Started) -> bool:
        """Whether what an earlier sender noted is not true any more: the server was put back, or is a new one."""
        known = self.ledger.acknowledged.get("", {}).get("history", 0) + self.ledger.base_lines.get("history", 0)
        is_short = started.history_lines is not None and started.history_lines < known
        return self.ledger.is_connected and (started.is_new or is_short)

    def _begin_again(self) -> None:
        """Send everything once more."""
        self.ledger.acknowledged.clear()
        self.ledger.files.clear()
        self.ledger.artifacts.clear()
        self._main.close()
        self._main = Strand(self.folder.journal, changes=self._options.changes)
        self._main.replay.resume(
            config=self.ledger.base_config, notes=self.ledger.base_notes, summary=self.ledger.base_summary
        )
        self._main.read_run()
        self.strands, self.replay = [self._main], self._main.replay

    def _send_facts(self) -> None:
        revision = self.replay.facts.revision
        is_due = self._now() >= self._due.upsert or self.replay.exit is not None
        if revision == self._sent.facts_revision or not is_due:
            return
        run_revision = self.replay.facts.run_revision
        upsert(
            self._client,
            self.replay,
            storage_id=self.ledger.storage_id or None,
            with_run=run_revision != self._sent.run_revision,
        )
        self._works_again()
        self._sent.facts_revision, self._sent.run_revision = revision, run_revision
        self._due.upsert = self._now() + UPSERT_EVERY_S

    def _send_alerts(self) -> None:
        while self.replay.alerts:
            alert = self.replay.alerts[0]
            if self._alerts_seen >= self.ledger.alerts_sent:
                self._client.alert(
                    self.ledger.address,
                    title=alert.title,
                    text=alert.text,
                    level=alert.level,
                    wait_ms=alert.wait_duration,
                )
                self.ledger.alerts_sent += 1
                self._save_ledger()
            self._alerts_seen += 1
            self.replay.alerts.popleft()

    # --- files -------------------------------------------------------------------------------------------------------

    def _send_files(self) -> float | None:
        if self._is_over() and not self._has_final_files:
            write_final_files(self.folder, self.replay)
            self._has_final_files = True
            for name in [*self.replay.files, *standard_files(self.folder, self._sharing, self._options.changes)]:
                self._want(name)
        live = (name for name, policy in self.replay.files.items() if policy == FilesItem.LIVE)
        for name in self._live.due(live, self._now()):
            self._want(name)
        return self._uploads.work(self._client, self.ledger.address)

    def _want(self, name: str) -> None:
        if not self._wishes.ignores(name):
            self._uploads.want(name)

    def _is_over(self) -> bool:
        """Whether the journal is read to its end and will not grow."""
        is_ended = self.replay.exit is not None or self._options.is_sync
        # Without a word about its end, a run goes on as long as any process of it does.
        is_ended = is_ended or (self._control.is_alone and not self.is_written_by_others())
        return is_ended and not self._is_more_to_come and all(strand.is_at_end for strand in self.strands)

    def _tell_of_artifact(self, writer: str, number: int, artifact_id: str, error: KymographError | None) -> None:
        self._control.send(
            "artifact",
            writer=writer,
            number=number,
            id=artifact_id,
            error=None if error is None else error_document(error),
        )

    # --- the stream --------------------------------------------------------------------------------------------------

    def _has_more_to_send(self) -> bool:
        is_full = sum(strand.replay.pending_bytes for strand in self.strands) >= FULL_BYTES
        return is_full or (self._is_over() and self._has_unsent_lines())

    def _has_unsent_lines(self) -> bool:
        has_summary = self._sent.summary_revision != self.replay.facts.summary_revision
        return has_summary or any(strand.has_lines for strand in self.strands)

    def _stream(self) -> None:
        now = self._now()
        if not (now >= self._due.stream or self._has_more_to_send()):
            return
        for strand in self.strands[1:]:
            self._stream_lines(strand)
        self._stream_main(now)

    def _stream_lines(self, strand: Strand) -> None:
        """Send what a further process wrote."""
        chunks = strand.next_chunks(max_bytes=self._request_bytes)
        if chunks and self._send_document(
            {"files": lines_document(chunks, {})}, writer=self._sharing.writer + strand.writer
        ):
            strand.acknowledge(chunks)

    def _stream_main(self, now: float) -> None:
        chunks = self._main.next_chunks(max_bytes=self._request_bytes)
        files = lines_document(chunks, self.ledger.base_lines)
        wants_summary = self._wants_summary(is_over=self._is_over())
        if wants_summary:
            summary = exact_json.dumps(self.replay.summary.document())
            files[SUMMARY_FILE] = {"offset": 0, "content": [summary]}
        document: JsonObject = {"files": files} if files else {}
        uploaded = [*self._uploads.finished]
        if uploaded:
            document["uploaded"] = [*uploaded]
        if self.replay.is_preempting and not self._sent.is_preempting:
            document["preempting"] = True
        if not document and now < self._due.last_stream + HEARTBEAT_S:
            return
        summary_revision = self.replay.facts.summary_revision
        if not self._send_document(document, writer=self._sharing.writer):
            return
        self._main.acknowledge(chunks)
        for _ in uploaded:
            self._uploads.finished.popleft()
        if wants_summary:
            self._sent.summary_revision = summary_revision
            self._due.summary = now + SUMMARY_EVERY_S
        self._sent.is_preempting = self.replay.is_preempting
        self._due.stream = now + (self._client.connection.stream_every_s or STREAM_EVERY_S)

    def _wants_summary(self, *, is_over: bool) -> bool:
        is_due = is_over or self._now() >= self._due.summary
        return is_due and self._sent.summary_revision != self.replay.facts.summary_revision

    def _send_document(self, document: JsonObject, *, writer: str = "") -> bool:
        """Returns whether the server took it; False if it has to be said in smaller pieces."""
        try:
            wishes = self._client.stream(
                self.ledger.address, document, is_gzip="FILESTREAM_GZIP" in self._features, writer=writer
            )
        except StorageFull:
            raise
        except RequestTooLarge:
            if self._request_bytes <= 1024:
                raise
            self._request_bytes //= 4
            return False
        self._works_again()
        self._due.last_stream = self._now()
        if wishes.get("stopped") and not self._sent.is_stop_told:
            self._sent.is_stop_told = True
            self._control.send("stop")
        return True

    # --- the end -----------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        if not self._is_over() or not self._has_final_files or self._has_something_left():
            return
        document: JsonObject = {}
        if self._uploads.finished:
            document["uploaded"] = list(self._uploads.finished)
        exit_code = self._exit_code()
        if exit_code is not None and self._sharing.says_end:
            document |= {"complete": True, "exitcode": exit_code}
        if document:
            # Also when the server knows: with whatever was sent meanwhile, the run went on for it.
            self._send_document(document, writer=self._sharing.writer)
        self._uploads.finished.clear()
        self.ledger.is_complete = exit_code is not None
        self._save_ledger()
        self.receipt = make_receipt(self)
        self._control.send("finished", receipt=self.receipt.document())

    def _watch_others(self) -> float | None:
        """After the end: whether another process that writes the run has said more, or still may.

        The training need not wait for it: a worker may live on for long. Each time that all is sent, the end is said
        again.
        """
        is_written = self.is_written_by_others()  # asked before reading: what a process wrote last is read after it
        self._read()
        if self._has_something_left():
            self.receipt, self._has_final_files = None, False
            return 0.0
        if is_written and not self._options.is_sync:
            return LATE_POLL_S
        self._is_done = True
        if not is_written and self._exit_code() is not None and self._options.is_marked:
            self.folder.synced_mark.touch()
        return None

    def is_written_by_others(self) -> bool:
        """Whether a process besides the one that made the run still writes it."""
        return any(map(writer_lock.is_held, (path for _, path in self.folder.further_journals())))

    def knows_all_journals(self) -> bool:
        """Whether no process has begun to write the run unnoticed."""
        return {writer for writer, _ in self.folder.further_journals()} <= {strand.writer for strand in self.strands}

    def _exit_code(self) -> int | None:
        """What the run ended with; None if it has not, or nobody knows yet."""
        if self.replay.exit is not None:
            return self.replay.exit.exit_code
        is_abandoned = self._options.is_sync and not self._options.is_writer_alive
        return ABANDONED_EXIT_CODE if is_abandoned else None

    def _has_something_left(self) -> bool:
        return (
            self._has_unsent_lines()
            or not self._uploads.is_idle
            or not self._artifacts.is_idle
            or self._sent.facts_revision != self.replay.facts.revision
            or bool(self.replay.alerts)
        )

    def _note_progress(self) -> None:
        now = self._now()
        if now < self._due.ledger:
            return
        self._due.ledger = now + LEDGER_EVERY_S
        self._save_ledger()
        counts, operations, sent = self._uploads.counts, self._artifacts.counts, self._artifacts.files
        self._control.send(
            "progress",
            rows=sum(strand.replay.history.acknowledged_end for strand in self.strands),
            files_done=counts.done + sent.files_sent,
            files_wanted=counts.wanted + sent.files_wanted,
            artifacts_done=operations.done,
            artifacts_wanted=operations.wanted,
            bytes_sent=counts.bytes_sent + sent.bytes_sent,
            trouble=counts.trouble or operations.trouble,
        )

    def _save_ledger(self) -> None:
        if not self.ledger.is_connected:
            return
        self.ledger.acknowledged = {strand.writer: strand.acknowledged() for strand in self.strands}
        with suppress(OSError):  # what is not noted is sent again
            self.ledger.save(self.folder.ledger)


def asked_address(folder: RunFolder, changes: RunChanges) -> list[str]:
    """Entity, project and id under which a sync would send the run; empty if the journal does not tell."""
    strand = Strand(folder.journal, changes=changes)
    try:
        run = strand.replay.facts.run if strand.read_run() else None
    finally:
        strand.close()
    return [] if run is None else [run.entity, run.project, run.run_id]
