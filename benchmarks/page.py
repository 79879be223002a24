"""Writes docs/performance.md and its plots from build/bench.json: `python -m benchmarks.page`."""

import json
import math
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

_ROOT = Path(__file__).parent.parent
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 860, 420, 60, 290, 16, 40
_COLOURS = ("#0b5394", "#cc0000", "#38761d", "#b45f06", "#674ea7", "#a64d79", "#134f5c", "#7f6000", "#444444")


def main() -> None:
    measured = json.loads((_ROOT / "build/bench.json").read_text())
    page = _ROOT / "docs" / "performance.md"
    sections = [_introduction(measured)]
    for name, benchmark in measured["benchmarks"].items():
        if len({row["size"] for row in benchmark["measured"]}) > 1:
            (page.parent / f"performance-{name}.svg").write_text(plot(benchmark))
        sections.append(_section(name, benchmark))
    page.write_text("\n\n".join(sections) + "\n")


def _introduction(measured: dict[str, Any]) -> str:
    libraries = ", ".join(f"{name} {version}" for name, version in measured["libraries"].items())
    return (
        "# Performance\n\n"
        "What `make bench` measured (`python -m benchmarks.page` then writes this page), each way in a process of its\n"
        "own: CPU seconds of all threads (median of the\n"
        "rounds) and the rise of resident memory. Ratios hold on other machines, seconds do not. The ways of one\n"
        "benchmark agree on a number computed from their results.\n\n"
        f"Python {measured['python']} on {measured['machine']}; {libraries}."
    )


def _section(name: str, benchmark: dict[str, Any]) -> str:
    sizes = sorted({row["size"] for row in benchmark["measured"]})
    cells = {(row["way"], row["size"]): row for row in benchmark["measured"]}
    ways = list(dict.fromkeys(row["way"] for row in benchmark["measured"]))
    lines = [f"## {name.capitalize()}"]
    if len(sizes) > 1:
        lines += ["", f"![CPU seconds against size]({f'performance-{name}.svg'})"]
    titles = [title for size in sizes for title in (f"{size:,}: s", "times ours", "MB")]
    lines += ["", f"| way | {' | '.join(titles)} |", "| --- |" + " ---: |" * len(titles)]
    for way in ways:
        values = [_cell(cells.get((way, size))) for size in sizes]
        lines.append(f"| {way} | {' | '.join(values)} |")
    if benchmark["reach"]:
        lines += ["", "| what it has to reach | size | bound | measured | |", "| --- | ---: | ---: | ---: | --- |"]
    for target in benchmark["reach"]:
        met = ("met" if target["met"] else "missed") if bound(target) else "no bound"
        lines.append(f"| {target['what']} | {target['size']:,} | {bound(target)} | {target['value']:g} | {met} |")
    return "\n".join(lines)


def bound(target: dict[str, Any]) -> str:
    """What a target asks for, in signs; empty where it is only reported."""
    signs = {"at_least": "≥", "at_most": "≤"}
    return ", ".join(f"{sign} {target[name]:g}" for name, sign in signs.items() if name in target)


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return "- | - | -"
    return f"{row['cpu_seconds']:.3g} | {row['ratio_to_ours']:.3g} | {row['memory_rise_mb']:.0f}"


def plot(benchmark: dict[str, Any]) -> str:
    """CPU seconds against size, both logarithmic, a line for each way."""
    rows = [row for row in benchmark["measured"] if row["cpu_seconds"] > 0]
    low_x, high_x = (math.log10(bound(row["size"] for row in rows)) for bound in (min, max))
    low_y = math.floor(math.log10(min(row["cpu_seconds"] for row in rows)))
    high_y = math.ceil(math.log10(max(row["cpu_seconds"] for row in rows)))

    def x(size: float) -> float:
        return _LEFT + (math.log10(size) - low_x) / (high_x - low_x) * (_WIDTH - _LEFT - _RIGHT)

    def y(seconds: float) -> float:
        return _HEIGHT - _BOTTOM - (math.log10(seconds) - low_y) / (high_y - low_y) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"',
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
    ]
    for power in range(low_y, high_y + 1):
        at = y(10.0**power)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{10.0**power:g} s</text>')
    sizes = sorted({row["size"] for row in rows})
    parts += [f'<text x="{x(size):.1f}" y="{_HEIGHT - 14}" text-anchor="middle">{size:,}</text>' for size in sizes]
    ways = list(dict.fromkeys(row["way"] for row in rows))
    ends = {way: [(x(row["size"]), y(row["cpu_seconds"])) for row in rows if row["way"] == way] for way in ways}
    label = _TOP - 14.0
    for way in sorted(ways, key=lambda name: ends[name][-1][1]):
        points = ends[way]
        colour = _COLOURS[ways.index(way) % len(_COLOURS)]
        label = max(label + 15, points[-1][1])
        path = " ".join(f"{at:.1f},{height:.1f}" for at, height in points)
        width = 3 if way == benchmark["ours"] else 1.5
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>')
        parts += [f'<circle cx="{at:.1f}" cy="{height:.1f}" r="3" fill="{colour}"/>' for at, height in points]
        weight = "bold" if way == benchmark["ours"] else "normal"
        place = f'x="{_WIDTH - _RIGHT + 10}" y="{label + 4:.1f}"'
        parts.append(f'<text {place} fill="{colour}" font-weight="{weight}">{escape(way)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    main()
