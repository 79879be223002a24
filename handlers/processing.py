"""Processing: raw readings become feature rows, offline as Parquet, then online, and then the checkpoint moves.

A scheduled run goes on from the checkpoint, late readings included; a run for a range leaves the checkpoint alone. Work
comes in chunks, each wholly done before the next, so a run that ends anywhere costs work and never a gap. A scheduled
run that ends before its work does has the function invoked again at once, a bounded number of times.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel, Field, model_validator

from contract.environment import ProcessingSettings
from handlers import backfill, runtime
from handlers.deadline import Pace
from handlers.feature_run import Run
from handlers.logs import count, logger, metrics
from handlers.stores import BackfillNotes, Notifier, clients
from mlops_core.alerting import damage_notice
from mlops_core.errors import MlopsError
from mlops_core.lake import Damage
from mlops_core.processing import FutureMomentError, readings_that_fit
from mlops_core.time import utc_text

_settings = runtime.settings(ProcessingSettings)

# Lambda stops a function that invokes itself more than about 16 times in a chain; the schedule goes on from there.
MAXIMUM_CONTINUATIONS: Final = 12


HOUR: Final = timedelta(hours=1)


class NoProgressError(MlopsError):
    """A run ended with work left and nothing done."""

    def __init__(self) -> None:
        super().__init__("Processing made no progress", "Raise processingTimeoutSeconds or processingMemoryMb")


class ProcessingEvent(BaseModel):
    """What a schedule sends (nothing), an operator (the range to compute) or the function itself, to go on.

    at: the moment to take for now, not later than it is. chunks: the most to do in this invocation. continuation: how
    many invocations of the same run came before.
    """

    start: AwareDatetime | None = None
    end: AwareDatetime | None = None
    at: AwareDatetime | None = None
    chunks: int | None = Field(None, ge=1)
    continuation: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _is_a_range_or_none(self) -> Self:
        if (self.start is None) != (self.end is None) or (self.start and self.end and self.start >= self.end):
            raise ValueError("start and end come together, start first")
        return self


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Process what is due, or the range that the event names, as far as time allows; the answer says how far.

    An event with a `step` is one of a backfill's that Step Functions runs side by side.
    """
    if "step" in event:
        return _backfill(backfill.STEP.validate_python(event), context)
    request = ProcessingEvent.model_validate(event)
    now = _clock()
    if request.at and request.at > now:
        raise FutureMomentError("at", request.at, now)
    with _run(context, request.at or now, chunks=request.chunks) as run:
        is_complete = run.until_not_overtaken(request.start, request.end)
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
    if not is_complete:
        _go_on(request, run, context)
    return outcome


def _backfill(step: backfill.BackfillStep, context: LambdaContext) -> dict[str, Any]:
    with _run(context, _clock()) as run:
        notes = BackfillNotes(runtime.lake(_settings()), step.job)
        return backfill.do(step, run, notes, time_left=context.get_remaining_time_in_millis)


@contextmanager
def _run(context: LambdaContext, now: datetime, *, chunks: int | None = None) -> Generator[Run]:
    """Give a run. When it ends, even by an error, its work is counted and newly found damage announced."""
    most_readings = readings_that_fit(int(context.memory_limit_in_mb))
    run = Run(_settings(), Pace(context), now, most_readings=most_readings, chunks=chunks)
    try:
        yield run
    finally:
        _count(run)
        run.records.keep(_tell)


def _clock() -> datetime:
    return datetime.now(UTC)


def _go_on(request: ProcessingEvent, run: Run, context: LambdaContext) -> None:
    """Have a scheduled run continued; the answer to a request for a range says how far it came."""
    if not run.pace.pieces:
        raise NoProgressError
    if request.start:
        return
    if request.continuation >= MAXIMUM_CONTINUATIONS:
        logger.warning("Work remains for the next scheduled run", extra={"continuations": request.continuation})
        return
    again = request.model_copy(update={"continuation": request.continuation + 1})
    payload = again.model_dump_json(exclude_defaults=True).encode()
    clients.functions().invoke(FunctionName=context.function_name, InvocationType="Event", Payload=payload)
    count(RunsContinued=1)


def _tell(found: Sequence[Damage]) -> None:
    notifier = Notifier(clients.sns(), _settings().notice_topic_arn, _settings().time_zone)
    notifier.publish(damage_notice(found), about="damage")


def _count(run: Run) -> None:
    count(
        FeatureRows=run.work.feature_rows,
        OnlineWrites=run.work.online_written,
        HoursRebuilt=run.work.hours_changed,
        MalformedLines=run.work.malformed_lines,
        DamagedObjects=run.records.waiting,
        RunsOvertaken=run.overtaken,
    )
    if run.watermark is not None:
        metrics.add_metric("WatermarkLagHours", MetricUnit.NoUnit, (run.now - run.watermark) / HOUR)
