"""The fleet at present: failure probability and remaining useful life of each machine."""

import polars as pl

from mlops_core.errors import require_columns
from mlops_core.plots.drawing import BAND, LINE, WIDTH, alt


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
