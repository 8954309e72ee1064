"""A project whose runs log media at different steps, as a client sends them."""

from __future__ import annotations

import io
import json
import struct
import wave
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.browser.conftest import put_file
from tests.e2e.rest import Rest

Color = tuple[int, int, int]
EDGE = 80
"""Above the size up to which the page enlarges images, so that sizes on screen are the images' own."""


def image_of(draw: Callable[[int, int], Color], *, width: int = EDGE, height: int = EDGE) -> bytes:
    """A PNG of ``draw(x, y)``."""
    rows = (b"\0" + bytes(value for x in range(width) for value in draw(x, y)) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def plain_image(color: Color, **size: int) -> bytes:
    return image_of(lambda x, y: color, **size)


def tone(hertz: float, *, seconds: float = 0.2, rate: int = 8000) -> bytes:
    """A WAV file of a square wave."""
    target = io.BytesIO()
    with wave.open(target, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(rate)
        sound.writeframes(bytes(160 if int(2 * hertz * at / rate) % 2 else 96 for at in range(int(seconds * rate))))
    return target.getvalue()


@dataclass
class MediaRun:
    """Collects rows and files of a run, and sends them at once."""

    rest: Rest
    project: str
    run: str
    name: str = ""
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def log(self, step: int, **values: Any) -> None:
        self.rows.setdefault(step, {}).update(values)

    def log_images(self, step: int, key: str, images: Sequence[bytes], captions: Sequence[str] | None = None) -> None:
        """A list of images under one key, as clients store it."""
        names = [f"media/images/{key}_{step}_{at}.png" for at in range(len(images))]
        self.files.update(zip(names, images, strict=True))
        value = {
            "_type": "images/separated",
            "width": EDGE,
            "height": EDGE,
            "format": "png",
            "count": len(images),
            "filenames": names,
            **({} if captions is None else {"captions": list(captions)}),
        }
        self.rows.setdefault(step, {})[key] = value

    def log_file(self, step: int, key: str, kind: str, ending: str, content: bytes, **facts: Any) -> None:
        """One medium that is a file, such as ``table-file``."""
        name = f"media/{kind.removesuffix('-file')}/{key}_{step}.{ending}"
        self.files[name] = content
        self.rows.setdefault(step, {})[key] = {"_type": kind, "path": name, "size": len(content), **facts}

    def send(self) -> None:
        self.rest.create_run(self.project, self.run, displayName=self.name or f"name of {self.run}")
        lines = [json.dumps({"_step": step, "_runtime": step, **row}) for step, row in sorted(self.rows.items())]
        body = {"files": {"wandb-history.jsonl": {"offset": 0, "content": lines}}, "complete": True, "exitcode": 0}
        assert self.rest.stream(self.project, self.run, body).status_code == 200
        for name, content in self.files.items():
            put_file(self.rest, self.project, self.run, name, content)
