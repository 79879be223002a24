"""Training set: offline features, joined with what became of each machine, parted into what to learn from and a judge.

One object holds both parts and is written once, so that a step that is tried again trains and judges on the same rows.
"""

import warnings
from datetime import datetime
from io import BytesIO
from typing import Annotated, Any, Final

import polars as pl
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel, StringConstraints

from contract.environment import TrainingSetSettings
from handlers import runtime
from handlers.logs import ascii_logger
from handlers.stores.beginnings import Beginnings
from handlers.stores.partitions import Partitions, encode_parquet
from handlers.stores.recipes import stack_recipe
from mlops_core.errors import UntrainableError, UntrainableReason
from mlops_core.features import FeatureRecipe, returns_to_service
from mlops_core.lake import BEGINNINGS_KEY, FEATURES_PREFIX, TRAINING_PREFIX
from mlops_core.prognosis import label_features, split_training_set
from mlops_core.telemetry import FAILURES, MAINTENANCE

logger = ascii_logger()
_settings = runtime.settings(TrainingSetSettings)

IS_HELD_OUT: Final = "is_held_out"
RECIPE: Final = "recipe"
"""The entry of the object's metadata that holds the recipe of the rows' features, as JSON."""

Execution = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9_-]{1,80}\z")]


class TrainingSetEvent(BaseModel):
    """The name of the state machine's execution, and when it began: what was known then is what is learned from."""

    execution: Execution
    started_at: AwareDatetime


def rows_key(execution: str) -> str:
    """Return the key of an execution's labelled rows."""
    return f"{TRAINING_PREFIX}{execution}/rows.parquet"


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Write the training set of an execution; returns its size and how it was parted. Raises UntrainableError."""
    request = TrainingSetEvent.model_validate(event)
    windows = _windows(since=request.started_at - _settings().training_history, until=request.started_at)
    recipe = stack_recipe(runtime.channels(_settings()), _settings().feature_lengths, _settings().feature_hop)
    recipe = recipe.model_copy(update={"drift": tuple(name for name in recipe.drift if name in windows.columns)})
    failures = pl.DataFrame(runtime.label_history(_settings()).load_all(), schema=FAILURES)
    repairs = pl.DataFrame(runtime.label_history(_settings()).load_repairs(), schema=MAINTENANCE)
    features = recipe.derive(
        windows, returns=returns_to_service(failures, repairs), beginnings=_beginnings(recipe, windows)
    )
    with warnings.catch_warnings(record=True) as assumptions:
        labelled = label_features(
            features,
            failures,
            horizon=_settings().prediction_horizon,
            maintenance=repairs,
            known_until=request.started_at,
        )
    for assumption in assumptions:
        logger.warning(str(assumption.message))
    parts = split_training_set(labelled, horizon=_settings().prediction_horizon)
    rows = pl.concat(
        [
            parts.known.with_columns(pl.lit(value=False).alias(IS_HELD_OUT)),
            parts.held_out.with_columns(pl.lit(value=True).alias(IS_HELD_OUT)),
        ]
    )
    rows_with_recipe = encode_parquet(rows, {RECIPE: recipe.model_dump_json()})
    runtime.lake(_settings()).create(rows_key(request.execution), rows_with_recipe)
    outcome = {
        "rows": parts.known.height,
        "held_out_rows": parts.held_out.height,
        "machines": rows["machine_id"].n_unique(),
        "failures": rows.filter(~pl.col("is_censored"))["run_id"].n_unique(),
        "rule": parts.rule,
    }
    logger.info("Training set written", extra=outcome)
    return outcome


def _windows(*, since: datetime, until: datetime) -> pl.DataFrame:
    first = f"{FEATURES_PREFIX}date={since:%Y-%m-%d}/"
    keys = [key for key in runtime.lake(_settings()).versions(FEATURES_PREFIX) if key >= first]
    frames = [pl.read_parquet(BytesIO(body)) for body in runtime.lake(_settings()).read_all(keys)]
    if not frames:
        raise UntrainableError(UntrainableReason.NO_ROWS, "no features are stored", "Has processing run yet?")
    # Diagonal: a channel that was added later is null before. What the newest partition lacks is no longer computed: a
    # model that learned from it could not serve.
    features = pl.concat(frames, how="diagonal").select(frames[-1].columns)
    return features.filter(pl.col("window_end").is_between(since, until))


def _beginnings(recipe: FeatureRecipe, windows: pl.DataFrame) -> pl.DataFrame | None:
    """Return where each machine began, after completing what processing has seen of it by the whole history.

    A stack whose features are older than its beginnings learns them here, and serves from then on what it has trained.
    """
    beginnings = Beginnings(Partitions(runtime.lake(_settings()), [BEGINNINGS_KEY]))
    beginnings.note(recipe, windows)
    beginnings.keep()
    return beginnings.frame
