"""A badge in its two forms: JSON for an endpoint, and an SVG that is the same on every machine.

Source: the endpoint format of shields.io, https://shields.io/badges/endpoint-badge.
"""

import json
from dataclasses import dataclass
from xml.sax.saxutils import escape

GREEN, RED, GREY = "brightgreen", "red", "lightgrey"
HEX = {GREEN: "#3fb911", RED: "#d33d2c", GREY: "#8f8f8f"}
LABEL_HEX = "#4d4d4d"
CHARACTER, MARGIN, HEIGHT = 7, 10, 20  # pixels, of a font of 11 pixels; texts are fitted to them


@dataclass(frozen=True)
class Badge:
    """One badge.

    Args:
        label: what was judged.
        message: the outcome in a few words, free of anything that differs from run to run.
        color: `GREEN`, `RED` or `GREY`.
        reasons: why it is not green, one sentence each; empty if it is.
    """

    label: str
    message: str
    color: str
    reasons: tuple[str, ...] = ()

    @property
    def is_green(self) -> bool:
        """Everything was right, and all of it was run."""
        return self.color == GREEN

    def to_json(self) -> str:
        """The endpoint's answer."""
        answer = {
            "schemaVersion": 1,
            "label": self.label,
            "message": self.message,
            "color": self.color,
            "isError": not self.is_green,
        }
        return json.dumps(answer, indent=2) + "\n"

    def to_svg(self) -> str:
        """The picture: label on grey, message on the color; readable without colors too."""
        left, right = (CHARACTER * len(text) + MARGIN for text in (self.label, self.message))
        width, title = left + right, escape(f"{self.label}: {self.message}", {'"': "&quot;"})
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" '
            f'role="img" aria-label="{title}">\n'
            f"  <title>{title}</title>\n"
            f'  <clipPath id="round"><rect width="{width}" height="{HEIGHT}" rx="3"/></clipPath>\n'
            f'  <g clip-path="url(#round)">\n'
            f'    <rect width="{left}" height="{HEIGHT}" fill="{LABEL_HEX}"/>\n'
            f'    <rect x="{left}" width="{right}" height="{HEIGHT}" fill="{HEX[self.color]}"/>\n'
            f"  </g>\n"
            f'  <g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">\n'
            f"    {_text(self.label, 0, left)}\n"
            f"    {_text(self.message, left, right)}\n"
            f"  </g>\n"
            f"</svg>\n"
        )


def _text(words: str, start: int, width: int) -> str:
    """The words in the middle of their half, stretched to a width that no font can change."""
    return (
        f'<text x="{start + width / 2:g}" y="14" text-anchor="middle" '
        f'textLength="{width - MARGIN}">{escape(words)}</text>'
    )
