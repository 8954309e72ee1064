"""``/storage/…``: bytes to and from signed addresses, with ranges."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from kymograph.core.files import RunFile
from kymograph.server.auth import ServicesDep
from kymograph.server.limits import body_stream
from kymograph.server.ranges import bytes_response
from kymograph.services.container import Services

router = APIRouter(include_in_schema=False)


@router.put("/storage/runs/{token}/{path:path}")
async def put_run_file(token: str, path: str, request: Request, services: ServicesDep) -> Response:
    """Store a run file; the address alone is the credential."""
    file = await services.files.receive(
        token,
        body_stream(request),
        content_type=request.headers.get("content-type"),
        may_replace=request.headers.get("if-none-match") != "*",
    )
    return Response(status_code=200, headers={"ETag": f'"{file.md5}"'})


@router.get("/storage/runs/{token}/{path:path}")
async def get_run_file(token: str, path: str, request: Request, services: ServicesDep) -> Response:
    """Give a run file; the address alone is the credential."""
    file = await run_in_threadpool(services.files.resolve_download, token)
    return file_response(services, file, request, attachment=False)


@router.options("/storage/runs/{token}/{path:path}")
async def preflight(token: str, path: str, services: ServicesDep) -> Response:
    """Let pages of other origins read a signed address: it carries its own credential and no cookie."""
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": "GET, PUT, OPTIONS",
            "Access-Control-Allow-Headers": "Range, Content-Type, Content-MD5",
            "Access-Control-Max-Age": "600",
        },
    )


@router.api_route("/storage/exports/{token}/{name}", methods=["GET", "HEAD"])
def get_export(token: str, name: str, request: Request, services: ServicesDep) -> Response:
    """Give a Parquet file of a history; the address alone is the credential. The client asks for its size first."""
    file = services.exports.resolve_download(token)
    return bytes_response(
        lambda span: services.exports.read(file, span),
        request,
        size_bytes=file.size_bytes,
        mimetype="application/vnd.apache.parquet",
        name=name,
        etag=None,
        attachment=True,
    )


def file_response(services: Services, file: RunFile, request: Request, *, attachment: bool) -> Response:
    """A run file with ranges, safe to open in a browser."""
    return bytes_response(
        lambda span: services.files.read(file, span),
        request,
        size_bytes=file.size_bytes,
        mimetype=file.mimetype,
        name=file.path.rpartition("/")[2],
        etag=f'"{file.md5}"',
        attachment=attachment,
    )
