"""badge.svg: the standing of a run, small enough for a README."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from celeriac_conformance.report.standing import standing

LABEL = "Celery protocol"
GROUND = "#555"
COLOURS = {"green": "#2a7d3f", "amber": "#9a6200", "red": "#b3201d", "grey": "#6b6b6b"}
CHARACTER, PADDING, HEIGHT = 6.6, 6, 20  # of Verdana at 11 pixels; textLength makes other fonts fit


def badge(report: dict[str, Any]) -> str:
    """The SVG document for a document of report.json."""
    text, colour = standing(report)
    left, right = (round(len(words) * CHARACTER) + 2 * PADDING for words in (LABEL, text))
    size = {"width": str(left + right), "height": str(HEIGHT)}
    name = f"{LABEL}: {text}"
    svg = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size, "role": "img", "aria-label": name})
    ElementTree.SubElement(svg, "title").text = name
    ElementTree.SubElement(svg, "rect", {**size, "rx": "3", "fill": GROUND})
    ElementTree.SubElement(
        svg, "path", {"d": f"M{left} 0h{right - 3}q3 0 3 3v14q0 3-3 3h-{right - 3}z", "fill": COLOURS[colour]}
    )
    font = {"fill": "#fff", "font-family": "Verdana,DejaVu Sans,sans-serif", "font-size": "11"}
    group = ElementTree.SubElement(svg, "g", font)
    for start, width, words in ((0, left, LABEL), (left, right, text)):
        place = {"x": str(start + PADDING), "y": "14", "textLength": str(width - 2 * PADDING)}
        ElementTree.SubElement(group, "text", place).text = words
    return ElementTree.tostring(svg, encoding="unicode") + "\n"
