"""Training on many rows, and predicting one: against plain LightGBM.

Training: a size is a number of labelled rows with 40 features, 3 % of which fail. The number of each way is the ROC AUC
on rows of other machines, of which ours may lose 0.002. Our trees see every failing row and a sample of the others;
`train()` is all that it does: held-out folds of both models, calibration, the check with permuted labels, and the
remaining life.

Prediction: a size is a number of machines, predicted one by one from mappings.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import lightgbm
import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.harness import Benchmark, Figures, Reach, Way, ratio
from mlops_core.prognosis import (
    ModelBundle,
    TrainingSettings,
    TrainingTable,
    Trees,
    TreeSettings,
    fit_trees,
    predict_one,
    roc_auc,
    sample_failures,
    train,
    training_table,
)

OURS = "trees on a sample of the negatives"
PLAIN = "plain LightGBM, 100 trees"
WHOLE = "train() with validation and remaining life"
WITH_REASONS = "predict_one with reasons"
WITHOUT_REASONS = "predict_one without reasons"
BARE = "Booster.predict of the failure trees"

_FEATURES, _ROWS_A_MACHINE, _HELD_OUT, _FAILING = 40, 1000, 50_000, 0.03
_HORIZON = timedelta(hours=24)
_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Task:
    """Rows to learn from, and rows of other machines to be judged by."""

    labelled: pl.DataFrame
    table: TrainingTable
    held_out: NDArray[np.float32]
    fails: NDArray[np.float64]


def task(rows: int) -> Task:
    """Labelled rows whose log odds are linear in eight features but for one product."""
    generator = np.random.Generator(np.random.PCG64(2026))
    matrix = generator.standard_normal((rows + _HELD_OUT, _FEATURES), dtype=np.float32)
    score = (
        matrix[:, :8] @ np.linspace(1.0, 0.2, 8)
        + 0.5 * matrix[:, 0] * matrix[:, 1]
        + generator.logistic(size=len(matrix))
    )
    fails = score > np.quantile(score, 1.0 - _FAILING)
    left = np.where(fails, generator.uniform(0.0, 24.0, len(fails)), generator.uniform(24.5, 500.0, len(fails)))
    row = np.arange(rows)
    labelled = pl.DataFrame(matrix[:rows], schema=[f"f{number}" for number in range(_FEATURES)]).with_columns(
        machine_id=pl.format("M{}", pl.Series(row // _ROWS_A_MACHINE)),
        run_id=pl.format("M{}#0", pl.Series(row // _ROWS_A_MACHINE)),
        window_end=pl.lit(_START) + pl.duration(hours=pl.int_range(pl.len()) % _ROWS_A_MACHINE),
        rul_hours=pl.Series(left[:rows]),
        fails_within_horizon=pl.Series(fails[:rows]),
        is_censored=pl.lit(value=False),
    )
    return Task(
        labelled, training_table(labelled, horizon=_HORIZON), matrix[rows:], fails[rows:].astype(np.float64)
    )  # fmt: skip


def plain(given: Task) -> float:
    parameters = {"objective": "binary", "num_threads": 1, "verbosity": -1, "seed": 1}
    rows = lightgbm.Dataset(given.table.matrix, given.table.fails)
    grown = lightgbm.train(parameters, rows, num_boost_round=100)  # pyright: ignore[reportUnknownMemberType] - LightGBM is untyped
    return roc_auc(given.fails, Trees(grown.model_to_string()).raw(given.held_out))


def sampled(given: Task) -> float:
    settings = TrainingSettings()
    sample = sample_failures(
        given.table,
        negatives_per_positive=settings.negatives_per_positive,
        negatives=settings.negatives,
        seed=1,
    )
    trees = fit_trees(
        given.table.matrix[sample.rows], sample.fails, objective="binary", settings=settings.trees, seed=1
    )
    return roc_auc(given.fails, Trees(trees).raw(given.held_out))


def whole(given: Task) -> float:
    return roc_auc(given.fails, train(given.labelled, seed=1).failure.raw(given.held_out))


@dataclass(frozen=True)
class Machines:
    """A model, and rows of machines as an online store gives them."""

    bundle: ModelBundle
    rows: tuple[dict[str, float], ...]


def machines(number: int) -> Machines:
    given = task(20_000)
    bundle = train(given.labelled, seed=1, settings=TrainingSettings(trees=TreeSettings(), folds=2))
    names = bundle.schema.names
    rows = [dict(zip(names, row, strict=True)) for row in given.held_out[:number].tolist()]
    return Machines(bundle, tuple(rows))


def one_by_one(given: Machines, *, reasons: int) -> float:
    return sum(predict_one(given.bundle, "M1", _START, row, reasons=reasons).failure_probability for row in given.rows)


def bare(given: Machines) -> None:
    predict: Callable[[NDArray[np.float32]], object] = given.bundle.failure.raw
    for row in given.rows:
        predict(np.array([list(row.values())], dtype=np.float32))


def lost(figures: Figures) -> float | None:
    """What our trees fall short of plain LightGBM's ROC AUC; negative where they are better."""
    plain_cell, own_cell = (figures.cells.get((way, 1_000_000)) for way in (PLAIN, OURS))
    return None if plain_cell is None or own_cell is None else plain_cell["number"] - own_cell["number"]


BENCHMARKS = (
    Benchmark(
        "training",
        (1_000_000,),
        task,
        {OURS: Way(sampled), PLAIN: Way(plain), WHOLE: Way(whole)},
        OURS,
        reach=(
            ratio(PLAIN, 1_000_000, at_least=4),
            Reach("ROC AUC of plain LightGBM - ours", 1_000_000, lost, at_most=0.002),
        ),
        agreement=0.01,
    ),
    Benchmark(
        "prediction",
        (1_000,),
        machines,
        {
            WITH_REASONS: Way(partial(one_by_one, reasons=3)),
            WITHOUT_REASONS: Way(partial(one_by_one, reasons=0)),
            BARE: Way(bare),
        },
        WITH_REASONS,
    ),
)
