"""The web page: its assets, and one document for every address that people may open."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from kymograph.core.names import RESERVED_ENTITY_NAMES

router = APIRouter(include_in_schema=False)

PAGE_SEGMENTS = frozenset({"authorize", "login", "logout", "settings", "share", "search", "trash", "registry"})
"""Reserved first segments that are pages; all other reserved ones are machine addresses."""

NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Kymograph</title>
<body style="font: 14px system-ui; margin: 48px; max-width: 40em"><h1>Kymograph is running</h1>
<p>The web page was not built into this installation. Run <code>make web</code> and reload.</p>
<p>Logging and the API work: see <a href="/api/docs">/api/docs</a>.</p></body></html>"""


class Assets(StaticFiles):
    """Files whose names carry a hash of their content: a browser may keep them for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def static_folder() -> Path:
    """Where the built page lies, whether or not it was built."""
    return Path(str(resources.files("kymograph.server"))) / "static"


@router.get("/{path:path}")
def page(path: str, request: Request) -> Response:
    """The page's document; it finds out by itself what the address means."""
    first = path.partition("/")[0]
    folder = static_folder()
    if "/" not in path and path:
        candidate = folder / path
        # Only files that lie directly in the folder, like the icon; assets have a route of their own.
        if candidate.parent == folder and candidate.is_file() and path != "index.html":
            return FileResponse(candidate)
    if first in RESERVED_ENTITY_NAMES and first not in PAGE_SEGMENTS:
        raise HTTPException(404, f"there is nothing at /{path[:200]}")
    document = folder / "index.html"
    if not document.is_file():
        return HTMLResponse(NOT_BUILT)
    return FileResponse(document, media_type="text/html", headers={"Cache-Control": "no-cache"})
