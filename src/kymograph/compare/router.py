"""The comparer over HTTP, for whoever puts a `comparison_source` into the application's state."""

from __future__ import annotations

from fastapi import APIRouter

from kymograph.compare import routes_selections, routes_simple

PREFIX = "/api/v1/compare"

router = APIRouter(tags=["compare"])
router.include_router(routes_simple.router)
router.include_router(routes_selections.router)
