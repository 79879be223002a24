"""The steps of a backfill that Step Functions runs side by side: plan, build an hour, compute a piece, finish.

What a job has to do and has done lies under processed/backfills/<job>/: lists of units for the Distributed Map, and a
note of each unit that is done, with what it was made from. A unit that is done twice writes the same bytes; a job that
is begun again leaves out what is done and has not changed since.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, TypeAdapter

from handlers.feature_run import Run
from handlers.stores import BackfillNotes, DamagedPartitionError, OutdatedPartitionError
from mlops_core.lake import buckets_hour, day_paths, hour_of_text, hour_path, hour_text
from mlops_core.processing import (
    Piece,
    backfill_checkpoint,
    backfill_pieces,
    closed_hour,
    unbuilt_hours,
    window_ranges,
)
from mlops_core.time import utc_text

HOUR = timedelta(hours=1)
Hour = Annotated[str, StringConstraints(pattern=r"\A\d{4}-\d\d-\d\dT\d\d\z")]


class _Step(BaseModel):
    """The input of each step. job: a name, under which the state machine's executions for one range go on."""

    job: Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9_-]{1,80}\z")]


class PlanHours(_Step):
    """List the hours that are to be built for the rows of (start, end]."""

    step: Literal["plan_hours"]
    start: AwareDatetime
    end: AwareDatetime


class BuildHour(_Step):
    """Build one hour."""

    step: Literal["build_hour"]
    hour: Hour


class PlanPieces(_Step):
    """List the pieces that are to be computed, once the hours are built."""

    step: Literal["plan_pieces"]
    start: AwareDatetime
    end: AwareDatetime


class ComputePiece(_Step):
    """Compute the rows of one shard in the consecutive hours from `first` to `last`, none of them after `end`."""

    step: Literal["compute_piece"]
    first: Hour
    last: Hour
    shard: int = Field(ge=0)
    end: AwareDatetime


class Finish(_Step):
    """Take into account what was computed, from `reached` on: machines' beginnings, and their newest rows."""

    step: Literal["finish"]
    end: AwareDatetime
    reached: AwareDatetime
    feature_rows: int = 0
    online_written: int = 0


BackfillStep = Annotated[PlanHours | BuildHour | PlanPieces | ComputePiece | Finish, Field(discriminator="step")]
STEP: TypeAdapter[BackfillStep] = TypeAdapter(BackfillStep)


def do(step: BackfillStep, run: Run, notes: BackfillNotes, *, time_left: Callable[[], float]) -> dict[str, Any]:
    """Do a step of a job; returns what the steps after it need. `time_left`: of this invocation, in any unit."""
    match step:
        case PlanHours():
            return _plan_hours(step, run, notes)
        case BuildHour():
            _build(hour_of_text(step.hour), run, notes)
        case PlanPieces():
            return _plan_pieces(step, run, notes)
        case ComputePiece():
            _compute(step, run, notes)
        case Finish():
            return _finish(step, run, time_left)
    return {}


def _plan_hours(step: PlanHours, run: Run, notes: BackfillNotes) -> dict[str, Any]:
    start, end = closed_hour(step.start), min(step.end, run.closed_until)
    look = run.look(day_paths(start - run.rules.lookback, end))
    hours = unbuilt_hours(look.listing, notes.built(), run.rules, start, end)
    return {"end": utc_text(end), **notes.keep_units("hours", [{"hour": hour_text(hour)} for hour in hours])}


def _build(hour: datetime, run: Run, notes: BackfillNotes) -> None:
    look = run.look([hour_path(hour)])
    has_readings = hour in look.listing
    built = look.builder.build({hour: False})[hour].built
    if has_readings:
        notes.keep_built(hour, built)


def _plan_pieces(step: PlanPieces, run: Run, notes: BackfillNotes) -> dict[str, Any]:
    rules, start = run.rules, closed_hour(step.start)
    look = run.look(day_paths(start, step.end))
    look.writer.drop_off_grid(start)
    checkpoint = backfill_checkpoint(notes.built(), rules, start)
    notes.keep_checkpoint(checkpoint)
    done = notes.computed()
    units = [
        _unit(piece)
        for piece in backfill_pieces(checkpoint, rules, look.layout, step.end)
        if piece.can_have_rows(checkpoint, rules, look.layout) or look.writer.has_rows(*piece)
        if done.get(piece.name) != piece.origin(checkpoint, rules)
    ]
    progress = {"reached": utc_text(start), "end": utc_text(step.end), "feature_rows": 0, "online_written": 0}
    return {**progress, **notes.keep_units("pieces", units)}


def _compute(step: ComputePiece, run: Run, notes: BackfillNotes) -> None:
    rules, first, last = run.rules, hour_of_text(step.first), hour_of_text(step.last)
    hours = dict.fromkeys(first + number * HOUR for number in range((last - first) // HOUR + 1))
    (window_range,) = window_ranges(hours, step.end, rules)
    checkpoint = notes.checkpoint()

    def write() -> None:
        writer = run.look(day_paths(first - rules.lookback, last)).writer
        writer.write_shard(window_range, step.shard, checkpoint)

    try:
        write()
    except (DamagedPartitionError, OutdatedPartitionError) as error:
        if isinstance(error, DamagedPartitionError):
            run.records.note(error.key, error.version, error.problem, is_mended=True)
        _build(buckets_hour(error.key), run, notes)
        write()
    piece = Piece(window_range, step.shard)
    notes.keep_computed(piece.name, piece.origin(checkpoint, rules))


def _finish(step: Finish, run: Run, time_left: Callable[[], float]) -> dict[str, Any]:
    half = time_left() / 2  # the other is for the online store
    look = run.look(day_paths(step.reached, step.end))
    hour, rows, is_begun = closed_hour(step.reached + run.rules.hop), 0, False
    while hour <= step.end and (time_left() > half or not is_begun):
        rows += look.writer.adopt(hour)
        hour, is_begun = hour + HOUR, True
    look.writer.keep()
    look.writer.offer(now=run.now)
    return {
        "end": utc_text(step.end),
        "reached": utc_text(hour - run.rules.hop),
        "feature_rows": step.feature_rows + rows,
        "online_written": step.online_written + run.work.online_written,
        "is_complete": hour > step.end,
    }


def _unit(piece: Piece) -> dict[str, Any]:
    hours = piece.window_range.hours
    return {"first": hour_text(hours[0]), "last": hour_text(hours[-1]), "shard": piece.shard}
