"""One SVG for each table: a bar for each contestant, a line from the least to the greatest of its rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from bench.figures import Summary

ROW, BAR, TOP, BOTTOM = 28, 16, 44, 30
NAMES, WIDTH, VALUES = 320, 420, 110
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600;font-size:15px}"
    ".note{fill:#57606a;font-size:12px}"
    ".ours{fill:#1a7f37}.peer{fill:#8c959f}.ceiling{fill:#d8dee4}.spread{stroke:#24292f;stroke-width:1.5}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.note{fill:#8d96a0}"
    ".spread{stroke:#e6edf3}.ceiling{fill:#3d444d}}"
)


@dataclass(frozen=True)
class Bar:
    """A contestant: ``kind`` is ours, peer or ceiling."""

    name: str
    kind: str
    summary: Summary


def draw(title: str, note: str, bars: Sequence[Bar], digits: int) -> str:
    """The picture as text. The scale begins at zero."""
    height = TOP + ROW * len(bars) + BOTTOM
    most = max((bar.summary.greatest for bar in bars), default=0) or 1
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{NAMES + WIDTH + VALUES}" height="{height}" role="img">',
        f"<style>{STYLE}</style>",
        f"<title>{escape(title)}</title>",
        f'<text class="title" x="8" y="24">{escape(title)}</text>',
    ]
    for number, bar in enumerate(bars):
        lines += _row(bar, TOP + ROW * number, WIDTH / most, digits)
    lines += [f'<text class="note" x="8" y="{height - 10}">{escape(note)}</text>', "</svg>"]
    return "\n".join(lines) + "\n"


def _row(bar: Bar, top: int, scale: float, digits: int) -> list[str]:
    low, high, middle = (
        NAMES + value * scale for value in (bar.summary.least, bar.summary.greatest, bar.summary.median)
    )
    centre, value = top + BAR / 2, f"{bar.summary.median:,.{digits}f}"
    return [
        f'<text x="{NAMES - 8}" y="{centre + 4:.0f}" text-anchor="end">{escape(bar.name)}</text>',
        f'<rect class="{bar.kind}" x="{NAMES}" y="{top}" width="{middle - NAMES:.1f}" height="{BAR}" rx="2"/>',
        f'<line class="spread" x1="{low:.1f}" x2="{high:.1f}" y1="{centre:.1f}" y2="{centre:.1f}"/>',
        f'<text x="{high + 8:.1f}" y="{centre + 4:.0f}">{value}</text>',
    ]
