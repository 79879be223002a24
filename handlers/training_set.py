"""Training set: offline features, joined with what became of each machine, split into training and holdout rows.

Features are read twice: first their keys, which are labelled and sampled (`sample_runs`), then the chosen rows. Memory
does not grow with the fleet: of a large one a share of the machines is read, drawn by their ids. Machines that failed
come first; they take up to half of the room, and more where the other machines do not fill the rest.

One object holds both parts and is written once, so that a step that is tried again trains and judges on the same rows.
"""

import warnings
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final

import polars as pl
from aws_lambda_powertools.utilities.typing import LambdaContext

from contract.environment import TrainingSetSettings
from handlers import runtime
from handlers.logs import logger
from handlers.stores import (
    REPORTED,
    Beginnings,
    EventHistory,
    FeatureHistory,
    Machines,
    Partitions,
    clients,
    encode_parquet,
    machine_attributes,
    recipe_of,
    replaced_sensors,
)
from handlers.training_execution import IS_HELD_OUT, RECIPE, TrainingEvent, rows_key
from mlops_core.errors import UntrainableError, UntrainableReason
from mlops_core.features import FeatureRecipe, returns_to_service
from mlops_core.lake import BEGINNINGS_KEY
from mlops_core.prognosis import (
    STANDS_FOR,
    is_drawn,
    label_features,
    label_modes,
    sample_runs,
    split_training_set,
    without_planned_maintenance,
)
from mlops_core.telemetry import FAILURES, MAINTENANCE, VERDICTS

_settings = runtime.settings(TrainingSetSettings)

_MOST_KEYS: Final = 6_000_000
"""Keys that are labelled at once, about 150 bytes each."""
_MOST_ROWS: Final = 1_000_000
"""Rows that are learned from at most: beyond them, training takes longer and knows no more."""
_OWN_MB: Final = 900
_COPIES: Final = 5
_IDENTITY: Final = ["machine_id", "window_end"]


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Write the training set of an execution; returns its size and the split rule. Raises UntrainableError."""
    request = TrainingEvent.model_validate(event)
    since = request.started_at - _settings().training_history
    history = FeatureHistory(runtime.lake(_settings()), since=since, until=request.started_at)
    if history.is_empty:
        raise UntrainableError(UntrainableReason.NO_ROWS, "no features are stored", "Has processing run yet?")
    recipe = recipe_of(_settings(), runtime.channels(_settings()))
    recipe = recipe.model_copy(update={"drift": tuple(name for name in recipe.drift if name in history.columns)})
    failures = pl.DataFrame(runtime.label_history(_settings()).load_all(), schema=FAILURES)
    repairs = pl.DataFrame(runtime.label_history(_settings()).load_repairs(), schema=MAINTENANCE)
    verdicts = pl.DataFrame(runtime.label_history(_settings()).load_verdicts(), schema=VERDICTS)
    # A fault that was found is a failure to learn from; a verdict of no fault is a label that nothing else gives.
    judged = verdicts.filter(pl.col("decided_at").is_between(since, request.started_at))["machine_id"]
    failed = failures.filter(pl.col("event_timestamp").is_between(since, request.started_at))["machine_id"]
    pace = _Pace(context, history)
    machines = Machines(clients.dynamodb(), _settings().machines_table).load_all()
    replaced = replaced_sensors(machines)
    keys, beginnings = _keys(history, recipe, _draw(history, {*failed, *judged}), replaced, pace)
    labelled = _labelled(keys, failures, repairs, verdicts, known_until=request.started_at)
    labelled = without_planned_maintenance(labelled, machines.values())
    labelled = label_modes(labelled, failures.filter(pl.col("event_code") != REPORTED))
    parts = split_training_set(labelled, horizon=_settings().prediction_horizon)
    both = {False: parts.known, True: parts.held_out}
    most = _most_rows(context, len(history.columns))
    sampled = [
        sample_runs(rows, most_rows=max(1, most * rows.height // labelled.height)).with_columns(
            pl.lit(is_held_out).alias(IS_HELD_OUT)
        )
        for is_held_out, rows in both.items()
    ]
    chosen = pl.concat(sampled, how="diagonal")
    if STANDS_FOR in chosen.columns:
        chosen = chosen.with_columns(pl.col(STANDS_FOR).fill_null(1.0))
    machine_ids = chosen["machine_id"].unique()
    derive = partial(
        recipe.derive,
        returns=returns_to_service(failures, repairs),
        beginnings=None if beginnings is None else beginnings.filter(pl.col("machine_id").is_in(machine_ids.implode())),
        replaced=replaced,
        events=_events(recipe, since),
        machines=machine_attributes(machine_ids, recipe, machines, _settings().machine_classes),
    )
    features = _rows(history, derive, chosen, pace)
    labels = [name for name in chosen.columns if name not in _IDENTITY]
    rows = chosen.join(features, on=_IDENTITY, how="left", maintain_order="left")
    rows = rows.select(*features.columns, *labels)
    rows_with_recipe = encode_parquet(rows, {RECIPE: recipe.model_dump_json()})
    runtime.lake(_settings()).create(rows_key(request.execution), rows_with_recipe)
    outcome = {
        "rows": sampled[0].height,
        "held_out_rows": sampled[1].height,
        "rows_in_all": labelled.height,
        "machines": rows["machine_id"].n_unique(),
        "failures": rows.filter(~pl.col("is_censored"))["run_id"].n_unique(),
        "rule": parts.rule,
    }
    logger.info("Training set written", extra=outcome)
    return outcome


class _Pace:
    """Refuses what does not fit into the function's time as soon as that is known, with the figure."""

    def __init__(self, context: LambdaContext, history: FeatureHistory) -> None:
        self._context = context
        self._history = history
        self._left = context.get_remaining_time_in_millis()
        self._batches = 0

    def batch_is_done(self) -> None:
        """Take note of another batch. Raises UntrainableError where those that remain will not be done in time."""
        self._batches += 1
        left = self._context.get_remaining_time_in_millis()
        took = (self._left - left) / self._batches
        remaining = (2 * self._history.batches_in_all - self._batches) * took
        if remaining > left:
            raise UntrainableError(
                UntrainableReason.TOO_MUCH,
                f"reading {self._history.objects:,} objects of {self._history.machines:,} machines would take"
                f" {remaining / 1000:,.0f} s more, and the function has {left / 1000:,.0f} s",
                "Lower trainingHistoryDays, raise trainingMemoryMb, or build the set outside of Lambda (docs/scale.md)",
            )


def _draw(history: FeatureHistory, failed: set[str]) -> Callable[[str], float]:
    """Return what a machine's rows weigh: 1 of one that failed, 0 of one that is left out."""
    hours = (_settings().training_history // _settings().feature_hop) or 1
    room = max(2.0, _MOST_KEYS / hours)
    others = max(1, history.machines - len(failed))  # of those that failed some may have no rows in the newest hour
    failing_share = min(1.0, max(room / 2, room - others) / max(1, len(failed)))
    share = min(1.0, (room - failing_share * len(failed)) / others)

    def stands_for(machine_id: str) -> float:
        if machine_id in failed:
            return 1.0 if is_drawn(machine_id, failing_share) else 0.0
        return failing_share / share if is_drawn(machine_id, share) else 0.0

    return stands_for


def _keys(
    history: FeatureHistory,
    recipe: FeatureRecipe,
    draw: Callable[[str], float],
    replaced: pl.DataFrame,
    pace: _Pace,
) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Return the keys of the drawn machines' rows, and where each machine began.

    Beginnings are completed by the whole history of all machines: a stack whose features are older than its beginnings
    learns them here, and serves from then on what it has trained.
    """
    beginnings = Beginnings(Partitions(runtime.lake(_settings()), [BEGINNINGS_KEY]))
    drawn: dict[str, float] = {}
    keys: list[pl.DataFrame] = []
    for rows in history.batches([*_IDENTITY, *recipe.drift]):
        beginnings.note(recipe, rows, new_sensors=replaced)
        drawn |= {name: draw(name) for name in rows["machine_id"].unique() if name not in drawn}
        few = [name for name, stands_for in drawn.items() if stands_for]
        keys.append(rows.select(_IDENTITY).filter(pl.col("machine_id").is_in(few)))
        pace.batch_is_done()
    beginnings.keep()
    found = pl.concat(keys)
    if not {*drawn.values()} <= {0.0, 1.0}:
        stands_for = pl.DataFrame({"machine_id": list(drawn), STANDS_FOR: list(drawn.values())})
        found = found.join(stands_for, on="machine_id", how="left")
    return found, beginnings.frame


def _labelled(
    keys: pl.DataFrame, failures: pl.DataFrame, repairs: pl.DataFrame, verdicts: pl.DataFrame, *, known_until: datetime
) -> pl.DataFrame:
    """Return the keys of rows with their labels; what was assumed of returns to service is logged."""
    with warnings.catch_warnings(record=True) as assumptions:
        labelled = label_features(
            keys,
            failures,
            horizon=_settings().prediction_horizon,
            maintenance=repairs,
            verdicts=verdicts,
            known_until=known_until,
        )
    for assumption in assumptions:
        logger.warning(str(assumption.message))
    return labelled


def _events(recipe: FeatureRecipe, since: datetime) -> pl.DataFrame | None:
    """Return the events that the rows of a history count, whenever they were received; None where they count none."""
    if not recipe.events:
        return None
    history = EventHistory(runtime.lake(_settings()), recipe, runtime.label_history(_settings()))
    history.take_in_all()
    return history.for_windows(since)


def _rows(
    history: FeatureHistory, derive: Callable[[pl.DataFrame], pl.DataFrame], chosen: pl.DataFrame, pace: _Pace
) -> pl.DataFrame:
    """Return the features of the chosen rows, in single precision, as models read them."""
    wanted = chosen.select(_IDENTITY).sort("window_end")
    found: list[pl.DataFrame] = []
    for rows in history.batches(history.columns):
        derived = derive(rows.join(wanted, on=_IDENTITY, how="semi"))
        found.append(derived.cast({pl.Float64: pl.Float32}))
        pace.batch_is_done()
    return pl.concat(found)


def _most_rows(context: LambdaContext, columns: int) -> int:
    """Return how many rows the function's memory holds, with the copies that joining and encoding make."""
    room = max(100, int(context.memory_limit_in_mb) - _OWN_MB) * 1_000_000
    return min(_MOST_ROWS, room // (columns * 4 * _COPIES))
