"""Evaluation: a new model and the champion, judged by the same held-out runs."""

from dataclasses import asdict
from io import BytesIO
from typing import Any

import polars as pl
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from contract.environment import RegistrySettings
from handlers import runtime
from handlers.logs import count, logger, metrics
from handlers.stores import ModelRegistry, UnknownModelError
from handlers.training_execution import IS_HELD_OUT, Execution, rows_key
from mlops_core.errors import BundleError
from mlops_core.lake import TRAINING_PREFIX
from mlops_core.prognosis import ModelBundle, judge_challenger
from mlops_core.records import canonical_json

_settings = runtime.settings(RegistrySettings)


class EvaluationEvent(BaseModel):
    """The execution that holds the judging runs, and the version to judge."""

    execution: Execution
    version: str


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Compare a version with the champion; returns whether to promote it, why, and whom it was judged against.

    Raises UnjudgeableError, HeldOutRunsError and others of `compare_models`; BundleError where the version is damaged.
    """
    count(Judgements=1)
    request = EvaluationEvent.model_validate(event)
    registry = ModelRegistry(runtime.lake(_settings()))
    stored = registry.champion()
    against = stored.value.version if stored else None
    challenger = registry.load(request.version)
    if against == request.version:
        return {"promote": False, "reason": "The same data gave the champion again.", "against": against}
    rows = pl.read_parquet(BytesIO(runtime.lake(_settings()).read(rows_key(request.execution))))
    champion, refused = _verified(registry, against) if against else (None, None)
    count(ModelsRefused=0 if refused is None else 1)
    verdict = judge_challenger(
        challenger,
        champion,
        rows.filter(pl.col(IS_HELD_OUT)).drop(IS_HELD_OUT),
        refused=refused,
    )
    key = f"{TRAINING_PREFIX}{request.execution}/verdict-{request.version}-{against}.json"
    runtime.lake(_settings()).create(key, canonical_json(verdict))
    logger.info("Model judged", extra={"version": request.version, "reason": verdict.reason})
    return {
        "promote": verdict.promote,
        "reason": verdict.reason,
        "against": against,
        "figures": asdict(verdict.challenger),
    }


def _verified(registry: ModelRegistry, version: str) -> tuple[ModelBundle | None, str | None]:
    """Return the champion, or why it is refused: one that serves nowhere must not keep a good model from serving."""
    try:
        return registry.load(version), None
    except (BundleError, UnknownModelError) as error:
        logger.error("The champion is refused", extra={"version": version, "problem": error.message})
        return None, error.message
