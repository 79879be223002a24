"""Processing: raw readings become feature rows, offline as Parquet, then online, and then the checkpoint moves.

A scheduled run goes on from the checkpoint, late readings included; a run for a range leaves the checkpoint alone. Work
comes in chunks, each wholly done before the next, so a run that ends anywhere costs work and never a gap.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Any, Self

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel, model_validator

from handlers import settings
from handlers.deadline import Deadline
from handlers.feature_run import Run
from handlers.settings import ProcessingSettings
from mlops_core.telemetry import utc_text

logger = Logger()
metrics = Metrics()


class ProcessingEvent(BaseModel):
    """What a schedule sends (nothing), an operator (the range to compute) or a test (the moment to take for now)."""

    start: AwareDatetime | None = None
    end: AwareDatetime | None = None
    at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _is_a_range_or_none(self) -> Self:
        if (self.start is None) != (self.end is None) or (self.start and self.end and self.start >= self.end):
            raise ValueError("start and end come together, start first")
        return self


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int | str | bool | None]:
    """Process what is due, or the range that the event names, as far as time allows; the answer says how far."""
    request = ProcessingEvent.model_validate(event)
    run = Run(_settings(), Deadline(context), request.at or datetime.now(UTC))
    try:
        is_complete = run.until_not_overtaken(request.start, request.end)
    finally:
        _count(run)
    outcome: dict[str, int | str | bool | None] = {
        "feature_rows": run.work.feature_rows,
        "windows": len(run.work.windows),
        "machines": len(run.work.machines),
        "hours_changed": run.work.hours_changed,
        "online_written": run.work.online_written,
        "window_end": utc_text(run.reached) if run.reached else None,
        "is_complete": is_complete,
    }
    logger.info("Features computed", extra=outcome)
    return outcome


@cache
def _settings() -> ProcessingSettings:
    return settings.read(ProcessingSettings)


def _count(run: Run) -> None:
    metrics.add_metric("FeatureRows", MetricUnit.Count, run.work.feature_rows)
    metrics.add_metric("OnlineWrites", MetricUnit.Count, run.work.online_written)
    metrics.add_metric("HoursRebuilt", MetricUnit.Count, run.work.hours_changed)
    metrics.add_metric("MalformedLines", MetricUnit.Count, run.work.malformed_lines)
    metrics.add_metric("RunsOvertaken", MetricUnit.Count, run.overtaken)
