"""Encodings of versions and of the runs beside them, for all routes that answer them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kymograph.core.artifact import ArtifactVersion, Membership
from kymograph.core.run import Run
from kymograph.server.json import iso
from kymograph.server.routes.rest.common import decode_document
from kymograph.services.artifact_catalog import PlaceView
from kymograph.types import JsonObject
from kymograph.wire.ids import encode_id


def encode_run_ref(run: Run, now: datetime) -> JsonObject:
    """A run as `RunRefModel` has it."""
    return {
        "entity": run.entity,
        "project": run.project,
        "id": run.id,
        "name": run.display_name,
        "state": run.state_at(now).value,
        "color": run.color,
        "job_type": run.job_type,
        "created_at": iso(run.created_at),
    }


def encode_version(version: ArtifactVersion) -> JsonObject:
    """A version where it was made, as `VersionRefModel` has it."""
    return {
        "id": encode_id("Artifact", version.id),
        "entity": version.collection.entity,
        "project": version.collection.project,
        "collection": version.collection.name,
        "type": version.collection.type_name,
        "version": None if version.version_index is None else f"v{version.version_index}",
        "aliases": list(version.aliases),
        "size_bytes": version.size_bytes,
        "file_count": version.file_count,
        "state": version.state.value,
        "created_at": iso(version.created_at),
    }


def encode_place(view: PlaceView, now: datetime) -> JsonObject:
    """A version in a collection, as `VersionModel` has it."""
    place, version = view.place, view.place.version
    return {
        **encode_version(version),
        "entity": place.collection.entity,
        "project": place.collection.project,
        "collection": place.collection.name,
        "version": f"v{place.version_index}",
        "aliases": list(place.aliases),
        "own_bytes": view.figures.use.own_bytes,
        "shared_bytes": view.figures.use.shared_bytes,
        "digest": version.digest,
        "description": version.description,
        "tags": list(version.tags),
        "is_link": place.is_link,
        "run": encode_run_ref(view.run, now) if view.run is not None else None,
        "used_by": view.figures.used_by,
    }


def encode_version_detail(view: PlaceView, links: Sequence[Membership], now: datetime) -> JsonObject:
    """The same with everything, as `VersionDetail` has it; metadata may hold what JSON cannot."""
    version = view.place.version
    made_in = version.collection
    return {
        **encode_place(view, now),
        "digest_algorithm": version.digest_algorithm.value,
        "metadata": decode_document(version.metadata_json),
        "ttl_s": version.ttl_duration_s,
        "history_step": version.history_step,
        "source": {
            "entity": made_in.entity,
            "project": made_in.project,
            "collection": made_in.name,
            "version": f"v{version.version_index}",
            "aliases": list(version.aliases),
        },
        "links": [
            {
                "entity": link.collection.entity,
                "project": link.collection.project,
                "collection": link.collection.name,
                "version": f"v{link.version_index}",
                "aliases": list(link.aliases),
            }
            for link in links
        ],
    }
