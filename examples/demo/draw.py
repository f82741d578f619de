"""Draw picture.png, hills under an evening sky: python examples/demo/draw.py. Standard library only."""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path

WIDTH, HEIGHT = 640, 400
SKY_TOP, SKY_LOW, SUN = (38, 54, 104), (244, 158, 96), (255, 226, 150)
#: Each range of hills: mean height as a part of the picture, swing, waves over the width, phase, colour.
HILLS = (
    (0.58, 0.05, 2.3, 0.6, (112, 84, 120)),
    (0.68, 0.06, 1.7, 2.9, (70, 70, 96)),
    (0.80, 0.05, 3.1, 4.4, (34, 58, 60)),
)


def colour(x: int, y: int) -> tuple[int, int, int]:
    """Red, green and blue of one pixel: the nearest range of hills in front of the sun in front of the sky."""
    for level, swing, waves, phase, paint in reversed(HILLS):
        ridge = level + swing * math.sin(phase + waves * 2 * math.pi * x / WIDTH)
        ridge += swing / 4 * math.sin(3 * phase + waves * 7 * math.pi * x / WIDTH)
        if y > ridge * HEIGHT:
            return paint
    if math.hypot(x - 0.68 * WIDTH, y - 0.46 * HEIGHT) < 0.09 * HEIGHT:
        return SUN
    part = min(1.0, y / (0.62 * HEIGHT))
    red, green, blue = (round(top + (low - top) * part) for top, low in zip(SKY_TOP, SKY_LOW, strict=True))
    return red, green, blue


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG file: length, kind, data, checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png() -> bytes:
    """The whole file: 8 bits a colour, each row unfiltered."""
    rows = (b"\0" + bytes(part for x in range(WIDTH) for part in colour(x, y)) for y in range(HEIGHT))
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"".join(rows), 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


if __name__ == "__main__":
    (Path(__file__).parent / "picture.png").write_bytes(png())
