"""Logging and downloading versions of many small files: announced at once, sent and fetched in few bodies.

The bodies themselves go to and come from signed addresses (`server.routes.artifact_parts`).
"""

from __future__ import annotations

from fastapi import APIRouter, Response

from kymograph.core.digest import DigestAlgorithm
from kymograph.server.auth import CallerDep, ServicesDep
from kymograph.server.json import JsonResponse
from kymograph.server.routes.rest.bulk_models import (
    AmendedModel,
    AmendRequest,
    AnnouncedModel,
    AnnounceRequest,
    ContentModel,
    ContentRequest,
    OfferedModel,
    OfferRequest,
)
from kymograph.server.routes.rest.common import ERRORS
from kymograph.types import ArtifactId
from kymograph.wire.ids import encode_id, parse_id

router = APIRouter(tags=["artifacts"], responses=ERRORS)


@router.post("/artifact-uploads", response_model=AnnouncedModel)
def announce_files(body: AnnounceRequest, caller: CallerDep, services: ServicesDep) -> Response:
    """Let a draft name files; tells which contents are to be sent, and where to."""
    announced = services.artifact_bulk.announce(
        caller, _artifact(body.artifact), body.files, algorithm=DigestAlgorithm(body.algorithm)
    )
    births = [blob.birth for blob in announced.blobs]
    known = {birth: index for index, birth in enumerate(dict.fromkeys(births))}
    return JsonResponse(
        {
            "url": announced.url,
            "wanted": [index for index, blob in enumerate(announced.blobs) if blob.size_bytes is None],
            "births": [body.artifact if birth is None else encode_id("Artifact", birth) for birth in known],
            "born": [known[birth] for birth in births],
        }
    )


@router.post("/artifact-contents", response_model=ContentModel)
def offer_contents(body: ContentRequest, caller: CallerDep, services: ServicesDep) -> Response:
    """Where a large content of a project goes, whether or not a draft names it yet, and how much of it is there."""
    offer = services.artifact_contents.offer(
        caller,
        body.entity,
        body.project,
        algorithm=DigestAlgorithm(body.algorithm),
        upload=body.upload or "",
        digest=body.digest,
    )
    return JsonResponse({"url": offer.url, "received": offer.received_bytes})


@router.post("/artifact-downloads", response_model=OfferedModel)
def offer_files(body: OfferRequest, caller: CallerDep, services: ServicesDep) -> Response:
    """Where contents of a version's small files are given, many at once, for a while."""
    return JsonResponse({"url": services.artifact_bulk.offer(caller, _artifact(body.artifact))})


@router.post("/artifact-manifests", response_model=AmendedModel)
def amend_manifest(body: AmendRequest, caller: CallerDep, services: ServicesDep) -> Response:
    """Give a draft the manifest of another version with some entries changed."""
    manifest = services.artifact_amendments.put(
        caller,
        _artifact(body.artifact),
        _artifact(body.base),
        removed=body.removed,
        changed={path: {**entry} for path, entry in body.changed.items()},
    )
    return JsonResponse({"digest": manifest.digest})


def _artifact(text: str) -> ArtifactId:
    return ArtifactId(parse_id("Artifact", text))
