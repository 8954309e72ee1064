"""Bytes of artifacts: signed addresses, and the addresses that clients build themselves from digests."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from kymograph.errors import ArtifactNotFound
from kymograph.server.auth import CallerDep, ServicesDep
from kymograph.server.limits import body_stream
from kymograph.server.ranges import bytes_response
from kymograph.services.access import Caller
from kymograph.services.artifact_downloads import StoredBytes
from kymograph.services.container import Services
from kymograph.services.files import guess_mimetype
from kymograph.types import ArtifactId, ObjectKey
from kymograph.wire.ids import find_id

router = APIRouter(include_in_schema=False)


@router.put("/storage/artifacts/{token}/{path:path}")
async def put_artifact_file(token: str, path: str, request: Request, services: ServicesDep) -> Response:
    """Store a file or a manifest; the address alone is the credential."""
    stored = await services.artifact_uploads.receive(token, body_stream(request))
    return Response(status_code=200, headers={"ETag": f'"{stored.digest}"'})


@router.get("/storage/artifacts/{token}/{path:path}")
async def get_artifact_file(token: str, path: str, request: Request, services: ServicesDep) -> Response:
    """Give a file or a manifest; the address alone is the credential."""
    return _response(services, await services.artifact_downloads.resolve(token, path), request)


@router.options("/storage/artifacts/{token}/{path:path}")
async def preflight(token: str, path: str) -> Response:
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


@router.get("/artifactsV2/{region}/{entity}/{project}/{collection}/{birth}/{hexdigest}/{name}")
async def get_entry(
    region: str,
    entity: str,
    project: str,
    collection: str,
    birth: str,
    hexdigest: str,
    name: str,
    request: Request,
    caller: CallerDep,
    services: ServicesDep,
) -> Response:
    """Give one entry by the digest in its manifest. Source: protocol.md §1.2."""
    return await _entry(services, caller, request, _Address(region, entity, project, birth, hexdigest, name))


@router.get("/artifactsV2/{region}/{entity}/{project}/{collection}/{artifact}/{birth}/{hexdigest}/{name}")
async def get_entry_of_artifact(
    region: str,
    entity: str,
    project: str,
    collection: str,
    artifact: str,
    birth: str,
    hexdigest: str,
    name: str,
    request: Request,
    caller: CallerDep,
    services: ServicesDep,
) -> Response:
    """The same, by clients that also name the version."""
    return await _entry(services, caller, request, _Address(region, entity, project, birth, hexdigest, name, artifact))


@router.get("/artifacts/{entity}/{hexdigest}")
async def get_blob(entity: str, hexdigest: str, request: Request, caller: CallerDep, services: ServicesDep) -> Response:
    """Give content by its digest alone: storage layout V1."""
    key = await run_in_threadpool(services.artifact_downloads.find_in_entity, caller, entity, hexdigest)
    return _response(services, await services.artifact_downloads.open(key, hexdigest), request)


@dataclass(frozen=True, slots=True)
class _Address:
    """The parts of an address that a client built."""

    region: str
    entity: str
    project: str
    birth: str
    hexdigest: str
    name: str
    artifact: str = ""


async def _entry(services: Services, caller: Caller, request: Request, address: _Address) -> Response:
    if not services.artifact_uploads.knows_region(address.region):
        raise ArtifactNotFound(address.name, within=f"storage region {address.region!r}")

    def find() -> ObjectKey:
        return services.artifact_downloads.find_in_version(
            caller,
            _artifact_id(address.birth),
            address.entity,
            address.project,
            address.hexdigest,
            artifact=_artifact_id(address.artifact),
        )

    key = await run_in_threadpool(find)
    return _response(services, await services.artifact_downloads.open(key, address.name), request)


def _artifact_id(text: str) -> ArtifactId | None:
    number = find_id("Artifact", text)
    return ArtifactId(number) if number is not None else None


def _response(services: Services, stored: StoredBytes, request: Request) -> Response:
    """Exact bytes, with ranges; artifacts are data to save, never a page to show."""
    return bytes_response(
        lambda span: services.artifact_downloads.read(stored, span),
        request,
        size_bytes=stored.info.size_bytes,
        mimetype=guess_mimetype(stored.name),
        name=stored.name.rpartition("/")[2],
        etag=None,
        attachment=True,
        path=services.artifact_downloads.local_path(stored),
    )
