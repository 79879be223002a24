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


class Backfill:
    """One job on the lake that a run works on. `time_left`: of this invocation, in any unit."""

    def __init__(self, run: Run, notes: BackfillNotes, *, time_left: Callable[[], float]) -> None:
        self._run = run
        self._notes = notes
        self._time_left = time_left

    def do(self, step: BackfillStep) -> dict[str, Any]:
        """Do a step; returns what the steps after it need."""
        match step:
            case PlanHours():
                return self._plan_hours(step)
            case BuildHour():
                self._build(hour_of_text(step.hour))
            case PlanPieces():
                return self._plan_pieces(step)
            case ComputePiece():
                self._compute(step)
            case Finish():
                return self._finish(step)
        return {}

    def _plan_hours(self, step: PlanHours) -> dict[str, Any]:
        start, end = closed_hour(step.start), min(step.end, self._run.closed_until)
        look = self._run.look(day_paths(start - self._run.rules.lookback, end))
        hours = unbuilt_hours(look.listing, self._notes.built(), self._run.rules, start, end)
        return {"end": utc_text(end), **self._notes.keep_units("hours", [{"hour": hour_text(hour)} for hour in hours])}

    def _build(self, hour: datetime) -> None:
        look = self._run.look([hour_path(hour)])
        has_readings = hour in look.listing
        built = look.builder.build({hour: False})[hour].built
        if has_readings:
            self._notes.keep_built(hour, built)

    def _plan_pieces(self, step: PlanPieces) -> dict[str, Any]:
        rules, start = self._run.rules, closed_hour(step.start)
        look = self._run.look(day_paths(start, step.end))
        look.writer.drop_off_grid(start)
        checkpoint = backfill_checkpoint(self._notes.built(), rules, start)
        self._notes.keep_checkpoint(checkpoint)
        done = self._notes.computed()
        units = [
            _unit(piece)
            for piece in backfill_pieces(checkpoint, rules, look.layout, step.end)
            if piece.can_have_rows(checkpoint, rules, look.layout) or look.writer.has_rows(*piece)
            if done.get(piece.name) != piece.origin(checkpoint, rules)
        ]
        progress = {"reached": utc_text(start), "end": utc_text(step.end), "feature_rows": 0, "online_written": 0}
        return {**progress, **self._notes.keep_units("pieces", units)}

    def _compute(self, step: ComputePiece) -> None:
        rules, first, last = self._run.rules, hour_of_text(step.first), hour_of_text(step.last)
        hours = dict.fromkeys(first + number * HOUR for number in range((last - first) // HOUR + 1))
        (window_range,) = window_ranges(hours, step.end, rules)
        checkpoint = self._notes.checkpoint()
        writer = self._run.look(day_paths(first - rules.lookback, last)).writer
        try:
            writer.write_shard(window_range, step.shard, checkpoint)
        except (DamagedPartitionError, OutdatedPartitionError) as error:
            if isinstance(error, DamagedPartitionError):
                self._run.records.note(error.key, error.version, error.problem, is_mended=True)
            self._build(buckets_hour(error.key))
            writer = self._run.look(day_paths(first - rules.lookback, last)).writer
            writer.write_shard(window_range, step.shard, checkpoint)
        piece = Piece(window_range, step.shard)
        self._notes.keep_computed(piece.name, piece.origin(checkpoint, rules))

    def _finish(self, step: Finish) -> dict[str, Any]:
        half = self._time_left() / 2  # the other is for the online store
        look = self._run.look(day_paths(step.reached, step.end))
        hour, rows, is_begun = closed_hour(step.reached + self._run.rules.hop), 0, False
        while hour <= step.end and (self._time_left() > half or not is_begun):
            rows += look.writer.adopt(hour)
            hour, is_begun = hour + HOUR, True
        look.writer.keep()
        look.writer.offer(now=self._run.now)
        return {
            "end": utc_text(step.end),
            "reached": utc_text(hour - self._run.rules.hop),
            "feature_rows": step.feature_rows + rows,
            "online_written": step.online_written + self._run.work.online_written,
            "is_complete": hour > step.end,
        }


def _unit(piece: Piece) -> dict[str, Any]:
    hours = piece.window_range.hours
    return {"first": hour_text(hours[0]), "last": hour_text(hours[-1]), "shard": piece.shard}
