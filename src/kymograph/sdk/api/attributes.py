"""Fields of what a server describes, under the names that scripts have for them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from kymograph.sdk.api.either import Bound, M
from kymograph.sdk.api.session import ApiSession
from kymograph.sdk.capture.notebook import display_html, find_notebook_shell
from kymograph.sdk.showing import DEFAULT_HEIGHT, page_html
from kymograph.types import JsonObject


class Described(Bound[M]):
    """Something that a server describes: each field ``createdAt`` is also an attribute ``created_at``."""

    def __init__(self, session: ApiSession[M], node: JsonObject) -> None:
        """Describe what a server has told.

        Args:
            session: With the server.
            node: Its document.
        """
        super().__init__(session)
        self._node = node

    def __getattr__(self, name: str) -> Any:
        node = self.__dict__.get("_node") or {}
        for known in (to_camel(name), name):
            if known in node and not name.startswith("__"):
                return node[known]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


class Page(Described[M]):
    """Something that has a page of its own."""

    @property
    def url(self) -> str:
        """Address of the page."""
        raise NotImplementedError

    def to_html(self, height: int = DEFAULT_HEIGHT, hidden: bool = False) -> str:
        """HTML that shows the page in a frame."""
        return page_html(self.url, height=height, hidden=hidden, what=type(self).__name__.lower())

    def _repr_html_(self) -> str:
        return self.to_html()

    def display(self, height: int = DEFAULT_HEIGHT, hidden: bool = False) -> bool:
        """Show the page below the cell; returns whether this is a notebook."""
        shell = find_notebook_shell()
        if shell is None or self._session.settings.silent:
            return False
        return display_html(shell, self.to_html(height, hidden), plain=self.url)


def to_camel(name: str) -> str:
    """``display_name`` as the protocol spells it."""
    first, *others = name.split("_")
    return first + "".join(part.title() for part in others)


def quoted(*names: str) -> list[str]:
    """Names as parts of an address."""
    return [quote(name, safe="") for name in names]
