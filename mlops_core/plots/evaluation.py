"""How good a model is on rows whose outcome is known: precision against recall, and whether probabilities come true."""

import numpy as np
import polars as pl

from mlops_core.errors import require_columns
from mlops_core.plots.drawing import FAILURE, LINE, WIDTH, Layered, alt, thinned
from mlops_core.prognosis import ModelBundle, predict

_BINS = 10


def plot_evaluation(bundle: ModelBundle, labelled: pl.DataFrame) -> alt.HConcatChart:
    """Return two charts of a model on labelled rows that it has not learned from.

    Left: precision against recall of single rows, with the base rate that guessing gives. Right: of the rows with about
    this probability, the share that failed within the horizon; on the diagonal probabilities mean what they say.

    Args:
        bundle: the model.
        labelled: rows of `label_features`; those without a known answer are left out.

    Returns:
        An altair chart.

    Raises:
        MissingColumnError: the frame is not labelled.
        FeatureMismatchError: columns that the model needs are absent.

    Example:
        >>> type(mc.plot_evaluation(model, labelled)).__name__
        'HConcatChart'

    """
    require_columns("labelled", labelled.columns, "fails_within_horizon")
    known = labelled.drop_nulls("fails_within_horizon")
    judged = pl.DataFrame(
        {
            "probability": predict(bundle, known)["failure_probability"],
            "fails": known["fails_within_horizon"].cast(pl.Float64),
        }
    ).drop_nulls()
    half = {"width": WIDTH // 2 - 50, "height": 260}
    return alt.hconcat(_precision_recall(judged).properties(**half), _calibration(judged).properties(**half))


def _precision_recall(judged: pl.DataFrame) -> Layered:
    ranked = judged.sort("probability", descending=True)
    found = np.cumsum(ranked["fails"].to_numpy())
    base_rate = float(ranked["fails"].mean() or 0.0)  # pyright: ignore[reportArgumentType] - the mean of floats is one
    curve = pl.DataFrame(
        {
            "recall": found / max(found[-1] if found.size else 0.0, 1.0),
            "precision": found / np.arange(1, found.size + 1),
        }
    )
    share = alt.Scale(domain=[0, 1])
    line = (
        alt.Chart(thinned(curve), title="Precision and recall of rows")
        .mark_line(color=LINE)
        .encode(x=alt.X("recall:Q", scale=share), y=alt.Y("precision:Q", scale=share), order="recall:Q")
    )
    guess = alt.Chart(pl.DataFrame({"precision": [base_rate]})).mark_rule(color=FAILURE, strokeDash=[4, 2])
    return alt.layer(line, guess.encode(y="precision:Q"))


def _calibration(judged: pl.DataFrame) -> Layered:
    bins = (
        judged.group_by((pl.col("probability") * _BINS).floor().clip(0, _BINS - 1).alias("bin"))
        .agg(pl.col("probability").mean(), pl.col("fails").mean().alias("share"), pl.len().alias("rows"))
        .sort("bin")
    )
    share = alt.Scale(domain=[0, 1])
    points = (
        alt.Chart(bins, title="Do probabilities come true?")
        .mark_point(filled=True, color=LINE, opacity=1)
        .encode(
            x=alt.X("probability:Q", title="predicted probability", scale=share),
            y=alt.Y("share:Q", title="share that failed", scale=share),
            size=alt.Size("rows:Q", legend=None),
            tooltip=["rows:Q", "probability:Q", "share:Q"],
        )
    )
    diagonal = alt.Chart(pl.DataFrame({"probability": [0.0, 1.0], "share": [0.0, 1.0]}))
    return alt.layer(diagonal.mark_line(color="#999999").encode(x="probability:Q", y="share:Q"), points)
