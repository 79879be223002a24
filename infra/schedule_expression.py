"""Schedule expressions of EventBridge Scheduler, checked before AWS sees them.

Grammar: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

import re
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

_RATE = re.compile(r"rate\((?P<value>\d+) (?P<unit>minute|hour|day)(?P<plural>s?)\)")
_AT = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)")
_CRON = re.compile(r"cron\((.*)\)")

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
# field: (name, least, greatest, names that may stand for the numbers from `least` on)
_FIELDS = (
    ("minutes", 0, 59, ()),
    ("hours", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 1, 7, _WEEKDAYS),
    ("year", 1970, 2199, ()),
)
_DAY_OF_MONTH, _DAY_OF_WEEK, _YEAR = 2, 4, 5
_SPECIAL_DAYS = {
    _DAY_OF_MONTH: re.compile(r"L|LW|([1-9]|[12]\d|3[01])W"),
    _DAY_OF_WEEK: re.compile(r"L|[1-7]L|[1-7]#[1-5]"),
}
_SOME_DAY = date(2028, 1, 1)


def schedule_problem(expression: str) -> str | None:
    """What is wrong with `expression`, as the end of a sentence; None where AWS accepts it."""
    if match := _RATE.fullmatch(expression):
        return _rate_problem(int(match["value"]), match["unit"], plural=bool(match["plural"]))
    if match := _AT.fullmatch(expression):
        return _at_problem(match[1])
    if match := _CRON.fullmatch(expression):
        return _cron_problem(match[1].split(" "))
    return "is none of rate(6 hours), cron(0 6 * * ? *) and at(2030-01-31T06:00:00)"


class Intervals(NamedTuple):
    """Between two firings of a schedule."""

    shortest: timedelta
    longest: timedelta


def intervals(expression: str) -> Intervals | None:
    """How often a correct expression fires; None of at(...), which does once, and of days such as the last one."""
    if match := _RATE.fullmatch(expression):
        every = timedelta(**{f"{match['unit']}s": int(match["value"])})
        return Intervals(every, every)
    match = _CRON.fullmatch(expression)
    if match is None or re.search(r"[LW#]", re.sub(r"[A-Z]{3}", "", match[1].upper())):
        return None
    fields = [_members(text, position) for position, text in enumerate(match[1].split(" ")[:_YEAR])]
    minutes, hours, days, months, weekdays = fields
    times = sorted(60 * hour + minute for hour in hours for minute in minutes)
    # Two years hold each month's end and each weekday; Sunday is 1.
    dates = [_SOME_DAY + timedelta(days=number) for number in range(731)]
    fire = [day for day in dates if day.month in months and day.day in days and day.isoweekday() % 7 + 1 in weekdays]
    gaps = [timedelta(minutes=later - earlier) for earlier, later in pairwise(times)]
    gaps += [(later - earlier) + timedelta(minutes=times[0] - times[-1]) for earlier, later in pairwise(fire)]
    return Intervals(min(gaps), max(gaps)) if gaps else None


def _members(text: str, position: int) -> set[int]:
    """The numbers that a correct field of a cron expression denotes; `?` leaves all of them to another field."""
    elements = text.replace("?", "*").split(",")
    return {number for element in elements for number in _numbers(element, position) or ()}


def _rate_problem(value: int, unit: str, *, plural: bool) -> str | None:
    if value < 1:
        return "has a rate below 1"
    if plural != (value != 1):
        return f"must read rate({value} {unit if value == 1 else unit + 's'})"
    return None


def _at_problem(moment: str) -> str | None:
    try:
        datetime.fromisoformat(moment)
    except ValueError:
        return f"names a moment that does not exist, {moment}"
    return None


def _cron_problem(fields: list[str]) -> str | None:
    if len(fields) != len(_FIELDS):
        return f"has {len(fields)} fields instead of 6 (minutes hours day-of-month month day-of-week year)"
    if (fields[_DAY_OF_MONTH] == "?") == (fields[_DAY_OF_WEEK] == "?"):
        return "must have ? for exactly one of day of month and day of week"
    for position, text in enumerate(fields):
        if not _is_field(text, position):
            return f"has {text!r} for its {_FIELDS[position][0]}"
    return None


def _is_field(text: str, position: int) -> bool:
    if text == "?":
        return position in (_DAY_OF_MONTH, _DAY_OF_WEEK)
    special = _SPECIAL_DAYS.get(position)
    return all(
        (special is not None and special.fullmatch(element)) or _numbers(element, position) is not None
        for element in text.split(",")
    )


def _numbers(element: str, position: int) -> set[int] | None:
    """The numbers that one member of a comma-separated list denotes: `*`, a number, a range, a step; None of others."""
    _, least, greatest, _ = _FIELDS[position]
    base, slash, step = element.partition("/")
    first, dash, last = base.partition("-")
    begin = least if base == "*" else _number(first, position)
    end = _number(last, position) if dash else greatest if slash or base == "*" else begin
    if begin is None or end is None or (slash and not (step.isdecimal() and int(step) >= 1)):
        return None
    # A range may wrap round, such as FRI-MON.
    span = greatest - least + 1
    numbers = range(begin, (end if end >= begin else end + span) + 1, int(step or 1))
    return {least + (number - least) % span for number in numbers}


def _number(text: str, position: int) -> int | None:
    _, least, greatest, names = _FIELDS[position]
    if text.upper() in names:
        return names.index(text.upper()) + least
    if not text.isdecimal() or not least <= int(text) <= greatest:
        return None
    return int(text)
