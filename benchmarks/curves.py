"""Curves of growth as one SVG file: seconds and memory against size, both axes logarithmic. In: rows by kind. Out: the file."""

import math
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, EDGE = 300, 220, 46
COLOURS = {"seconds": "#2563a8", "peak_memory_mb": "#b4541a"}
WORDS = {"seconds": "CPU seconds", "peak_memory_mb": "peak memory, MB"}


def draw_curves(kinds: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """One panel a kind, both quantities in each."""
    panels = [(kind, rows) for kind, rows in kinds.items() if rows]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH * len(panels)}" height="{HEIGHT + 20}" font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for place, (kind, rows) in enumerate(panels):
        parts += [f'<g transform="translate({WIDTH * place},0)">', *_panel(kind, rows), "</g>"]
    for place, (name, colour) in enumerate(COLOURS.items()):
        parts.append(f'<text x="{EDGE + 130 * place}" y="{HEIGHT + 12}" fill="{colour}">{WORDS[name]}</text>')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*parts, "</svg>"]) + "\n")


def _panel(kind: str, rows: list[dict[str, Any]]) -> list[str]:
    sizes = [row["size"] for row in rows]
    values = [max(1e-2, row[name]) for row in rows for name in COLOURS]
    left, right = math.floor(math.log10(min(sizes))), math.ceil(math.log10(max(sizes) * 1.01))
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    right, high = max(right, left + 1), max(high, low + 1)

    def x_of(size: float) -> float:
        return EDGE + (WIDTH - EDGE - 14) * (math.log10(size) - left) / (right - left)

    def y_of(value: float) -> float:
        return HEIGHT - 34 - (HEIGHT - 60) * (math.log10(max(1e-2, value)) - low) / (high - low)

    parts = [f'<text x="{EDGE}" y="16" font-weight="bold">{kind}</text>']
    for power in range(left, right + 1):
        parts.append(f'<line x1="{x_of(10**power):.1f}" x2="{x_of(10**power):.1f}" y1="26" y2="{HEIGHT - 34}" stroke="#ddd"/>')
        parts.append(f'<text x="{x_of(10**power):.1f}" y="{HEIGHT - 20}" text-anchor="middle" fill="#555">{10**power:,}</text>')
    for power in range(low, high + 1):
        parts.append(f'<line x1="{EDGE}" x2="{WIDTH - 14}" y1="{y_of(10**power):.1f}" y2="{y_of(10**power):.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{EDGE - 4}" y="{y_of(10**power) + 4:.1f}" text-anchor="end" fill="#555">{10**power:,g}</text>')
    for name, colour in COLOURS.items():
        points = [(x_of(row["size"]), y_of(row[name])) for row in rows]
        parts.append(
            f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
    return parts
