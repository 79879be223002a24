"""Train the model: the probability of failure within a horizon, and the hours that are left.

    bundle = train(label_features(compute_features(readings), failures), seed=7)

Two sets of gradient-boosted trees, each judged and calibrated on machines that it had not seen:

- failure: log odds that a machine fails within the horizon. Every failing row is used and a sample of the others.
- life: log(1 + remaining hours), from runs whose failure was seen, each weighted by the inverse probability that a run
  of its length is seen to its end. P10, P50 and P90 are read off held-out rows with similar predictions. (One model and
  three curves: on the public turbofan data, pinball loss was 15 to 35 % below that of three quantile models.)
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from importlib.metadata import version
from types import MappingProxyType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlops_core.condition import DEFAULT_BOUNDARIES, ZoneBoundaries
from mlops_core.features import DRIFT, FeatureRecipe, parse_feature_name
from mlops_core.prognosis.alarm_budget import AlarmBudget
from mlops_core.prognosis.bundle import ModelBundle, TrainingManifest
from mlops_core.prognosis.calibration import ModelCalibration
from mlops_core.prognosis.card import render_model_card
from mlops_core.prognosis.censoring import median_life
from mlops_core.prognosis.failure import fit_failure_model, sample_failures
from mlops_core.prognosis.life import fit_life_model
from mlops_core.prognosis.modes import FailureModes, fit_modes
from mlops_core.prognosis.schema import FeatureSchema
from mlops_core.prognosis.splits import refuse_untrainable, row_folds
from mlops_core.prognosis.training_table import TrainingTable, training_table
from mlops_core.prognosis.trees import FloatArray, Trees, TreeSettings
from mlops_core.telemetry import CHANNELS, VELOCITY_RMS, Channel
from mlops_core.time import parse_duration

_ROWS_OF_A_MEDIAN = 50_000
_FEWEST_MACHINES = 8
"""Machines whose beginnings say what other machines of their kind are like."""

ALARM_PRECISION = 0.9
"""The share of right hours for which `evaluate` reports a threshold."""


@dataclass(frozen=True)
class TrainingSettings:
    """How to train.

    Attributes:
        trees: how the trees of the failure probability are grown.
        life_trees: how those of the remaining life are grown; None: as `trees.larger()`.
        folds: groups of machines (of runs, where only one machine failed), each held out once; two are enough from
            `plenty_rows` rows to learn from on.
        negatives_per_positive: rows that do not fail, per row that does, within `negatives` (at least, at most).
        most_life_rows: rows, drawn evenly, that the remaining life is learned from.
        rul_ceiling_hours: longer remaining lives are cut to this, when only the end matters; None cuts none.
        alarms: how many false alarms are accepted, and how early an alarm may come.

    """

    trees: TreeSettings = field(default_factory=TreeSettings)
    life_trees: TreeSettings | None = None
    folds: int = 4
    negatives_per_positive: float = 5.0
    negatives: tuple[int, int] = (20_000, 60_000)
    most_life_rows: int = 40_000
    plenty_rows: int = 50_000
    rul_ceiling_hours: float | None = None
    alarms: AlarmBudget = field(default_factory=AlarmBudget)

    @property
    def life_trees_grown(self) -> TreeSettings:
        """How the trees of the remaining life are grown."""
        return self.life_trees or self.trees.larger()


def train(
    labelled: pl.DataFrame,
    *,
    seed: int,
    horizon: timedelta | str = "24h",
    settings: TrainingSettings | None = None,
    channels: Mapping[str, Channel] = CHANNELS,
    zones: ZoneBoundaries = DEFAULT_BOUNDARIES,
    recipe: FeatureRecipe | None = None,
    normaliser: str | None = None,
) -> ModelBundle:
    """Return a model of labelled feature rows. The same rows (in any order), seed and settings give the same bytes.

    Args:
        labelled: what `label_features` gives, known at one moment. Every numeric column but keys and labels is a
            feature; nulls are allowed. With the column of `label_modes`, the model may name the way of failing.
        seed: of sampling and folds.
        horizon: what the labels were made for.
        settings: see `TrainingSettings`.
        channels: units of channels, for words.
        zones: the vibration severities that predictions name.
        recipe: how the features were computed; it becomes part of the model, which is served where it is computed.
            Without, the names of the columns say what can be known of it.
        normaliser: without a recipe, JSON text to keep with the model, of what readings went through before features
            were computed by hand.

    Returns:
        The model, with its card and the figures of machines held out.

    Raises:
        UntrainableError: with the reason: no rows, no features, no failing rows, nothing but failing rows, too few
            failures of one machine only, labels made for another horizon, or a check in which permuted labels were
            learned.
        MissingColumnError, InvalidArgumentError: a frame that does not fit.

    Example:
        >>> model = mc.train(labelled, seed=7)
        >>> model.manifest.horizon_hours
        24.0

    """
    settings = settings or TrainingSettings()
    ahead = parse_duration(horizon)
    table = training_table(labelled, horizon=ahead)
    refuse_untrainable(table)
    sample = sample_failures(
        table, negatives_per_positive=settings.negatives_per_positive, negatives=settings.negatives, seed=seed
    )
    number = settings.folds if len(sample.rows) < settings.plenty_rows else min(2, settings.folds)
    folds = row_folds(table, folds=number, seed=seed)
    failure = fit_failure_model(
        table, folds, sample, trees=settings.trees, budget=settings.alarms, seed=seed
    )  # fmt: skip
    life = fit_life_model(
        table,
        folds,
        trees=settings.life_trees_grown,
        most_rows=settings.most_life_rows,
        ceiling_hours=settings.rul_ceiling_hours,
        seed=seed,
    )
    bundle = ModelBundle(
        failure_trees=failure.trees,
        life_trees=life.trees,
        schema=_schema(table, Trees(failure.trees).gains(), channels),
        calibration=ModelCalibration(
            probability=failure.calibration,
            rul=life.curves,
            alarm_threshold=failure.alarms.watch,
            alarm_precision=ALARM_PRECISION,
            typical_life_hours=median_life(table.run_hours, table.run_failed, table.run_stands_for),
            zone_boundaries=(zones.b_begins, zones.c_begins, zones.d_begins),
            zone_source=zones.source,
        ),
        metrics=MappingProxyType(
            {name: None if math.isnan(value) else value for name, value in {**failure.metrics, **life.metrics}.items()}
        ),
        manifest=_manifest(table, seed, ahead, settings),
        normaliser=normaliser,
        declared_recipe=None if recipe is None else recipe.of_model(table.names),
        alarms=failure.alarms,
        modes=_modes(table, folds),
    )
    return replace(bundle, model_card=render_model_card(bundle))


def _modes(table: TrainingTable, folds: NDArray[np.int64]) -> FailureModes | None:
    """The ways of failing, where the frame names them and the features tell them apart."""
    rows = np.flatnonzero(table.fails == 1)
    if not table.modes:
        return None
    return fit_modes(table.matrix[rows], [table.modes[row] for row in rows], table.runs[rows], folds[rows])


def _schema(table: TrainingTable, importance: FloatArray, channels: Mapping[str, Channel]) -> FeatureSchema:
    few = table.matrix[:: 1 + len(table.matrix) // _ROWS_OF_A_MEDIAN]
    middle = [np.sort(column[~np.isnan(column)]) for column in few.T]
    used = {parts.channel for name in table.names if (parts := parse_feature_name(name))}
    return FeatureSchema(
        names=table.names,
        shares=table.shares,
        typical=tuple(_shortest(column[len(column) // 2]) if len(column) else None for column in middle),
        lowest=tuple(_shortest(value) for value in np.fmin.reduce(table.matrix, axis=0)),
        highest=tuple(_shortest(value) for value in np.fmax.reduce(table.matrix, axis=0)),
        importance=tuple(float(share) for share in importance),
        units=MappingProxyType({name: channels[name].unit for name in sorted(used) if name in channels}),
        beginnings=MappingProxyType(_beginnings(table)),
        velocities=tuple(name for name in sorted(used) if name in channels and channels[name].quantity == VELOCITY_RMS),
    )


def _beginnings(table: TrainingTable) -> dict[str, tuple[float, float]]:
    """The range of the machines' own beginnings in each column that drifts; empty with too few machines."""
    found: dict[str, tuple[float, float]] = {}
    for column, name in enumerate(table.names):
        level = name.removesuffix(DRIFT)
        if level == name or level not in table.names:
            continue
        began = table.matrix[:, table.names.index(level)].astype(np.float64) - table.matrix[:, column]
        # All rows: of a machine's first hours the beginning is known from few values, and strays.
        known = ~np.isnan(began)
        if len(np.unique(table.machines[known])) >= _FEWEST_MACHINES and began[known].max() > began[known].min():
            found[name] = (float(began[known].min()), float(began[known].max()))
    return found


def _shortest(value: np.float32) -> float | None:
    """Return the shortest decimal that gives the same single precision number, None for NaN."""
    return None if np.isnan(value) else float(str(value))


def _manifest(table: TrainingTable, seed: int, horizon: timedelta, settings: TrainingSettings) -> TrainingManifest:
    flat = asdict(settings)
    flat |= {f"trees_{name}": value for name, value in flat.pop("trees").items()}
    flat.pop("life_trees")
    flat |= {f"life_trees_{name}": value for name, value in asdict(settings.life_trees_grown).items()}
    flat |= flat.pop("alarms")
    flat["least_negatives"], flat["most_negatives"] = flat.pop("negatives")
    flat.pop("rul_ceiling_hours")
    return TrainingManifest(
        trained_from=table.first.isoformat(),
        trained_through=table.last.isoformat(),
        horizon_hours=horizon / timedelta(hours=1),
        rul_ceiling_hours=settings.rul_ceiling_hours,
        seed=seed,
        settings=MappingProxyType(flat),
        rows=len(table.matrix),
        failing_rows=int(np.nansum(table.fails)),
        machines=table.machine_ids,
        runs=table.run_ids,
        run_marks=table.run_marks,
        failures=int(table.run_failed.sum()),
        data_sha256=_data_hash(table),
        lightgbm=version("lightgbm"),
    )


def _data_hash(table: TrainingTable) -> str:
    digest = hashlib.sha256("\n".join((*table.names, *table.machine_ids, *table.run_ids)).encode())
    arrays: tuple[NDArray[np.generic], ...] = (table.matrix, table.fails, table.rul_hours, table.machines, table.runs)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
