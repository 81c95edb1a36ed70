"""Curves as SVG: a few lines over two axes, in colours that stand on light and dark ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 50, 60
COLOURS = ("#2f81f7", "#d9822b", "#3fa34d")
GREY = "#808080"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Points (x, share), from left to right."""

    name: str
    points: Sequence[tuple[float, float]]


def curve(*, title: str, across: str, up: str, lines: Sequence[Line]) -> str:
    """Shares from 0 to 1 over whatever the points count."""
    most = max(x for line in lines for x, _ in line.points)
    shapes = [*_grid(most), *(_shape(line, COLOURS[n % len(COLOURS)], most) for n, line in enumerate(lines))]
    words = [
        _text(WIDTH / 2, 24, title, size=16),
        _text(WIDTH / 2, HEIGHT - 14, across),
        f'<g transform="rotate(-90 18 {HEIGHT / 2:.0f})">{_text(18, HEIGHT / 2, up)}</g>',
        *_legend(lines),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">'
    return "\n".join([head, f"<title>{escape(title)}</title>", *shapes, *words, "</svg>"]) + "\n"


def _place(x: float, share: float, most: float) -> tuple[float, float]:
    return (
        LEFT + (WIDTH - LEFT - RIGHT) * x / most,
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * max(-0.05, min(1.05, share)),
    )


def _shape(line: Line, colour: str, most: float) -> str:
    places = (_place(x, share, most) for x, share in line.points)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _grid(most: float) -> list[str]:
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _place(0, share, most)
        parts.append(f'<path d="M{x:.1f} {y:.1f}H{WIDTH - RIGHT}" stroke="{GREY}" stroke-opacity="0.3"/>')
        parts.append(_text(x - 24, y + 4, f"{share:.0%}"))
    for step in range(6):
        x, y = _place(most * step / 5, 0.0, most)
        parts.append(_text(x, y + 20, f"{most * step / 5:,.0f}"))
    return parts


def _legend(lines: Sequence[Line]) -> list[str]:
    parts = []
    for number, line in enumerate(lines):
        y, colour = HEIGHT - BOTTOM - 40 + 20 * number, COLOURS[number % len(COLOURS)]
        parts.append(f'<path d="M{WIDTH - 230} {y - 4}h30" stroke="{colour}" stroke-width="2"/>')
        parts.append(_text(WIDTH - 190, y, line.name, anchor="start"))
    return parts


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: str = "middle") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{GREY}">{escape(text)}</text>'
    )
