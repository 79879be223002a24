"""Errors that this library raises, and the closed list of reasons for refusing a message.

Everything here is terminal: the same input fails again, so retrying is useless. Transient errors (throttling, a lost
connection) belong to the adapters that talk to AWS.
"""

from collections.abc import Iterable
from enum import StrEnum

__all__ = [
    "ColumnTypeError",
    "ColumnValueError",
    "FrameTypeError",
    "InvalidArgumentError",
    "MalformedObjectError",
    "MessageRejectedError",
    "MissingColumnError",
    "MlopsError",
    "QuarantineReason",
    "SchemaError",
    "UnknownChannelError",
]


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
        self.frame = frame


class MissingColumnError(SchemaError):
    """A required column is absent."""

    def __init__(self, frame: str, column: str, present: Iterable[str]) -> None:
        columns = ", ".join(present) or "none"
        super().__init__(
            frame,
            column,
            f"is missing; the frame has {columns}",
            f'Rename yours: {frame}.rename({{"<your column>": "{column}"}})',
        )


class ColumnTypeError(SchemaError):
    """A column whose type cannot be converted without guessing."""

    def __init__(self, frame: str, column: str, found: str, expected: str, hint: str) -> None:
        super().__init__(frame, column, f"is {found}, not {expected}", hint)


class ColumnValueError(SchemaError):
    """A column that holds values it must not hold; `rows` counts them."""

    def __init__(self, frame: str, column: str, problem: str, rows: int, hint: str) -> None:
        super().__init__(frame, column, f"{problem} in {rows} row{'' if rows == 1 else 's'}", hint)
        self.rows = rows


class MalformedObjectError(MlopsError, ValueError):
    """A stored object, or a line of one, that is not what this library writes."""

    def __init__(
        self, where: str, problem: str, hint: str = "Inspect the object; restore its previous version"
    ) -> None:
        super().__init__(f"{where}: {problem}", hint)
        self.where = where


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
    """A message that goes to quarantine: `reason` for machines to count, `detail` for people to read."""

    def __init__(self, reason: QuarantineReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def _short(value: object, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
