"""Media and tables: what may be logged besides numbers and texts. Nothing heavy is imported before it is used."""

from kymograph.sdk.media.audio import Audio
from kymograph.sdk.media.base import BatchableMedia, Media, MediaPlace, Value
from kymograph.sdk.media.eval_table import EvalTable
from kymograph.sdk.media.figures import Bokeh, Plotly
from kymograph.sdk.media.graph import Edge, Graph, Node
from kymograph.sdk.media.histogram import Histogram
from kymograph.sdk.media.html import Html
from kymograph.sdk.media.image import Image
from kymograph.sdk.media.joined import JoinedTable, PartitionedTable
from kymograph.sdk.media.molecule import Molecule
from kymograph.sdk.media.object3d import Object3D, box3d
from kymograph.sdk.media.overlays import BoundingBoxes2D, Classes, ImageMask
from kymograph.sdk.media.table import Table
from kymograph.sdk.media.video import Video

__all__ = [
    "Audio",
    "BatchableMedia",
    "Bokeh",
    "BoundingBoxes2D",
    "Classes",
    "Edge",
    "EvalTable",
    "Graph",
    "Histogram",
    "Html",
    "Image",
    "ImageMask",
    "JoinedTable",
    "Media",
    "MediaPlace",
    "Molecule",
    "Node",
    "Object3D",
    "PartitionedTable",
    "Plotly",
    "Table",
    "Value",
    "Video",
    "box3d",
]
