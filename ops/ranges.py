"""Having the processing function compute the features of a range of time, chunk by chunk."""

import json
import random
import time
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from handlers.stores import stored_dates
from mlops_core.time import utc_text
from ops.console import Advance, progress_bar
from ops.errors import FunctionFailedError, OptionError
from ops.options import parse_length
from ops.stack import Stack

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

HOUR = timedelta(hours=1)
_BUSY = frozenset(
    {
        "TooManyRequestsException",
        "ThrottlingException",
        "ServiceException",
        "EC2ThrottledException",
        "ResourceConflictException",
    }
)
_LONGEST_PAUSE_SECONDS = 20.0


@dataclass(frozen=True)
class Processed:
    """What processing a range wrote: feature rows, and how many of them the online store took as its newest."""

    invocations: int = 0
    feature_rows: int = 0
    online_written: int = 0

    def plus(self, other: "Processed") -> "Processed":
        """Both together."""
        return Processed(
            self.invocations + other.invocations,
            self.feature_rows + other.feature_rows,
            self.online_written + other.online_written,
        )


def hour_of(moment: datetime) -> datetime:
    """The beginning of the hour that a moment is in."""
    return moment.replace(minute=0, second=0, microsecond=0)


def whole_hours(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The smallest range of whole UTC hours that holds [start, end)."""
    last = hour_of(end)
    return hour_of(start), last if last == end else last + HOUR


def reach(first: datetime, last: datetime, longest: timedelta, *, now: datetime) -> tuple[datetime, datetime]:
    """The hours whose windows hold a reading at ``first``, at ``last`` or between.

    The hour that ``now`` is in has not ended: it is left to the schedule.
    """
    return hour_of(first), min(hour_of(last) + longest, hour_of(now))


def parse_chunk(option: str) -> timedelta:
    """The length that ``--chunk`` asks for: whole hours, or an OptionError."""
    length = parse_length(option, "--chunk")
    if length % HOUR:
        raise OptionError(f"A chunk of {option} is not a whole number of hours.", "Write --chunk 12h, say.")
    return length


def chunks(start: datetime, end: datetime, length: timedelta) -> list[tuple[datetime, datetime]]:
    """[start, end) cut into consecutive pieces of ``length``, the last one shorter where it must be."""
    count = max(0, -((start - end) // length))
    return [(start + number * length, min(start + (number + 1) * length, end)) for number in range(count)]


def with_readings(
    pieces: Iterable[tuple[datetime, datetime]], dates: Collection[date], longest: timedelta
) -> list[tuple[datetime, datetime]]:
    """The ranges whose windows, of lengths up to ``longest``, reach into one of the days."""
    days = sorted(dates)
    return [
        (first, last)
        for first, last in pieces
        if (at := bisect_left(days, (first - longest).date())) < len(days) and days[at] <= last.date()
    ]


def read_part(stack: Stack, start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The part of [start, end) whose windows can hold a reading of the lake; raises OptionError where there is none."""
    longest = timedelta(hours=max(stack.outputs.feature_lengths_hours))
    days = with_readings(chunks(start, end, timedelta(days=1)), stored_dates(stack.lake), longest)
    if not days:
        raise OptionError("No reading of the lake counts in that range.", "See what there is: mlops status")
    return days[0][0], days[-1][1]


def process_range(stack: Stack, start: datetime, end: datetime, length: timedelta, *, quiet: bool) -> Processed:
    """Compute the features of the whole hours [start, end) on a stack, oldest chunk first, with a progress bar.

    Chunks whose windows can hold no reading of the lake are left out: of a range that begins in 1970 by mistake, only
    what exists is computed.
    """
    processor = RangeProcessor.of(stack)
    longest = timedelta(hours=max(stack.outputs.feature_lengths_hours))
    pieces = with_readings(chunks(start, end, length), stored_dates(stack.lake), longest)
    done, hours = Processed(), sum(((last - first) // HOUR for first, last in pieces), start=0)
    with progress_bar("Computing features", hours, unit="h", quiet=quiet) as advance:
        for first, last in pieces:
            done = done.plus(processor.process(first, last, advance))
    return done


class RangeProcessor:
    """Invokes one processing function and waits for it, as often as a range has chunks, one at a time.

    A function that is busy (a scheduled run holds its concurrency) is asked again for ``patience_seconds``. A chunk
    that takes it longer than its timeout is divided. Any other failure is raised as FunctionFailedError; the chunks
    before it stay.
    """

    def __init__(
        self,
        client: "LambdaClient",
        function: str,
        log_group: str,
        *,
        patience_seconds: float = 600,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._function = function
        self._log_group = log_group
        self._patience_seconds = patience_seconds
        self._clock, self._sleep = clock, sleep

    @classmethod
    def of(cls, stack: Stack) -> Self:
        """The processing function of a stack."""
        return cls(stack.functions, stack.outputs.processing_function_name, stack.outputs.log_group_names["processing"])

    def process(self, start: datetime, end: datetime, advance: Advance) -> Processed:
        """Compute the features of [start, end), whole hours, which ``advance`` counts.

        The function stops by itself when its time is nearly out, and is asked for the rest then.
        """
        done = Processed()
        while start < end:
            try:
                answer = self._invoke({"start": utc_text(start), "end": utc_text(end)})
            except FunctionFailedError as error:
                if not _ran_out_of_time(error) or end - start <= HOUR:
                    raise
                middle = start + max(HOUR, (end - start) // 2 // HOUR * HOUR)
                first = self.process(start, middle, advance)
                return done.plus(first).plus(self.process(middle, end, advance))
            done = done.plus(Processed(1, int(answer["feature_rows"]), int(answer["online_written"])))
            reached = end if answer["is_complete"] else _moment(answer["window_end"], start)
            if reached <= start:
                raise self._failure("no progress", f"it stopped at {utc_text(start)} in its time")
            advance((reached - start) // HOUR)
            start = reached
        return done

    def _invoke(self, event: dict[str, str]) -> dict[str, Any]:
        give_up = self._clock() + self._patience_seconds
        pause = 0.5
        while True:
            try:
                response = self._client.invoke(FunctionName=self._function, Payload=json.dumps(event).encode())
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") not in _BUSY or self._clock() + pause > give_up:
                    raise
                self._sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
                continue
            answer = json.loads(response["Payload"].read() or b"null")
            if "FunctionError" in response:
                raise self._failure(str(answer.get("errorType", "an error")), str(answer.get("errorMessage", answer)))
            return answer

    def _failure(self, kind: str, message: str) -> FunctionFailedError:
        return FunctionFailedError(self._function, self._log_group, kind, message)


def _moment(text: str | None, otherwise: datetime) -> datetime:
    return otherwise if text is None else datetime.fromisoformat(text)


def _ran_out_of_time(error: FunctionFailedError) -> bool:
    return "timed out" in error.message.lower() or error.kind == "Sandbox.Timedout"
