"""Whether a server, and all that stands before it, does what a run needs: step by step, with what to do about it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from pathlib import Path

from kymograph import __version__
from kymograph.client.run_reads import RunReads
from kymograph.client.runs import RunAddress, RunClient
from kymograph.errors import KymographError, NotFoundError, RequestTooLarge
from kymograph.sdk.artifact_check import ArtifactCheck
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.storage_check import StorageCheck
from kymograph.sdk.sync import sync_run
from kymograph.sdk.sync_check import check_run

PROJECT = "verify"
LARGE_BYTES = 10_000_000
"""As much as clients send at once. Source: protocol.md §5.1."""
FILE_NAME = "test with_special-characters %.txt"
FILE_TEXT = "what was sent comes back\n"
ROWS = 10
_LARGE = """
query LargeRequest($entity: String!, $name: String!, $runName: String!, $desc: String!) {
  project(entityName: $entity, name: $name) { run(name: $runName, desc: $desc) { name } }
}
"""
_VERSIONS = "query Versions { serverInfo { cliVersionInfo } }"


class Mark(StrEnum):
    """How a step went."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step."""

    name: str
    mark: Mark
    words: str = ""
    """What was seen, or what is wrong and what to do."""
    took_s: float = 0.0


class ServerCheck:
    """Checks one server. What it makes there, it removes."""

    def __init__(self, client: RunClient, *, keep: bool = False, now: Callable[[], float] = time.monotonic) -> None:
        """Prepare; nothing is sent yet.

        Args:
            client: Of the server.
            keep: Leave the run that is made.
            now: A clock in s.
        """
        self._client, self._reads = client, RunReads(client)
        self._keep, self._now = keep, now
        self._entity = ""
        self._at: RunAddress | None = None

    def steps(self) -> Iterator[StepResult]:
        """Do one step after the other; without a login the rest is not tried."""
        result = self._do("login", self._login)
        yield result
        if result.mark is Mark.BAD:
            return
        yield self._do("secure connection", self._connection)
        yield self._do("version", self._version)
        yield self._do("large request", self._large)
        with tempfile.TemporaryDirectory(prefix="kymograph-verify-") as scratch:
            yield self._do("run: config, rows, summary, file", lambda: self._run(Path(scratch)))
        if self._at is not None:
            storage = StorageCheck(self._client, self._at)
            yield self._do("file comes back by its signed address", lambda: self._file(storage))
            yield self._do("pages may fetch files (CORS)", lambda: _cross_origin(storage))
            yield self._do("large file, whole and in part", lambda: (Mark.GOOD, storage.large_file()))
            yield self._do("artifact: files, manifest, alias", self._artifact)
            if not self._keep:
                yield self._do("cleaning up", self._remove)

    def _do(self, name: str, step: Callable[[], tuple[Mark, str]]) -> StepResult:
        began = self._now()
        try:
            mark, words = step()
        except KymographError as exc:
            mark, words = Mark.BAD, str(exc)
        return StepResult(name, mark, words, self._now() - began)

    def _login(self) -> tuple[Mark, str]:
        viewer = self._client.viewer()
        self._entity = viewer.entity
        return Mark.GOOD, f"as {viewer.username or self._entity}"

    def _connection(self) -> tuple[Mark, str]:
        url = self._client.base_url
        if url.startswith("https://"):
            return Mark.GOOD, "https"
        is_local = url.startswith(("http://localhost", "http://127.", "http://[::1]"))
        if is_local:
            return Mark.GOOD, "http, on this machine"
        return Mark.WARNING, "http: keys and data can be read on the way; put a proxy with TLS before the server"

    def _version(self) -> tuple[Mark, str]:
        info = self._client.graphql(_VERSIONS).get("serverInfo")
        told = info.get("cliVersionInfo") if isinstance(info, dict) else None
        features = self._client.features()
        newest = told.get("max_cli_version") if isinstance(told, dict) else None
        known = f"knows clients up to {newest}" if newest else "does not tell which clients it knows"
        return Mark.GOOD, f"kymograph {__version__} here; the server {known}, and {len(features)} features"

    def _large(self) -> tuple[Mark, str]:
        variables = {"entity": self._entity, "name": PROJECT, "runName": "", "desc": "a" * LARGE_BYTES}
        try:
            self._client.graphql(_LARGE, variables)
        except NotFoundError:
            pass  # read whole, and understood
        except RequestTooLarge as exc:
            advice = "a proxy before it has a limit (client_max_body_size, proxy-body-size): raise it to 0 or 16m"
            return Mark.BAD, f"{exc}; perhaps {advice}"
        return Mark.GOOD, f"{LARGE_BYTES / 1e6:.0f} MB"

    def _run(self, scratch: Path) -> tuple[Mark, str]:
        folder = _write_run(scratch)
        result = sync_run(folder, self._client)
        if result.receipt is None or not result.is_whole:
            return Mark.BAD, "; ".join([result.problem, *result.missing_files]) or "not everything arrived"
        entity, project, run_id = result.receipt.path.split("/")
        self._at = RunAddress(entity, project, run_id)
        report = check_run(folder, self._reads)
        if not report.is_equal:
            return Mark.BAD, "; ".join(map(str, report.differences[:3]))
        return Mark.GOOD, f"{report.counts['rows']} rows and {report.counts['files']} files, read back and compared"

    def _file(self, storage: StorageCheck) -> tuple[Mark, str]:
        sink = BytesIO()
        self._client.fetch(storage.address_of(FILE_NAME), sink)
        if sink.getvalue() != FILE_TEXT.encode():
            return Mark.BAD, "other bytes come than were sent: does a proxy or cache change answers?"
        return Mark.GOOD, f"{len(FILE_TEXT)} bytes"

    def _artifact(self) -> tuple[Mark, str]:
        assert self._at is not None
        check = ArtifactCheck(self._client, self._at)
        try:
            check.log()
            return Mark.GOOD, check.read()
        finally:
            if not self._keep:
                check.remove()

    def _remove(self) -> tuple[Mark, str]:
        assert self._at is not None
        self._reads.delete_run(self._reads.get_run(self._at).storage_id)
        return Mark.GOOD, f"run {self._at.path} is removed"


def _cross_origin(storage: StorageCheck) -> tuple[Mark, str]:
    problems = storage.cross_origin(FILE_NAME)
    return (Mark.WARNING, "; ".join(problems)) if problems else (Mark.GOOD, "GET and PUT")


def _write_run(scratch: Path) -> RunFolder:
    """A run with something of everything, in a folder."""
    from kymograph.sdk.init import init
    from kymograph.sdk.settings import Settings

    quiet = Settings(silent=True, console="off", x_disable_stats=True, x_save_requirements=False, disable_git=True)
    run = init(
        mode="offline",
        dir=str(scratch),
        project=PROJECT,
        config={"epochs": ROWS, "nested": {"text": "a test", "list": [0, "one", 2.0]}},
        settings=quiet,
        reinit="finish_previous",
    )
    for step in range(ROWS):
        run.log({"loss": 1 / (step + 1), "nested": {"value": step}}, step=step)
    run.log({"nan": float("nan"), "HT%3ML ": "text"}, step=ROWS)
    file = Path(run.dir) / FILE_NAME
    file.write_text(FILE_TEXT, encoding="utf-8")
    run.save(str(file), base_path=run.dir)
    run.finish()
    return RunFolder.find(Path(run.sync_dir))
