"""Durations and instants: how they are read and written. Instants are aware and in UTC."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from mlops_core.errors import DurationError, NaiveTimeError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)

FUTURE_TOLERANCE: Final = timedelta(minutes=5)
"""How far a machine's or a technician's clock may be ahead of ours."""

EARLIEST_EVENT: Final = datetime(2001, 1, 1, tzinfo=UTC)
"""Before it no event is plausible: clocks that were reset say 1970 (Unix), 1980 (GPS), or 2000 (clock chips)."""

LONGEST_SILENCE: Final = timedelta(days=1826)
"""Five years. Readings of one machine that lie further apart than this are of a clock that jumped."""

HOURS_PER_MONTH: Final = 720.0
"""Of a machine-month, by which rates of false episodes are stated: thirty days."""

_UNITS: Final = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION: Final = re.compile(r"(?:\d+[wdhms])+")
_PART: Final = re.compile(r"(\d+)([wdhms])")


def parse_duration(duration: timedelta | str) -> timedelta:
    """The timedelta of a duration such as '30m', '6h', '1d' or '1d12h'.

    Raises:
        DurationError: it cannot be read, is a number without a unit, is zero or negative, or longer than a timedelta.

    """
    parsed = duration
    if isinstance(duration, str) and _DURATION.fullmatch(duration):
        parts = (timedelta(**{_UNITS[unit]: int(number)}) for number, unit in _PART.findall(duration))
        try:
            parsed = sum(parts, timedelta(0))
        except (OverflowError, ValueError):  # ValueError: of a number of thousands of digits
            raise DurationError(duration) from None
    if not isinstance(parsed, timedelta) or parsed <= timedelta(0):
        raise DurationError(duration)
    return parsed


def microseconds(at: datetime) -> int:
    """The whole microseconds from the epoch to an instant.

    Raises:
        NaiveTimeError: the instant has no time zone.

    """
    if at.tzinfo is None:
        raise NaiveTimeError("time", at)
    return (at - EPOCH) // MICROSECOND


def utc_text(moment: datetime) -> str:
    """The instant as `YYYY-MM-DDTHH:MM:SS.ffffffZ`: of fixed width, so that text sorts as time does.

    Raises:
        NaiveTimeError: the moment has no time zone.

    """
    return f"{in_utc('moment', moment).isoformat(timespec='microseconds')[:26]}Z"


def in_utc(argument: str, moment: datetime) -> datetime:
    """The instant in UTC; `argument` names it in the error.

    Raises:
        NaiveTimeError: the moment has no time zone.

    """
    if moment.tzinfo is None:
        raise NaiveTimeError(argument, moment)
    return moment.astimezone(UTC)
