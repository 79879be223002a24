"""Training: a model of the training set's first part, stored as a version of the registry."""

from datetime import timedelta
from io import BytesIO
from typing import Any

import polars as pl
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from contract.environment import TrainingSettings
from handlers import runtime
from handlers.logs import logger
from handlers.stores import ModelRegistry
from handlers.training_execution import IS_HELD_OUT, RECIPE, Execution, rows_key
from mlops_core.features import FeatureRecipe
from mlops_core.prognosis import TrainingSettings as HowToTrain, train
from mlops_core.prognosis.alarm_budget import AlarmBudget

_settings = runtime.settings(TrainingSettings)


class TrainingEvent(BaseModel):
    """The execution whose training set is to be learned from."""

    execution: Execution


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Train and store a model; returns its version and its figures in training. Raises UntrainableError."""
    request = TrainingEvent.model_validate(event)
    body = runtime.lake(_settings()).read(rows_key(request.execution))
    rows, recipe = pl.read_parquet(body), pl.read_parquet_metadata(BytesIO(body)).get(RECIPE)
    bundle = train(
        rows.filter(~pl.col(IS_HELD_OUT)).drop(IS_HELD_OUT),
        seed=_settings().training_seed,
        horizon=_settings().prediction_horizon,
        channels=runtime.channels(_settings()),
        recipe=FeatureRecipe.model_validate_json(recipe) if recipe else None,
        settings=HowToTrain(
            alarms=AlarmBudget(
                false_episodes_per_machine_month=_settings().false_episodes_per_machine_month,
                actionable_hours=_settings().actionable / timedelta(hours=1),
            )
        ),
    )
    is_new = ModelRegistry(runtime.lake(_settings())).store(bundle)
    outcome = {"version": bundle.version, "is_new": is_new, "metrics": dict(bundle.metrics)}
    logger.info("Model trained", extra=outcome)
    return outcome
