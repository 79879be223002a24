"""What all charts share: altair, colours, the axis of time, and lines that are not longer than a page is wide."""

from typing import Final, TypeAlias

import polars as pl

from mlops_core.errors import MissingExtraError

try:
    import altair as alt
except ModuleNotFoundError as error:
    raise MissingExtraError("altair", "plots") from error

Layered: TypeAlias = alt.LayerChart | alt.FacetChart
"""What `alt.layer` returns; a facet only of layers that are facets."""

WIDTH: Final = 760
LINE, BAND, FAILURE = "#1f5f99", "#8fb8de", "#b3261e"

_MOST_POINTS: Final = 1500  # twice the pixels of a chart: more cannot be seen, and makes a notebook heavy


def time_axis(column: str = "window_end") -> alt.X:
    """The horizontal axis of time, in UTC."""
    return alt.X(f"{column}:T", title=None, scale=alt.Scale(type="utc"))


def thinned(rows: pl.DataFrame) -> pl.DataFrame:
    """Every n-th row, so that at most `_MOST_POINTS` are left; the last row stays the last."""
    step = -(-rows.height // _MOST_POINTS)
    return rows.reverse().gather_every(step).reverse() if step > 1 else rows


def failure_rules(failures: pl.DataFrame) -> alt.Chart:
    """Vertical lines at failures (columns of FAILURES)."""
    codes = ["event_code"] if "event_code" in failures.columns else []
    return (
        alt.Chart(failures.select("event_timestamp", *codes))
        .mark_rule(color=FAILURE, strokeDash=[4, 2])
        .encode(x=time_axis("event_timestamp"), tooltip=["event_timestamp:T", *codes])
    )
