"""Figures of matplotlib: found from any of their parts, and drawn."""

from __future__ import annotations

import io
from types import ModuleType
from typing import Any

from kymograph.errors import InvalidMedia
from kymograph.sdk.media import foreign


def figure_of(val: Any) -> Any:
    """The figure that something of matplotlib is part of; of the module ``pyplot``, the current one.

    Raises:
        InvalidMedia: There is none.
    """
    if isinstance(val, ModuleType):
        figure = val.gcf() if hasattr(val, "gcf") else None
    else:
        figure = val if hasattr(val, "savefig") else getattr(val, "figure", None)
    if figure is None or not hasattr(figure, "savefig"):
        raise InvalidMedia("Image", f"{type(val).__name__} is in no figure of matplotlib; give pyplot or a figure")
    return figure


def drawn(val: Any) -> Any:
    """A figure of matplotlib as an image of Pillow."""
    encoded = io.BytesIO()
    figure_of(val).savefig(encoded, format="png")
    picture = foreign.require("PIL.Image", "a figure as an image").open(encoded)
    picture.load()
    return picture
