"""Figures and images of other libraries, which may be logged as they are: the media object for each."""

from __future__ import annotations

from kymograph.sdk.media import foreign
from kymograph.sdk.media.base import Value
from kymograph.sdk.media.figures import Bokeh, Plotly
from kymograph.sdk.media.image import Image


def promote_figure(value: object) -> Value | None:
    """The media object for a figure of matplotlib, Plotly or Bokeh, or an image of Pillow; ``None`` for others.

    Raises:
        InvalidMedia: It is of one of these libraries, and cannot be shown.
    """
    if foreign.is_pillow_image(value):
        return Image(value)
    if foreign.is_plotly_figure(value) or foreign.is_matplotlib(value):
        return Plotly.make_plot_media(value)
    if foreign.is_bokeh_model(value):
        return Bokeh(value)
    return None
