"""Event files for tests, written record by record; and packages that write them, under the names of real ones."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kymograph.wire.event_file import frame
from kymograph.wire.events_pb2 import Event, Histogram, Metadata, Shape, Summary, Tensor

AT_S = 1_795_800_000.25
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c020000000b4944415478da6364f80f00010501012718e366"
    "0000000049454e44ae426082"
)
"""1 × 1."""
GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


def event(step: int, *values: Summary.Value, at_s: float | None = None) -> Event:
    """An event with values."""
    return Event(wall_time=AT_S + step if at_s is None else at_s, step=step, summary=Summary(value=values))


def beginning(at_s: float = AT_S) -> Event:
    """The first event of a file."""
    return Event(wall_time=at_s, file_version="brain.Event:2")


def number(tag: str, value: float) -> Summary.Value:
    """A scalar as older writers have it."""
    return Summary.Value(tag=tag, simple_value=value)


def of_kind(kind: str) -> Metadata:
    """The metadata that say what a tag is."""
    return Metadata(plugin_data=Metadata.PluginData(plugin_name=kind))


def floats(values: Sequence[float], shape: Sequence[int] = (), **more: Any) -> Tensor:
    """A tensor of 32-bit numbers, in the form that its content is packed."""
    dims = [Shape.Dim(size=size) for size in shape]
    return Tensor(
        dtype=1, tensor_shape=Shape(dim=dims), tensor_content=struct.pack(f"<{len(values)}f", *values), **more
    )


def tensor(tag: str, kind: str, held: Tensor) -> Summary.Value:
    """A value as newer writers have it."""
    return Summary.Value(tag=tag, tensor=held, metadata=of_kind(kind))


def texts(*content: bytes) -> Tensor:
    """A tensor of texts."""
    return Tensor(dtype=7, tensor_shape=Shape(dim=[Shape.Dim(size=len(content))]), string_val=content)


def old_histogram(tag: str, edges: Sequence[float], counts: Sequence[float], *, least: float = 0.0) -> Summary.Value:
    """A histogram as older writers have it."""
    return Summary.Value(tag=tag, histo=Histogram(min=least, bucket_limit=edges, bucket=counts))


def encode(events: Sequence[Event]) -> bytes:
    """The bytes of a file."""
    return b"".join(frame(each.SerializeToString()) for each in events)


def name_of(moment_s: float = AT_S, *, host: str | None = None, number: int = 0) -> str:
    """The name that a writer gives a file that it begins at a moment."""
    return f"events.out.tfevents.{int(moment_s):010d}.{host or socket.gethostname()}.77.{number}"


def write_event_file(folder: Path, *events: Event, name: str | None = None) -> Path:
    """A file in a folder, with what a file begins with."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name or name_of())
    path.write_bytes(encode([beginning(), *events]))
    return path


WRITER_MODULE = '''\
"""Writes bytes that are there already, as a package of that name would write events."""
import os, shutil, socket, time

class EventFileWriter:
    def __init__(self, logdir, max_queue_size=10, flush_secs=120, filename_suffix=""):
        os.makedirs(logdir, exist_ok=True)
        self.path = os.path.join(logdir, f"events.out.tfevents.{int(time.time()) + 1}.{socket.gethostname()}.1.0")
        shutil.copyfile(os.path.join(os.environ["EVENTS"], os.path.basename(logdir)), self.path)

    def flush(self):
        pass
'''


def write_fake_tensorboard(root: Path) -> None:
    """A package ``tensorboard`` below `root` that has nothing but the class which writes event files."""
    folder = root / "tensorboard" / "summary" / "writer"
    folder.mkdir(parents=True)
    for package in (folder, folder.parent, folder.parent.parent):
        (package / "__init__.py").touch()
    (folder / "event_file_writer.py").write_text(WRITER_MODULE)
