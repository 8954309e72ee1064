"""Figures of plotting libraries: Plotly and Bokeh as their JSON, matplotlib as either of Plotly or an image."""

from __future__ import annotations

import warnings
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

from kymograph.core import exact_json
from kymograph.errors import InvalidMedia
from kymograph.sdk.media import foreign
from kymograph.sdk.media.base import Media, TypedMedia
from kymograph.sdk.media.image import Image
from kymograph.sdk.media.matplotlib_figures import figure_of

_CANNOT_CONVERT = (AttributeError, ImportError, IndexError, KeyError, NotImplementedError, TypeError, ValueError)
"""What Plotly's converter raises for figures, and versions of matplotlib, that it does not know."""


class Plotly(Media):
    """A figure of Plotly."""

    log_type: ClassVar[str] = "plotly-file"
    subfolder: ClassVar[str] = "plotly"

    def __init__(self, val: Any) -> None:
        """Take a figure of Plotly, or one of matplotlib that Plotly can convert.

        Raises:
            InvalidMedia: It is neither, or Plotly cannot convert it; log it as an `Image` then.
        """
        if foreign.is_matplotlib(val):
            converted = None if _holds_images(val) else _converted(val)
            if converted is None:
                raise InvalidMedia("Plotly", "Plotly cannot convert this figure of matplotlib; log it as an Image")
            val = converted
        if not foreign.is_plotly_figure(val):
            raise InvalidMedia("Plotly", f"it cannot be made of {type(val).__name__}; give a figure")
        document = _plain(val.to_plotly_json())
        super().__init__(exact_json.dumps(document).encode(), extension=".plotly.json")

    @classmethod
    def make_plot_media(cls, val: Any) -> Plotly | Image:
        """A figure of Plotly, or of matplotlib: as an image if it holds images, or if Plotly cannot convert it."""
        if not foreign.is_matplotlib(val):
            return cls(val)
        converted = None if _holds_images(val) else _converted(val)
        return Image(val) if converted is None else cls(converted)


class Bokeh(TypedMedia):
    """A figure of Bokeh."""

    log_type: ClassVar[str] = "bokeh-file"
    subfolder: ClassVar[str] = "bokeh"

    def __init__(self, data_or_path: Any) -> None:
        """Take a figure, layout or document of Bokeh, or the path of a JSON file of one.

        Raises:
            InvalidMedia: It is none of them.
            MediaFileNotFound: There is no such file.
        """
        if isinstance(data_or_path, str | PathLike):
            super().__init__(Path(data_or_path), extension=".bokeh.json")
            return
        if not foreign.is_bokeh_model(data_or_path):
            raise InvalidMedia("Bokeh", f"it cannot be made of {type(data_or_path).__name__}; give a figure")
        if hasattr(data_or_path, "roots"):
            form = _bokeh_json(data_or_path)
        else:
            # A figure may be in a document already, and can be in one only: it is lent.
            lend = foreign.require("bokeh.embed.util", "a figure of Bokeh").OutputDocumentFor
            with lend([data_or_path], always_new=True) as document:
                form = _bokeh_json(document)
        super().__init__(exact_json.dumps(_plain(form)).encode(), extension=".bokeh.json")


def _holds_images(val: Any) -> bool:
    return any(len(axes.images) > 0 for axes in figure_of(val).axes)


def _converted(val: Any) -> Any:
    """A figure of matplotlib as one of Plotly; ``None`` if Plotly cannot, or is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about parts of matplotlib that Plotly uses and that will go
            return foreign.require("plotly.tools", "a figure of matplotlib").mpl_to_plotly(figure_of(val))
    except _CANNOT_CONVERT:
        return None


def _bokeh_json(document: Any) -> Any:
    try:
        return document.to_json(deferred=False)
    except TypeError:  # before Bokeh 3.9, whose answers are plain by default
        return document.to_json()


def _plain(value: Any) -> Any:
    """Arrays, which both libraries keep as they got them, as lists; moments as texts."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return _plain(value.to_plotly_json()) if hasattr(value, "to_plotly_json") else foreign.plain(value)
