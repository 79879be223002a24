"""Errors that this library raises, and the closed list of reasons for refusing a message.

Everything here is terminal: the same input fails again, so retrying is useless. Transient errors (throttling, a lost
connection) belong to the adapters that talk to AWS.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from enum import StrEnum


class MlopsError(Exception):
    """Base of every error of this library.

    `message` says what is wrong, `hint` what to do about it; `str()` gives both.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class InvalidArgumentError(MlopsError, ValueError):
    """An argument whose value cannot work: `argument` names it, `value` is what was given."""

    def __init__(self, argument: str, value: object, requirement: str, hint: str = "") -> None:
        super().__init__(f"{argument}={_short(value)}: {requirement}", hint)
        self.argument = argument
        self.value = value


class MissingExtraError(MlopsError, ImportError):
    """A package that some functions need is not installed: `package` names it, `extra` what brings it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed", f'It comes with: pip install "mlops-industrial[{extra}]"')
        self.package = package
        self.extra = extra


class UnknownChannelError(InvalidArgumentError):
    """A channel that the registry does not hold."""

    def __init__(self, channel: str, known: Iterable[str]) -> None:
        super().__init__(
            "channel",
            channel,
            f"is not in the registry, which holds {', '.join(sorted(known))}",
            "Register it: channel_registry(*CHANNELS.values(), Channel(...))",
        )


class SchemaError(MlopsError, ValueError):
    """A user's frame that does not fit a schema: `frame` names the schema, `column` the column at fault."""

    def __init__(self, frame: str, column: str, problem: str, hint: str) -> None:
        super().__init__(f"{frame}: column {column!r} {problem}", hint)
        self.frame = frame
        self.column = column


class FrameTypeError(MlopsError, TypeError):
    """Something else than a polars DataFrame where one is needed."""

    def __init__(self, frame: str, found: type, hint: str) -> None:
        super().__init__(f"{frame}: a polars DataFrame is needed, not {found.__module__}.{found.__qualname__}", hint)


class MissingColumnError(SchemaError):
    """A required column is absent."""

    def __init__(self, frame: str, column: str, present: Iterable[str]) -> None:
        columns = _some([*present], limit=6) or "none"
        super().__init__(
            frame,
            column,
            f"is missing; the frame has {columns}",
            f'Rename yours: {frame}.rename({{"<your column>": "{column}"}})',
        )


def require_columns(frame: str, present: Collection[str], *columns: str) -> None:
    """Raise MissingColumnError for the first of `columns` that is not among those `present` in a frame."""
    for column in columns:
        if column not in present:
            raise MissingColumnError(frame, column, present)


class ColumnTypeError(SchemaError):
    """A column whose type cannot be converted without guessing."""

    def __init__(self, frame: str, column: str, found: str, expected: str, hint: str) -> None:
        super().__init__(frame, column, f"is {found}, not {expected}", hint)


class ColumnValueError(SchemaError):
    """A column that holds values it must not hold; `rows` counts them."""

    def __init__(self, frame: str, column: str, problem: str, rows: int, hint: str) -> None:
        super().__init__(frame, column, f"{problem} in {rows} row{'' if rows == 1 else 's'}", hint)
        self.rows = rows


class UnreadableFileError(MlopsError, ValueError):
    """A file that is no CSV or Parquet of the layout that was given: `path` names it."""

    def __init__(self, path: str, problem: str, hint: str) -> None:
        super().__init__(f"{path} {problem}", hint)
        self.path = path


RESTORE = "Inspect the object; restore its previous version"


class MalformedObjectError(MlopsError, ValueError):
    """A stored object, or a line of one, that is not what this library writes: `problem` says why."""

    def __init__(self, where: str, problem: str, hint: str = RESTORE) -> None:
        super().__init__(f"{where}: {problem}", hint)
        self.problem = problem


class QuarantineReason(StrEnum):
    """Why a message was refused. Closed: dashboards, alarms and replays count on these values."""

    EMPTY = "EMPTY"
    BAD_ENCODING = "BAD_ENCODING"
    BAD_JSON = "BAD_JSON"
    BAD_TOPIC = "BAD_TOPIC"
    BAD_MACHINE_ID = "BAD_MACHINE_ID"
    ID_MISMATCH = "ID_MISMATCH"
    UNKNOWN_SENSOR = "UNKNOWN_SENSOR"
    MISSING_FIELD = "MISSING_FIELD"
    BAD_TYPE = "BAD_TYPE"
    NOT_FINITE = "NOT_FINITE"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    BAD_TIMESTAMP = "BAD_TIMESTAMP"
    NAIVE_TIMESTAMP = "NAIVE_TIMESTAMP"
    FUTURE = "FUTURE"
    TOO_LATE = "TOO_LATE"
    OVERSIZE = "OVERSIZE"


class MessageRejectedError(MlopsError, ValueError):
    """A message that goes to quarantine: `reason` is a code to count, `detail` a text to read."""

    def __init__(self, reason: QuarantineReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def _short(value: object, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


class DurationError(InvalidArgumentError):
    """A duration that cannot be read, or is not positive."""

    def __init__(self, duration: object) -> None:
        a_number = isinstance(duration, int | float)
        super().__init__(
            "duration",
            duration,
            "is a number without a unit: hours, minutes or days" if a_number else "is not a positive duration",
            "Give a timedelta, or whole numbers with units w, d, h, m (minutes) or s, such as '30m', '6h' or '1d12h'",
        )


class WindowError(InvalidArgumentError):
    """Window lengths and hop that do not fit each other."""


class NaiveTimeError(InvalidArgumentError):
    """A time without an offset, which could mean any hour of the day."""

    def __init__(self, argument: str, at: datetime) -> None:
        super().__init__(argument, at.isoformat(), "has no time zone", "Make it aware: .replace(tzinfo=UTC)")


class StatisticError(InvalidArgumentError):
    """A statistic that does not exist, or is asked for twice."""

    def __init__(self, names: Iterable[str], known: Iterable[str]) -> None:
        super().__init__(
            "statistics",
            tuple(names),
            "holds a name that is unknown or repeated",
            f"Choose distinct names out of {', '.join(known)}",
        )


class BucketError(ColumnValueError):
    """Buckets that do not fit the hop asked for, or each other."""


class TimeSpanError(MlopsError, ValueError):
    """A machine whose readings lie so far apart that its rows would fill the memory."""

    def __init__(self, machine_id: str, first: datetime, last: datetime, hop: timedelta) -> None:
        rows = (last - first) // hop
        super().__init__(
            f"machine {machine_id!r} has readings from {first} to {last}, {rows:,} hops of {hop} apart",
            "If its clock jumped, remove those readings; otherwise choose a longer hop, or give start and end",
        )


class NothingToRollBackError(MlopsError):
    """There is no earlier model to go back to."""

    def __init__(self) -> None:
        super().__init__("No other model served before this one", "Promote a version by name: mlops models promote")


class UntrainableReason(StrEnum):
    """Why a model cannot be made of a frame. Closed, so that a pipeline can count them."""

    NO_ROWS = "NO_ROWS"
    NO_FEATURES = "NO_FEATURES"
    NO_POSITIVES = "NO_POSITIVES"
    NO_NEGATIVES = "NO_NEGATIVES"
    ONE_MACHINE = "ONE_MACHINE"
    LABELS_DISAGREE = "LABELS_DISAGREE"
    LEARNS_NOISE = "LEARNS_NOISE"
    TOO_MUCH = "TOO_MUCH"


class UntrainableError(MlopsError, ValueError):
    """Labelled rows from which no model can be trained: `reason` is a code to count, the message a text to read."""

    def __init__(self, reason: UntrainableReason, detail: str, hint: str = "") -> None:
        super().__init__(f"{reason}: {detail}", hint)
        self.reason = reason


class UnjudgeableError(MlopsError, ValueError):
    """Held-out rows that no model can be judged by."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"Nothing can be judged: {problem}", "Hold out more runs, some of which failed")


class HeldOutRunsError(MlopsError, ValueError):
    """Runs meant to judge a model that the model has learned from."""

    def __init__(self, version: str, runs: Iterable[str]) -> None:
        seen = sorted(runs)
        super().__init__(
            f"Model {version} has learned from {len(seen)} of these runs, {seen[0]} among them",
            "Judge it on runs that ended after its training data, or that it never saw",
        )
        self.runs = seen


class FeatureMismatchError(MlopsError, ValueError):
    """Features that do not fit the model: `missing` and `unexpected` columns, `differences` from its recipe."""

    def __init__(
        self,
        version: str,
        *,
        missing: Iterable[str] = (),
        unexpected: Iterable[str] = (),
        wrong_type: Iterable[str] = (),
        differences: Iterable[str] = (),
    ) -> None:
        self.differences = [*differences]
        self.missing, self.unexpected, self.wrong_type = sorted(missing), sorted(unexpected), sorted(wrong_type)
        problems = [
            f"{len(names)} {problem}: {_some(names)}"
            for problem, names in (
                ("missing", self.missing),
                ("unexpected", self.unexpected),
                ("not numeric", self.wrong_type),
            )
            if names
        ]
        problems += [f"not computed here: {'; '.join(self.differences)}"] if self.differences else []
        super().__init__(
            f"The features do not fit model {version}; {'; '.join(problems)}",
            "Compute features by the recipe that the model was trained on (bundle.recipe.compute), or train again",
        )


class EmptyFeaturesError(MlopsError, ValueError):
    """A machine without a single reading in any window: there is nothing to predict from."""

    def __init__(self, machine_id: str) -> None:
        super().__init__(f"{machine_id} has no reading in any window", "Check whether the machine still reports")


class OutOfDomainError(MlopsError, ValueError):
    """A machine unlike all that the model has learned from: it abstains."""

    def __init__(self, machine_id: str, model_version: str, columns: Iterable[str]) -> None:
        self.columns = tuple(columns)
        super().__init__(
            f"{machine_id} is unlike all machines that model {model_version} has learned from: it began elsewhere in "
            f"{_some(list(self.columns))}",
            "Go by its limits and its own baseline until machines of its kind have been learned from",
        )


class BundleError(MlopsError, ValueError):
    """A stored model that must not serve."""


class IncompleteBundleError(BundleError):
    """Files of a bundle are absent."""

    def __init__(self, missing: Iterable[str]) -> None:
        self.missing = sorted(missing)
        super().__init__(f"The model bundle lacks {_some(self.missing)}", "Restore the version from its storage")


class CorruptBundleError(BundleError):
    """A file whose content is not what was stored under its name."""

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(f"{file} of the model bundle {problem}", "Restore the version, or promote an earlier one")
        self.file = file


class SwappedBundleError(BundleError):
    """A sound bundle that is not the one that was asked for."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"The bundle stored as {expected} is {found}", "Restore the version from its storage")
        self.expected, self.found = expected, found


class UnsupportedBundleError(BundleError):
    """A bundle of an older or newer layout than this program reads."""

    def __init__(self, found: object, supported: int) -> None:
        super().__init__(f"The bundle has layout {found!r}; this program reads layout {supported}", "Train again")


def _some(names: list[str], limit: int = 5) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
