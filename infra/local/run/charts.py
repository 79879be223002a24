"""Line charts as inline SVG: nothing to load, nothing to run, readable in any browser and on paper."""

from collections.abc import Sequence
from datetime import datetime
from io import StringIO
from typing import NamedTuple

import altair as alt
import polars as pl

WIDTH, HEIGHT = 400, 110
_LINE, _MARK, _QUIET = "#3b82c4", "#c62828", "#808890"  # readable on white paper and on dark screens
_LEAST_LABELLED = 0.12  # of the height: a name needs room

Chart = alt.LayerChart | alt.FacetChart


class Band(NamedTuple):
    """A range of values with a name, drawn behind the line."""

    name: str
    lower: float
    upper: float
    colour: str


def line_chart(
    points: pl.DataFrame, value: str, *, unit: str, reach: float, marks: Sequence[datetime], bands: Sequence[Band] = ()
) -> Chart:
    """Return a chart of the column ``value`` against ``window_end``; nulls are gaps, ``marks`` vertical lines.

    The scale begins at 0 and goes to ``reach`` at least, so that charts of the same quantity can be compared.
    """
    top = 1.05 * max(reach, *points[value].drop_nulls())
    first, last = points["window_end"][0], points["window_end"][-1]
    time = alt.X(
        "window_end:T",
        title=None,
        scale=alt.Scale(type="utc", nice=False),
        axis=alt.Axis(format="%d %b", tickCount=6, grid=False),
    )
    level = alt.Y(f"{value}:Q", title=unit, scale=alt.Scale(domain=[0, top], nice=False), axis=alt.Axis(tickCount=4))
    seen = [at for at in marks if first <= at <= last]
    failures = pl.DataFrame({"window_end": seen}, schema={"window_end": points.schema["window_end"]})
    layers = [
        *_bands(bands, top),
        alt.Chart(points.select("window_end", value)).mark_line(color=_LINE, strokeWidth=1.3).encode(x=time, y=level),
        alt.Chart(failures).mark_rule(color=_MARK, strokeWidth=1.5, strokeDash=[3, 2]).encode(x="window_end:T"),
    ]
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)


def side_by_side(charts: Sequence[Chart]) -> str:
    """Return charts beside each other as SVG."""
    axis = alt.AxisConfig(labelColor=_QUIET, titleColor=_QUIET, titleFontWeight="normal", gridOpacity=0.25)
    config = alt.Config(background="transparent", view=alt.ViewConfig(stroke=None), axis=axis)
    svg = StringIO()
    alt.hconcat(*charts, config=config).save(svg, format="svg")
    return svg.getvalue()


def _bands(bands: Sequence[Band], top: float) -> list[alt.Chart]:
    seen = [band._replace(upper=min(band.upper, top)) for band in bands if band.lower < top]
    if not seen:
        return []
    drawn = alt.Chart(_frame(seen))
    named = alt.Chart(_frame([band for band in seen if band.upper - band.lower >= _LEAST_LABELLED * top]))
    level = alt.Y("lower:Q")
    return [
        drawn.mark_rect(opacity=0.16).encode(y=level, y2="upper:Q", color=alt.Color("colour:N", scale=None)),
        named.mark_text(color=_QUIET, align="right", baseline="bottom", dx=-3, dy=-2).encode(
            x=alt.value(WIDTH), y=level, text="name:N"
        ),
    ]


def _frame(bands: Sequence[Band]) -> pl.DataFrame:
    return pl.DataFrame(bands, schema=list(Band._fields), orient="row")
