"""Evaluation: a new model and the champion, judged by the same held-out runs."""

from dataclasses import asdict
from functools import cache
from io import BytesIO
from typing import Any

import polars as pl
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from handlers import settings
from handlers.settings import RegistrySettings
from handlers.stores import clients
from handlers.stores.lake import DataLake
from handlers.stores.model_registry import ModelRegistry
from handlers.training_set import IS_HELD_OUT, Execution, rows_key
from mlops_core.modelling.json_records import canonical_json
from mlops_core.modelling.training_set import judge_challenger

logger = Logger()


class EvaluationEvent(BaseModel):
    """The execution that holds the judging runs, and the version to judge."""

    execution: Execution
    version: str


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001  Lambda passes it
    """Compare a version with the champion; returns whether to promote it, why, and whom it was judged against.

    Raises UnjudgeableError, HeldOutRunsError and others of `compare_models`.
    """
    request = EvaluationEvent.model_validate(event)
    registry = ModelRegistry(_lake())
    stored = registry.champion()
    against = stored.champion.version if stored else None
    if against == request.version:
        return {"promote": False, "reason": "The same data gave the champion again.", "against": against}
    rows = pl.read_parquet(BytesIO(_lake().read(rows_key(request.execution))))
    verdict = judge_challenger(
        registry.load(request.version),
        registry.load(against) if against else None,
        rows.filter(pl.col(IS_HELD_OUT)).drop(IS_HELD_OUT),
    )
    _lake().create(f"training/{request.execution}/verdict-{request.version}-{against}.json", canonical_json(verdict))
    logger.info("Model judged", extra={"version": request.version, "reason": verdict.reason})
    return {
        "promote": verdict.promote,
        "reason": verdict.reason,
        "against": against,
        "figures": asdict(verdict.challenger),
    }


@cache
def _settings() -> RegistrySettings:
    return settings.read(RegistrySettings)


@cache
def _lake() -> DataLake:
    return DataLake(clients.s3(), _settings().data_lake_bucket)
