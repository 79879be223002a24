"""Predict: what is the probability that this machine fails soon, how long has it left, and why.

    prediction = predict_one(bundle, machine_id, window_end, row)  # one row as a mapping

Rows as mappings need numpy and LightGBM only, so that they fit a small service; `predict` (frame_prediction.py) takes
frames.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mlops_core.errors import EmptyFeaturesError, FeatureMismatchError, OutOfDomainError
from mlops_core.prognosis.bundle import ModelBundle
from mlops_core.prognosis.estimates import estimate, modes, reasons_for, zones
from mlops_core.prognosis.reasons import Reason
from mlops_core.records import UtcInstant

Refusal: TypeAlias = EmptyFeaturesError | FeatureMismatchError | OutOfDomainError
"""Why nothing is predicted of a machine."""


@dataclass(frozen=True)
class Prediction:
    """What is foretold of one machine at one `window_end`.

    Attributes:
        failure_probability: that it fails within the model's horizon, in [0, 1].
        rul_hours_p10, rul_hours_p50, rul_hours_p90: hours of remaining life that are exceeded with probability 0.9,
            0.5 and 0.1.
        rul_hours_mean: the mean of the remaining life, which has the smallest square error; None in predictions that
            were stored before it was given.
        failure_mode: the likeliest way of failing, should it fail; None where the model does not tell them apart.
        health_index: `rul_hours_p50` as a share of the typical life, at most 1: 1 new, 0 at functional failure.
        evaluation_zone: ISO 20816 severity A to D of the latest vibration; None where none was measured.
        reasons: the strongest contributions to the probability.
        unusual_features: columns whose value lies outside all that the model has seen; with any, trust it less.
        model_version: of the bundle.

    """

    machine_id: str
    window_end: UtcInstant
    failure_probability: float
    rul_hours_p10: float
    rul_hours_p50: float
    rul_hours_p90: float
    health_index: float
    evaluation_zone: str | None
    reasons: tuple[Reason, ...]
    unusual_features: tuple[str, ...]
    model_version: str
    rul_hours_mean: float | None = None
    failure_mode: str | None = None


def predict_one(
    bundle: ModelBundle,
    machine_id: str,
    window_end: datetime,
    features: Mapping[str, float | None],
    *,
    reasons: int = 3,
    nulls_omitted: bool = False,
) -> Prediction:
    """Return the prediction of one machine from its latest features.

    Args:
        bundle: the model.
        machine_id: whose features these are; passed through.
        window_end: of when; passed through.
        features: by column name; other names than the schema's are ignored.
        reasons: how many contributions at most.
        nulls_omitted: the mapping is a row of a stack's features, from a store that leaves nulls out. Features of
            normalised readings are computed from it; a column that is absent then is null, as long as those are there
            that are never null, which shows that the others were computed.

    Returns:
        What `predict` gives for one row, with its reasons.

    Raises:
        FeatureMismatchError: columns that the model needs are missing.
        EmptyFeaturesError: no window holds a reading.
        OutOfDomainError: the machine is unlike all that the model has learned from.

    Example:
        >>> row = features.filter(machine_id="PUMP-1").row(-1, named=True)
        >>> prediction = mc.predict_one(model, "PUMP-1", row.pop("window_end"), row)
        >>> 0 <= prediction.failure_probability <= 1
        True

    """
    row = _row(bundle, machine_id, features, nulls_omitted=nulls_omitted)[None, :]
    if foreign := bundle.schema.foreign(row)[0]:
        raise OutOfDomainError(machine_id, bundle.version, foreign)
    (prediction,) = _predictions(bundle, [(machine_id, window_end)], row, reasons=reasons, explained=1)
    return prediction


def predict_many(
    bundle: ModelBundle,
    rows: Iterable[tuple[str, datetime, Mapping[str, float | None]]],
    *,
    reasons: int = 3,
    explained: int = 100,
) -> list[Prediction | Refusal]:
    """Return for each row of a stack's features what `predict_one` says of it, or the error with which it refuses.

    Args:
        bundle: the model.
        rows: machine, `window_end` and features, nulls left out.
        reasons: how many contributions at most, of those that are explained.
        explained: how many of the most probable failures; those that reach the alarm threshold are, in any case.
            Reasons take nine tenths of the time.

    """
    given = list(rows)
    found: dict[int, Prediction | Refusal] = {}
    values: dict[int, NDArray[np.float32]] = {}
    for at, (machine_id, _, features) in enumerate(given):
        try:
            values[at] = _row(bundle, machine_id, features, nulls_omitted=True)
        except (EmptyFeaturesError, FeatureMismatchError) as error:
            found[at] = error
    if values:
        matrix, identities = np.stack([*values.values()]), [given[at][:2] for at in values]
        predictions = _predictions(bundle, identities, matrix, reasons=reasons, explained=explained)
        for at, columns, prediction in zip(values, bundle.schema.foreign(matrix), predictions, strict=True):
            found[at] = OutOfDomainError(given[at][0], bundle.version, columns) if columns else prediction
    return [found[at] for at in range(len(given))]


def _row(
    bundle: ModelBundle, machine_id: str, features: Mapping[str, float | None], *, nulls_omitted: bool
) -> NDArray[np.float32]:
    """Return the values that the model reads. Raises FeatureMismatchError, EmptyFeaturesError."""
    schema = bundle.schema
    if nulls_omitted:
        features = bundle.recipe.serve(features)
    missing = schema.missing_from(features) if nulls_omitted else [n for n in schema.names if n not in features]
    if missing:
        raise FeatureMismatchError(bundle.version, missing=missing)
    values = [features.get(name) for name in schema.names]
    row = np.array([np.nan if value is None else value for value in values], dtype=np.float32)
    if np.isnan(row[schema.is_measured]).all():
        raise EmptyFeaturesError(machine_id)
    return row


def _predictions(
    bundle: ModelBundle,
    identities: Sequence[tuple[str, datetime]],
    matrix: NDArray[np.float32],
    *,
    reasons: int,
    explained: int,
) -> list[Prediction]:
    """Return the predictions of rows that have readings; reasons for the `explained` worst and the alarming."""
    matrix = bundle.schema.given(matrix)
    estimates = estimate(bundle, matrix)
    probability = estimates.failure_probability
    is_explained = np.zeros(len(matrix), dtype=np.bool_)
    is_explained[np.argsort(-probability, kind="stable")[:explained]] = True
    if (threshold := bundle.alarm_plan.watch) is not None:
        is_explained |= probability >= threshold
    why = iter(reasons_for(bundle, matrix[is_explained], most=reasons))
    zone, unusual = zones(bundle, matrix), bundle.schema.unusual(matrix)
    mode = modes(bundle, matrix)
    return [
        Prediction(
            machine_id=machine_id,
            window_end=window_end,
            failure_probability=float(probability[at]),
            rul_hours_p10=float(estimates.rul_hours[at, 0]),
            rul_hours_p50=float(estimates.rul_hours[at, 1]),
            rul_hours_p90=float(estimates.rul_hours[at, 2]),
            health_index=float(estimates.health_index[at]),
            evaluation_zone=zone[at],
            reasons=next(why) if is_explained[at] else (),
            unusual_features=tuple(unusual[at]),
            model_version=bundle.version,
            rul_hours_mean=float(estimates.rul_hours_mean[at]),
            failure_mode=mode[at],
        )
        for at, (machine_id, window_end) in enumerate(identities)
    ]
