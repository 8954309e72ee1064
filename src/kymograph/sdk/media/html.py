"""Pages and pieces of HTML."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import IO, ClassVar, Self

from kymograph.errors import InvalidMedia
from kymograph.sdk.media.base import BatchableMedia, MediaPlace, TypedMedia, read_text
from kymograph.types import JsonObject

_HEAD = '<base target="_blank"><link rel="stylesheet" type="text/css" href="https://app.wandb.ai/normalize.css" />'
"""What readers expect at the head of an injected page. Source: the vendor's `Html.inject_head`; a part of the file's
bytes, so that both clients give the same name to the same content."""
_MAX_PATH_CHARACTERS = 4096
"""A longer text is not asked about as a path."""


class Html(TypedMedia, BatchableMedia):
    """A page or piece of HTML.

    Attributes:
        html: The text, with what was injected.
    """

    log_type: ClassVar[str] = "html-file"
    subfolder: ClassVar[str] = "html"

    def __init__(
        self, data: str | PathLike[str] | IO[str], inject: bool = True, data_is_not_path: bool = False
    ) -> None:
        """Take HTML, or a file of it.

        Args:
            data: The text itself, the path of an existing file ``*.html``, or an open file.
            inject: Whether to add a style sheet, and to have links opened in a new tab.
            data_is_not_path: Whether to take a text that is the path of a file as text nevertheless.

        Raises:
            InvalidMedia: It is none of them.
        """
        path = None if data_is_not_path else _path_of(data)
        if path is not None:
            self.html = path.read_text(encoding="utf-8")
        elif isinstance(data, str):
            self.html = data
        elif not isinstance(data, PathLike) and hasattr(data, "read"):
            self.html = read_text("Html", data)
        else:
            raise InvalidMedia("Html", f"{data!r} is no text, no open file, and no path of an existing .html file")
        if inject:
            self.html = _injected(self.html)
        super().__init__(path if path is not None and not inject else self.html.encode(), extension=".html")

    @classmethod
    def bind_group(cls, items: Sequence[Self], place: MediaPlace, key: str, step: int) -> JsonObject:
        """Write the files of `items`."""
        return {"_type": "html", "count": len(items), "html": [item.bind(place, key, step) for item in items]}


def _path_of(data: object) -> Path | None:
    if isinstance(data, str) and (len(data) > _MAX_PATH_CHARACTERS or not data.endswith(".html") or "\0" in data):
        return None
    if not isinstance(data, str | PathLike):
        return None
    path = Path(data)
    try:
        return path if path.suffix == ".html" and path.is_file() else None
    except OSError:  # a name that is too long, among others
        return None


def _injected(html: str) -> str:
    for tag, before, after in (("<head>", "<head>", ""), ("<html>", "<html><head>", "</head>")):
        start, found, rest = html.partition(tag)
        if found:
            return f"{start}{before}{_HEAD}{after}{rest}".strip()
    return f"{_HEAD}{html}".strip()
