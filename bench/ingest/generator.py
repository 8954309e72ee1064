"""A load that costs little to make: a process that sends rows of metrics to a server and times every answer.

    .venv/bin/python -m bench.ingest.generator URL RUN… --key KEY --metrics 100 --seconds 60 [--rate 1000000]

Bodies are those of the protocol's client: lines of JSON as texts in a JSON list, doubles of 17 digits, the whole
summary with each request. Rows have a fixed width, so a request is a slice of a prepared block of rows into which steps
and times are written in place. All digits of all values are random, and two of them change each time the block is used
again: nothing on the way to the segments can profit from a repetition. One thread and one connection per run; a run
sends its next request when the last one is answered and, with ``--rate``, not before it is due. An answer is timed from
the moment the request was due, so a server that stalls is not flattered by a client that waits for it.

Prints one JSON object: see `Result`.
"""

from __future__ import annotations

import argparse
import base64
import json
import socket
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Protocol
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]
Columns = npt.NDArray[np.intp]

REQUEST_BYTES = 1_000_000
"""Clients send up to 10 MB in one request."""
FIRST_STEP = 10_000_000
"""Steps have eight digits from the first to the last, so that they can be written in place."""
FIRST_RUNTIME_US = 1_000_000_000
FIRST_TIMESTAMP_US = 1_795_000_000_000_000
VALUE = "1.0000000000000000"
_BLOCK_BYTES = 64 * 2**20
_MAX_BLOCK_ROWS = 20_000
_HEAD_ROOM = 2048
_FOUR_DIGITS = np.frombuffer("".join(f"{number:04d}" for number in range(10_000)).encode(), np.uint8).reshape(-1, 4)


@dataclass(frozen=True, slots=True)
class Load:
    """What to send."""

    runs: int
    metrics: int
    seconds: float
    rate: float | None = None
    """Points per second of all runs together; None: as many as the server takes."""
    request_bytes: int = REQUEST_BYTES
    """About the size of a body; at least one row."""


@dataclass(slots=True)
class Result:
    """What came of it. A point is a metric's value; step, run time and time stamp do not count."""

    points: int = 0
    rows: int = 0
    requests: int = 0
    sent_bytes: int = 0
    refused: int = 0
    """Requests that were answered 429 and sent again."""
    seconds: float = 0.0
    """From the first request to the last answer."""
    cpu_seconds: float = 0.0
    """Of this process, in that time."""
    ack_p50_ms: float = 0.0
    ack_p99_ms: float = 0.0
    ack_max_ms: float = 0.0
    late_ms: float = 0.0
    """How far behind its schedule the latest run ended; 0 without a rate."""


class Rows(Protocol):
    """Rows of one run in the form that one kind of server takes."""

    target: str
    """Path of the requests."""
    template: Bytes
    values: Columns
    """Where in the template the values begin."""
    per_request: int

    def frame(self, rows: Bytes, first_row: int) -> tuple[bytes, bytes]:
        """Write steps and times into `rows`; gives what stands before and after them in the body."""


class FileStreamRows:
    """Lines of the protocol's file stream, as the newest client sends them."""

    def __init__(self, run: str, metrics: int, request_bytes: int, row_interval_us: int) -> None:
        self.target = f"/files/admin/bench/{run}/file_stream"
        names = [f"train/metric_{number}" for number in range(metrics)]
        fields = ",".join(f'"{name}":{VALUE}' for name in names)
        line = f'{{"_step":{FIRST_STEP},{fields},"_runtime":1000.000000,"_timestamp":1795000000.000000}}'
        template = f"{json.dumps(line)},".encode()
        self.template = np.frombuffer(template, np.uint8)
        self.per_request = max(1, request_bytes // len(template))
        self.values: Columns = np.array(positions(template, [f'\\"{name}\\":'.encode() for name in names]))
        self._step, self._runtime, self._timestamp = positions(
            template, [b'\\"_step\\":', b'\\"_runtime\\":', b'\\"_timestamp\\":']
        )
        self._interval_us = row_interval_us
        summary = {"_step": FIRST_STEP, **dict.fromkeys(names, 1.0), "_wandb": {"runtime": 1000}}
        text = json.dumps(json.dumps(summary, separators=(",", ":")))
        self._summary = text.encode().replace(b'\\":1.0', b'\\":' + VALUE.encode())
        self._summary_values = positions(self._summary, [f'\\"{name}\\":'.encode() for name in names])

    def frame(self, rows: Bytes, first_row: int) -> tuple[bytes, bytes]:
        numbers = np.arange(first_row, first_row + len(rows), dtype=np.int64)
        elapsed_us = numbers * self._interval_us
        write_digits(rows, self._step, numbers + FIRST_STEP, 8)
        for column, whole_digits, first_us in (
            (self._runtime, 4, FIRST_RUNTIME_US),
            (self._timestamp, 10, FIRST_TIMESTAMP_US),
        ):
            whole, fraction = np.divmod(elapsed_us + first_us, 1_000_000)
            write_digits(rows, column, whole, whole_digits)
            write_digits(rows, column + whole_digits + 1, fraction, 6)
        head = f'{{"files":{{"wandb-history.jsonl":{{"offset":{first_row},"content":['
        # The trailing comma of the last row becomes the end of the list.
        rows[-1, -1] = ord("]")
        return head.encode(), b'},"wandb-summary.json":{"offset":0,"content":[' + self._summary_of(rows[-1]) + b"]}}}"

    def _summary_of(self, row: Bytes) -> bytes:
        """The summary as it is after a row: its values."""
        summary = bytearray(self._summary)
        last, width = row.tobytes(), len(VALUE)
        for to, start in zip(self._summary_values, self.values, strict=True):
            summary[to : to + width] = last[start : start + width]
        return bytes(summary)


class MlflowRows:
    """Requests of MLflow's ``log-batch``, which takes 1,000 metrics at most."""

    target = "/api/2.0/mlflow/runs/log-batch"

    def __init__(self, run: str, metrics: int, row_interval_us: int) -> None:
        names = [f"train/metric_{number}" for number in range(metrics)]
        template = "".join(
            f'{{"key":"{name}","value":{VALUE},"timestamp":1795000000000,"step":{FIRST_STEP}}},' for name in names
        ).encode()
        self.template = np.frombuffer(template, np.uint8)
        self.per_request = max(1, 1000 // metrics)
        starts = positions(template, [f'"{name}",'.encode() for name in names])
        self.values: Columns = np.array([template.index(b'"value":', start) + 8 for start in starts])
        self._timestamps = [template.index(b'"timestamp":', start) + 12 for start in starts]
        self._steps = [template.index(b'"step":', start) + 7 for start in starts]
        self._interval_us = row_interval_us
        self._run = run

    def frame(self, rows: Bytes, first_row: int) -> tuple[bytes, bytes]:
        numbers = np.arange(first_row, first_row + len(rows), dtype=np.int64)
        for column in self._steps:
            write_digits(rows, column, numbers + FIRST_STEP, 8)
        for column in self._timestamps:
            write_digits(rows, column, (FIRST_TIMESTAMP_US + numbers * self._interval_us) // 1000, 13)
        rows[-1, -1] = ord("]")
        return f'{{"run_id":"{self._run}","metrics":['.encode(), b"}"


def positions(template: bytes, labels: Sequence[bytes]) -> list[int]:
    """Where the values of labels begin."""
    return [template.index(label) + len(label) for label in labels]


def write_digits(rows: Bytes, column: int, numbers: Numbers, width: int) -> None:
    """Write numbers as decimals of a fixed width, one into each row."""
    while width > 0:
        step = min(width, 4)
        numbers, low = np.divmod(numbers, 10_000)
        rows[:, column + width - step : column + width] = _FOUR_DIGITS[low, 4 - step :]
        width -= step


def rewrite_values(rows: Bytes, values: Columns, epoch: int) -> None:
    """Make the values of a block other ones, a hundred times."""
    tens, ones = divmod(epoch % 100, 10)
    rows[:, values + 4] = 48 + tens
    rows[:, values + 5] = 48 + ones


def random_block(rows: Rows, *, seed: int = 7) -> Bytes:
    """Rows whose values are random in all digits."""
    count = max(rows.per_request, min(_MAX_BLOCK_ROWS, _BLOCK_BYTES // len(rows.template)))
    block = np.tile(rows.template, (count, 1))
    generator = np.random.default_rng(seed)
    for start in rows.values:
        block[:, start] = generator.integers(49, 58, count, np.uint8)
        block[:, start + 2 : start + len(VALUE)] = generator.integers(48, 58, (count, len(VALUE) - 2), np.uint8)
    return block


class Connection:
    """A connection that is kept; requests one after another."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=180)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def exchange(self, request: memoryview) -> tuple[int, bytes, bytes]:
        """Send a request; gives status, head and body of the answer."""
        self._socket.sendall(request)
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._receive()
        head = received[:end]
        length = int(header_of(head, b"content-length") or 0)
        while len(received) < end + 4 + length:
            received += self._receive()
        return int(head[9:12]), head, received[end + 4 :]

    def _receive(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise SystemExit("the server closed the connection")
        return data

    def close(self) -> None:
        self._socket.close()


def header_of(head: bytes, name: bytes) -> bytes | None:
    """A header of an answer."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return None


class Sender:
    """One run: builds its requests and sends them when they are due."""

    def __init__(self, url: str, key: str, rows: Rows, block: Bytes, *, begin_at_row: int) -> None:
        self._connection = Connection(url)
        self._rows = rows
        self._block = block
        self._begin_at_row = begin_at_row
        token = base64.b64encode(f"api:{key}".encode()).decode()
        self._head = (
            f"POST {rows.target} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nUser-Agent: wandb-core\r\n"
            f"Authorization: Basic {token}\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n"
            "Content-Length: "
        )
        size = rows.per_request * len(rows.template)
        after = rows.frame(block[: rows.per_request].copy(), 0)[1]
        self._ends_at = _HEAD_ROOM + size
        self._buffer = np.empty(self._ends_at + len(after), np.uint8)
        self._slice = self._buffer[_HEAD_ROOM : self._ends_at].reshape(rows.per_request, -1)
        self.sent_rows = 0
        self.sent_bytes = 0
        self.refused = 0
        self.ack_s: list[float] = []
        self.late_s = 0.0

    def run(self, started_at: float, ends_at: float, interval_s: float | None, phase_s: float) -> None:
        """Send until the end; `phase_s` keeps runs from sending in step."""
        due_at = started_at + phase_s
        while True:
            request = self._build()
            now = time.perf_counter()
            if interval_s is None:
                due_at = now
            if max(now, due_at) >= ends_at:
                break
            if now < due_at:
                time.sleep(due_at - now)
                now = time.perf_counter()
            self._send(request)
            self.ack_s.append(time.perf_counter() - due_at)
            self.sent_rows += self._rows.per_request
            self.sent_bytes += len(request)
            self.late_s = max(0.0, now - due_at)
            due_at += interval_s or 0.0
        self._connection.close()

    def _build(self) -> memoryview:
        # A slice never wraps: the last rows of the block are left out if they are fewer than a request takes.
        count = self._rows.per_request
        epoch, index = divmod((self._begin_at_row + self.sent_rows) // count, len(self._block) // count)
        self._slice[:] = self._block[index * count : (index + 1) * count]
        rewrite_values(self._slice, self._rows.values, epoch)
        before, after = self._rows.frame(self._slice, self.sent_rows)
        length = len(before) + self._slice.size + len(after)
        head = f"{self._head}{length}\r\n\r\n".encode() + before
        view = self._buffer.data
        view[_HEAD_ROOM - len(head) : _HEAD_ROOM] = head
        view[self._ends_at : self._ends_at + len(after)] = after
        return view[_HEAD_ROOM - len(head) : self._ends_at + len(after)]

    def _send(self, request: memoryview) -> None:
        while True:
            status, head, body = self._connection.exchange(request)
            if status < 300:
                return
            if status != 429:
                raise SystemExit(f"answered {status}: {body[:500]!r}")
            self.refused += 1
            time.sleep(float(header_of(head, b"retry-after") or 1))


def send_load(url: str, key: str, load: Load, runs: Sequence[str], *, kind: str = "file_stream") -> Result:
    """Send a load from threads of this process.

    Args:
        url: The server.
        key: API key.
        load: What to send.
        runs: Ids of runs that exist, `load.runs` of them.
        kind: ``file_stream`` or ``mlflow``.
    """
    row_rate = load.rate / load.metrics / load.runs if load.rate is not None else None
    row_interval_us = max(1, round(1e6 / row_rate)) if row_rate is not None else 1000

    def rows_of(run: str) -> Rows:
        if kind == "mlflow":
            return MlflowRows(run, load.metrics, row_interval_us)
        return FileStreamRows(run, load.metrics, load.request_bytes, row_interval_us)

    first = rows_of(runs[0])
    block = random_block(first)
    interval_s = first.per_request / row_rate if row_rate is not None else None
    senders = [
        Sender(url, key, rows_of(run), block, begin_at_row=number * len(block) // load.runs)
        for number, run in enumerate(runs)
    ]

    cpu_before, started_at = time.process_time(), time.perf_counter()
    with ThreadPoolExecutor(load.runs) as pool:
        working = [
            pool.submit(
                sender.run, started_at, started_at + load.seconds, interval_s, (interval_s or 0.0) * number / load.runs
            )
            for number, sender in enumerate(senders)
        ]
    elapsed_s, cpu_s = time.perf_counter() - started_at, time.process_time() - cpu_before
    for each in working:
        each.result()

    ack_ms = np.array([ack for sender in senders for ack in sender.ack_s]) * 1e3
    rows = sum(sender.sent_rows for sender in senders)
    return Result(
        points=rows * load.metrics,
        rows=rows,
        requests=len(ack_ms),
        sent_bytes=sum(sender.sent_bytes for sender in senders),
        refused=sum(sender.refused for sender in senders),
        seconds=elapsed_s,
        cpu_seconds=cpu_s,
        ack_p50_ms=float(np.percentile(ack_ms, 50)),
        ack_p99_ms=float(np.percentile(ack_ms, 99)),
        ack_max_ms=float(ack_ms.max()),
        late_ms=max(sender.late_s for sender in senders) * 1e3,
    )


def main() -> int:
    """Send and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("run", nargs="+", help="ids of runs that exist; one connection each")
    parser.add_argument("--key", default="", help="API key")
    parser.add_argument("--metrics", type=int, default=100, help="in each row")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, help="points a second of all runs together; default: as many as it takes")
    parser.add_argument("--request-bytes", type=int, default=REQUEST_BYTES)
    parser.add_argument("--kind", choices=["file_stream", "mlflow"], default="file_stream")
    options = parser.parse_args()
    load = Load(len(options.run), options.metrics, options.seconds, options.rate, options.request_bytes)
    result = send_load(options.url, options.key, load, options.run, kind=options.kind)
    json.dump(asdict(result), sys.stdout)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
