"""``POST /files/{entity}/{project}/{run}/file_stream``: the protocol's incremental half."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from kymograph.core.history import Stream
from kymograph.server.auth import identify, services_of
from kymograph.server.limits import read_body
from kymograph.services.access import Caller
from kymograph.services.container import Services
from kymograph.services.history import StreamUpdate
from kymograph.types import WriterId
from kymograph.wire.filestream import MAX_REQUEST_BYTES, encode_reply, parse_request
from kymograph.wire.sharing import STREAM_WRITER_HEADER, writer_of

logger = logging.getLogger(__name__)


async def file_stream(request: Request) -> Response:
    """Keep what one request brings; the answer means that it is durable."""
    services, identity = services_of(request), await identify(request)
    body = await read_body(request, MAX_REQUEST_BYTES)
    encoding = request.headers.get("content-encoding")
    writer = writer_of(request.headers, STREAM_WRITER_HEADER)
    address = (request.path_params["entity"], request.path_params["project"], request.path_params["run"])
    services.admission.check(len(body))
    reply, lines = await run_in_threadpool(_record, services, identity.caller, address, body, encoding, writer)
    request.app.state.counters.add_taken(lines, len(body))
    return Response(reply, media_type="application/json")


route = Route("/files/{entity}/{project}/{run}/file_stream", file_stream, methods=["POST"], include_in_schema=False)
"""A plain route, to be the first of all: finding it among the others and having its parameters resolved by the
framework took half of what a heartbeat costs."""


def _record(
    services: Services,
    caller: Caller,
    address: tuple[str, str, str],
    body: bytes,
    encoding: str | None,
    writer: WriterId,
) -> tuple[bytes, Mapping[Stream, int]]:
    parsed = parse_request(body, encoding=encoding, writer=writer)
    if parsed.ignored:
        logger.warning("unknown virtual files ignored", extra={"run": "/".join(address), "files": parsed.ignored[:10]})
    update = StreamUpdate(
        batches=parsed.batches,
        writer=writer,
        summary_json=parsed.summary_json,
        is_preempting=parsed.is_preempting,
        is_complete=parsed.is_complete,
        exit_code=parsed.exit_code,
        has_files=bool(parsed.uploaded),
    )
    run = services.history.record(caller, *address, update)
    lines = Counter[Stream]()
    for batch in parsed.batches:
        lines[batch.stream] += len(batch.lines)
    return encode_reply(stop_requested=run.stop_requested), lines
