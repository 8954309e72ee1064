"""``/api/docs``: the REST API as one page, made from its OpenAPI document; nothing is loaded from elsewhere."""

from __future__ import annotations

import html
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_STYLE = """
body { font: 13px/20px ui-sans-serif, system-ui, sans-serif; margin: 32px auto; max-width: 960px; padding: 0 16px;
       color-scheme: light dark }
h1 { font-size: 20px } h2 { font-size: 16px; margin-top: 32px } code { font-family: ui-monospace, monospace }
section { border-top: 1px solid color-mix(in srgb, currentColor 18%, transparent); padding: 8px 0 }
b { display: inline-block; width: 56px; font-weight: 600 } p { margin: 4px 0 4px 60px }
table { margin-left: 60px; border-collapse: collapse } td { padding: 2px 16px 2px 0; vertical-align: top }
"""


@router.get("/api/docs")
def docs(request: Request) -> HTMLResponse:
    """Every operation with its parameters and answers."""
    return HTMLResponse(render(request.app.openapi()))


def render(document: dict[str, Any]) -> str:
    """The page of an OpenAPI document."""
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    sections = "".join(f"<h2>{_text(name.capitalize())}</h2>{''.join(items)}" for name, items in groups.items())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Kymograph API</title><style>{_STYLE}</style>'
        f"<body><h1>Kymograph API {_text(document['info']['version'])}</h1>"
        "<p>Send <code>Authorization: Bearer &lt;API key&gt;</code>. The machine-readable form is at "
        '<a href="/api/v1/openapi.json">/api/v1/openapi.json</a>.</p>'
        f"{sections}</body></html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{_text(parameter['name'])}</code></td><td>{_text(parameter['in'])}</td>"
        f"<td>{_text(parameter.get('description', ''))}</td></tr>"
        for parameter in operation.get("parameters", ())
    )
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if name := body.get("$ref", "").rpartition("/")[2]:
        rows += f"<tr><td><code>{_text(name)}</code></td><td>body</td><td></td></tr>"
    statuses = ", ".join(operation["responses"])
    return (
        f"<section><b>{method.upper()}</b> <code>{_text(path)}</code>"
        f"<p>{_text(operation.get('description', ''))}</p>"
        f"<table>{rows}</table><p>Answers: {_text(statuses)}</p></section>"
    )


def _text(value: str) -> str:
    return html.escape(value)
