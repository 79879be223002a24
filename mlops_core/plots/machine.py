"""The fleet at present, and one machine over time: what sensors say, what was predicted, and what came true."""

from collections.abc import Sequence

import polars as pl

from mlops_core.errors import require_columns
from mlops_core.features import parse_feature_name
from mlops_core.plots.drawing import BAND, LINE, WIDTH, Layered, alt, failure_rules, thinned, time_axis

_LEVELS = ("rms", "mean", "last")
_PREDICTED = ("failure_probability", "rul_hours_p10", "rul_hours_p50", "rul_hours_p90")


def plot_fleet(predictions: pl.DataFrame, *, most: int = 30) -> alt.HConcatChart:
    """Return a chart of each machine's newest prediction, the most endangered machine first.

    Args:
        predictions: what `predict` returned, of any number of rows for each machine.
        most: how many machines at most, from the most endangered one on.

    Returns:
        An altair chart.

    Raises:
        MissingColumnError: the frame is not one of predictions.

    Example:
        >>> type(mc.plot_fleet(mc.predict(model, features))).__name__
        'HConcatChart'

    """
    require_columns(
        "predictions", predictions.columns, "machine_id", "window_end", "failure_probability", "rul_hours_p50"
    )
    newest = predictions.sort("window_end").group_by("machine_id", maintain_order=True).last()
    shown = newest.sort("failure_probability", descending=True, nulls_last=True).head(most)
    machine = alt.Y("machine_id:N", sort=shown["machine_id"].to_list(), title=None)
    base = alt.Chart(
        shown.select("machine_id", "failure_probability", "rul_hours_p10", "rul_hours_p50", "rul_hours_p90")
    )
    probability = base.mark_bar(color=LINE).encode(
        x=alt.X("failure_probability:Q", title="probability of failure", scale=alt.Scale(domain=[0, 1])), y=machine
    )
    hours = alt.X("rul_hours_p10:Q", title="remaining life, h (P10, P50, P90)")
    beside = alt.Y("machine_id:N", sort=shown["machine_id"].to_list(), axis=None)
    interval = base.mark_rule(color=BAND, strokeWidth=6).encode(x=hours, x2="rul_hours_p90:Q", y=beside)
    median = base.mark_point(color=LINE, filled=True, size=50, opacity=1).encode(x="rul_hours_p50:Q", y=beside)
    half = {"width": WIDTH // 2 - 60, "height": 18 * shown.height}
    return alt.hconcat(probability.properties(**half), alt.layer(interval, median).properties(**half))


def plot_machine(
    features: pl.DataFrame,
    machine_id: str,
    *,
    columns: Sequence[str] | None = None,
    failures: pl.DataFrame | None = None,
    predictions: pl.DataFrame | None = None,
    labelled: pl.DataFrame | None = None,
) -> alt.VConcatChart:
    """Return a chart of one machine's features, failures and predictions over time, a panel each.

    Args:
        features: rows of `compute_features`; those of other machines are left out.
        machine_id: the machine.
        columns: the features to show; by default one for each channel, its level over the shortest window.
        failures: drawn as red lines.
        predictions: what `predict` returned: adds the probability of failure, and the remaining life from P10 to P90.
        labelled: rows of `label_features`: the remaining life that came true, in black beside the predicted one.

    Returns:
        An altair chart.

    Raises:
        MissingColumnError: a column that is to be shown is absent.

    Example:
        >>> type(mc.plot_machine(features, "PUMP-1")).__name__
        'VConcatChart'

    """
    require_columns("features", features.columns, "machine_id", "window_end", *(columns or ()))
    own = features.filter(pl.col("machine_id") == machine_id).sort("window_end")
    shown = list(columns) if columns is not None else _levels(features.columns)
    panels: list[alt.Chart | Layered] = [_line(own, column, column) for column in shown]
    if predictions is not None:
        panels += _predicted(_of(predictions, machine_id), labelled if labelled is None else _of(labelled, machine_id))
    if failures is not None and (failed := failures.filter(pl.col("machine_id") == machine_id)).height:
        rules = failure_rules(failed)
        panels = [alt.layer(panel, rules) for panel in panels]
    sized = [panel.properties(width=WIDTH, height=130) for panel in panels]
    return alt.vconcat(*sized).properties(title=machine_id)


def _of(rows: pl.DataFrame, machine_id: str) -> pl.DataFrame:
    return rows.filter(pl.col("machine_id") == machine_id).sort("window_end")


def _levels(columns: Sequence[str]) -> list[str]:
    """One column a channel: the first of r.m.s., mean and last that there is, over the shortest window."""
    found: dict[str, tuple[int, int, str]] = {}
    for name in columns:
        parts = parse_feature_name(name)
        if parts and not parts.is_drift and parts.statistic in _LEVELS:
            rank = (_LEVELS.index(parts.statistic), parts.seconds, name)
            found[parts.channel] = min(rank, found.get(parts.channel, rank))
    return [name for _, _, name in found.values()]


def _line(rows: pl.DataFrame, column: str, title: str) -> alt.Chart:
    level = alt.Y(f"{column}:Q", title=title, scale=alt.Scale(zero=False))
    return alt.Chart(thinned(rows.select("window_end", column))).mark_line(color=LINE).encode(x=time_axis(), y=level)


def _predicted(rows: pl.DataFrame, labelled: pl.DataFrame | None) -> list[alt.Chart | Layered]:
    points = thinned(rows.select("window_end", *_PREDICTED))
    certain = alt.Y("failure_probability:Q", title="probability of failure", scale=alt.Scale(domain=[0, 1]))
    probability = alt.Chart(points).mark_line(color=LINE).encode(x=time_axis(), y=certain)
    hours = alt.Y("rul_hours_p10:Q", title="remaining life, h")
    band = alt.Chart(points).mark_area(color=BAND, opacity=0.6).encode(x=time_axis(), y=hours, y2="rul_hours_p90:Q")
    median = alt.Chart(points).mark_line(color=LINE).encode(x=time_axis(), y="rul_hours_p50:Q")
    layers: list[alt.Chart] = [band, median]
    if labelled is not None:
        came_true = thinned(labelled.select("window_end", "rul_hours"))
        layers.append(
            alt.Chart(came_true).mark_line(color="black", strokeDash=[4, 2]).encode(x=time_axis(), y="rul_hours:Q")
        )
    return [probability, alt.layer(*layers)]
