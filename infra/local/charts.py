"""Line charts as inline SVG: nothing to load, nothing to run, readable in any browser and on paper."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 720, 150
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 8, 20


class Band(NamedTuple):
    """A range of values with a name, drawn behind the line."""

    name: str
    lower: float
    upper: float
    colour: str


class _Scale(NamedTuple):
    begin: datetime
    end: datetime
    top: float

    def x(self, at: datetime) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((at - self.begin) / (self.end - self.begin))

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(max(value / self.top, 0.0), 1.0)


def line_chart(
    points: Sequence[tuple[datetime, float | None]],
    *,
    unit: str,
    reach: float,
    marks: Sequence[datetime],
    bands: Sequence[Band] = (),
) -> str:
    """Return a chart of two or more points in the order of time; nulls are gaps, ``marks`` vertical lines.

    The scale begins at 0 and goes to ``reach`` at least, so that charts of the same quantity can be compared.
    """
    top = 1.05 * max(reach, *(value for _, value in points if value is not None))
    scale = _Scale(points[0][0], points[-1][0], top)
    parts = [
        *(_band(scale, band) for band in bands if band.lower < top),
        *(_value_tick(scale, top * share, unit) for share in (0.0, 0.5, 1.0)),
        *(_day_tick(scale, scale.begin + (scale.end - scale.begin) * share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)),
        *(_mark(scale, at) for at in marks if scale.begin <= at <= scale.end),
        f'<path class="line" d="{_path(scale, points)}"/>',
    ]
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg>'


def _path(scale: _Scale, points: Sequence[tuple[datetime, float | None]]) -> str:
    commands: list[str] = []
    draws = False
    for at, value in points:
        if value is not None:
            commands.append(f"{'L' if draws else 'M'}{scale.x(at):.1f} {scale.y(value):.1f}")
        draws = value is not None
    return "".join(commands)


def _band(scale: _Scale, band: Band) -> str:
    upper, lower = scale.y(min(band.upper, scale.top)), scale.y(band.lower)
    width = WIDTH - LEFT - RIGHT
    return (
        f'<rect x="{LEFT}" y="{upper:.1f}" width="{width}" height="{lower - upper:.1f}" fill="{band.colour}"/>'
        f'<text class="band" x="{WIDTH - RIGHT - 4}" y="{lower - 4:.1f}">{escape(band.name)}</text>'
    )


def _value_tick(scale: _Scale, value: float, unit: str) -> str:
    title = f"<title>{escape(unit)}</title>"
    return f'<text class="tick" x="{LEFT - 4}" y="{scale.y(value) + 4:.1f}">{value:.1f}{title}</text>'


def _day_tick(scale: _Scale, at: datetime) -> str:
    return f'<text class="day" x="{scale.x(at):.1f}" y="{HEIGHT - 4}">{at:%d %b}</text>'


def _mark(scale: _Scale, at: datetime) -> str:
    x = f"{scale.x(at):.1f}"
    title = f"<title>failure {at:%Y-%m-%d %H:%M} UTC</title>"
    return f'<line class="mark" x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}">{title}</line>'
