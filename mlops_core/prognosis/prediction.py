"""Predict: what is the probability that this machine fails soon, how long has it left, and why.

    predictions = predict(bundle, features)                       # a frame of many rows
    prediction = predict_one(bundle, machine_id, window_end, row)  # one row as a mapping

`predict_one` and `predict_many` need numpy and LightGBM only, so that they fit a small service; polars is loaded by
`predict`.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mlops_core.errors import EmptyFeaturesError, FeatureMismatchError, OutOfDomainError
from mlops_core.prognosis.bundle import ModelBundle
from mlops_core.prognosis.reasons import Reason, strongest_reasons
from mlops_core.records import UtcInstant

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Estimates", "Prediction", "Refusal", "estimate", "predict", "predict_many", "predict_one"]

Refusal: TypeAlias = EmptyFeaturesError | FeatureMismatchError | OutOfDomainError
"""Why nothing is predicted of a machine."""

_KEYS: Final = frozenset({"machine_id", "window_end", "revision"})


@dataclass(frozen=True)
class Estimates:
    """What the trees and their calibration say of n rows of a matrix."""

    failure_probability: NDArray[np.float64]
    rul_hours: NDArray[np.float64]
    """n x 3: P10, P50, P90."""
    rul_hours_mean: NDArray[np.float64]
    health_index: NDArray[np.float64]


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


def estimate(bundle: ModelBundle, matrix: NDArray[np.float32]) -> Estimates:
    """Return probability, remaining life and health of rows whose columns are in the order of the schema."""
    calibration = bundle.calibration
    raw_life = bundle.life.raw(matrix)
    hours = calibration.rul.hours(raw_life)
    return Estimates(
        failure_probability=calibration.probability.probability(bundle.failure.raw(matrix)),
        rul_hours=hours,
        rul_hours_mean=calibration.rul.mean_hours(raw_life),
        health_index=np.clip(hours[:, 1] / calibration.typical_life_hours, 0.0, 1.0),
    )


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
    found: list[Prediction | Refusal | None] = []
    identities: list[tuple[str, datetime]] = []
    values: list[NDArray[np.float32]] = []
    for machine_id, window_end, features in rows:
        try:
            values.append(_row(bundle, machine_id, features, nulls_omitted=True))
        except (EmptyFeaturesError, FeatureMismatchError) as error:
            found.append(error)
        else:
            identities.append((machine_id, window_end))
            found.append(None)
    if not values:
        return [each for each in found if each is not None]
    matrix = np.stack(values)
    foreign = bundle.schema.foreign(matrix)
    predictions = iter(
        OutOfDomainError(identity[0], bundle.version, columns) if columns else prediction
        for identity, columns, prediction in zip(
            identities,
            foreign,
            _predictions(bundle, identities, matrix, reasons=reasons, explained=explained),
            strict=True,
        )
    )
    return [next(predictions) if each is None else each for each in found]


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
    why = iter(_reasons(bundle, matrix[is_explained], most=reasons))
    zones, unusual = _zones(bundle, matrix), bundle.schema.unusual(matrix)
    modes = _modes(bundle, matrix)
    return [
        Prediction(
            machine_id=machine_id,
            window_end=window_end,
            failure_probability=float(probability[at]),
            rul_hours_p10=float(estimates.rul_hours[at, 0]),
            rul_hours_p50=float(estimates.rul_hours[at, 1]),
            rul_hours_p90=float(estimates.rul_hours[at, 2]),
            health_index=float(estimates.health_index[at]),
            evaluation_zone=zones[at],
            reasons=next(why) if is_explained[at] else (),
            unusual_features=tuple(unusual[at]),
            model_version=bundle.version,
            rul_hours_mean=float(estimates.rul_hours_mean[at]),
            failure_mode=modes[at],
        )
        for at, (machine_id, window_end) in enumerate(identities)
    ]


def predict(bundle: ModelBundle, features: "pl.DataFrame", *, reasons: int = 0, strict: bool = False) -> "pl.DataFrame":
    """Return one prediction for each feature row, in its order.

    Args:
        bundle: the model.
        features: `machine_id`, `window_end` and every column of the model's schema, in any order.
        reasons: how many contributions at most for each row; they take nine tenths of the time, so none unless asked.
        strict: refuse columns that the model does not know; they are ignored otherwise.

    Returns:
        The fields of `Prediction` as columns; `reasons` is a list of structs. A row whose windows hold no reading has
        nulls, for nothing can be said of it; so has one of a machine unlike all that the model has learned from, whose
        `unusual_features` name the columns in which it began elsewhere.

    Raises:
        FeatureMismatchError: columns missing, not numeric, or (strict) unexpected.

    Example:
        >>> predictions = mc.predict(model, features)
        >>> predictions.height == features.height
        True
        >>> predictions["failure_probability"].is_between(0, 1).all()
        True

    """
    import polars as pl

    from mlops_core.prognosis.raw_rows import refuse_raw_rows
    from mlops_core.prognosis.training_table import matrix_of

    schema = bundle.schema
    schema.check(bundle.version, [*features.columns], allowed=_KEYS if strict else None)
    if missing := [name for name in ("machine_id", "window_end") if name not in features.columns]:
        raise FeatureMismatchError(bundle.version, missing=missing)
    kinds = features.select(schema.names).schema.items()
    wrong = [name for name, kind in kinds if not (kind.is_numeric() or kind in (pl.Boolean(), pl.Null()))]
    if wrong:
        raise FeatureMismatchError(bundle.version, wrong_type=wrong)
    matrix = schema.given(matrix_of(features, schema.names))
    refuse_raw_rows(bundle, matrix)
    is_known = pl.Series(values=np.count_nonzero(~np.isnan(matrix[:, schema.is_measured]), axis=1) > 0)
    foreign = schema.foreign(matrix)
    is_foreign = pl.Series(values=[bool(columns) for columns in foreign], dtype=pl.Boolean)
    unusual = [list(columns) or row for columns, row in zip(foreign, schema.unusual(matrix), strict=True)]
    estimates = estimate(bundle, matrix)
    found = [[asdict(reason) for reason in row] for row in _reasons(bundle, matrix, most=reasons)]
    estimated = pl.DataFrame(
        {
            "machine_id": features["machine_id"],
            "window_end": features["window_end"],
            "failure_probability": estimates.failure_probability,
            "rul_hours_p10": estimates.rul_hours[:, 0],
            "rul_hours_p50": estimates.rul_hours[:, 1],
            "rul_hours_p90": estimates.rul_hours[:, 2],
            "rul_hours_mean": estimates.rul_hours_mean,
            "health_index": estimates.health_index,
            "evaluation_zone": pl.Series(_zones(bundle, matrix), dtype=pl.String),
            "reasons": pl.Series(found, dtype=pl.List(_reason_type())),
            "unusual_features": pl.Series(unusual, dtype=pl.List(pl.String)),
            "failure_mode": pl.Series(_modes(bundle, matrix), dtype=pl.String),
        }
    )
    judged = [name for name in estimated.columns if name not in _KEYS]
    predicted = [name for name in judged if name not in ("evaluation_zone", "unusual_features")]
    return estimated.with_columns(pl.when(is_known).then(pl.col(name)) for name in judged).with_columns(
        *(pl.when(~is_foreign).then(pl.col(name)) for name in predicted), model_version=pl.lit(bundle.version)
    )


def _reason_type() -> "pl.Struct":
    import polars as pl

    return pl.Struct(
        {
            "feature": pl.String,
            "value": pl.Float64,
            "typical": pl.Float64,
            "odds_factor": pl.Float64,
            "text": pl.String,
        }
    )


def _reasons(bundle: ModelBundle, matrix: NDArray[np.float32], *, most: int) -> list[tuple[Reason, ...]]:
    if not most:
        return [()] * len(matrix)
    slope = bundle.calibration.probability.slope
    contributions = bundle.failure.contributions(matrix)
    return [
        strongest_reasons(bundle.schema, row, contribution, slope, most=most)
        for row, contribution in zip(matrix, contributions, strict=True)
    ]


def _modes(bundle: ModelBundle, matrix: NDArray[np.float32]) -> Sequence[str | None]:
    return [None] * len(matrix) if bundle.modes is None else bundle.modes.name(matrix)


def _zones(bundle: ModelBundle, matrix: NDArray[np.float32]) -> list[str | None]:
    """Return each row's severity; a velocity on a boundary belongs to the worse zone."""
    feature = bundle.schema.severity_feature
    if feature is None:
        return [None] * len(matrix)
    velocities: list[float] = matrix[:, bundle.schema.names.index(feature)].tolist()
    boundaries = [float(np.float32(boundary)) for boundary in bundle.calibration.zone_boundaries]
    return ["ABCD"[bisect_right(boundaries, velocity)] if velocity >= 0 else None for velocity in velocities]
