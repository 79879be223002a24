"""What the columns of a file hold: given by its owner, or found by the usual names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Final, TypedDict

from mlops_core.errors import DurationError, InvalidArgumentError, UnreadableFileError
from mlops_core.files.units import DEFAULT_ORIGINS, PER_MICROSECOND, STEPS
from mlops_core.telemetry import EVENT_KIND_PATTERN, MACHINE_ID_PATTERN, is_machine_id
from mlops_core.time import in_utc, parse_duration

# What columns are usually called, in lower case with `_` between words; the first that a file has is taken.
_USUAL_NAMES: Final[Mapping[str, Sequence[str]]] = {
    "time_column": (
        "timestamp_utc", "event_timestamp", "timestamp_ms", "timestamp", "datetime", "date_time", "time", "date", "ts",
    ),
    "machine_column": (
        "machine_id", "machineid", "machine", "asset_id", "asset", "equipment_id", "equipment", "device_id", "device",
        "unit_id",
    ),
    "channel_column": ("channel", "sensor", "tag", "variable", "metric", "measurement", "signal"),
    "value_column": ("value", "reading", "measured_value"),
    "quality_column": ("quality",),
    "return_column": ("returned_to_service_at", "back_in_service", "repaired_at", "returned"),
    "code_column": ("event_code", "failure", "failure_mode", "fault_code", "code"),
    "kind_column": ("kind", "event_kind", "event_type"),
}  # fmt: skip


@dataclass(frozen=True)
class FileLayout:
    """Which column holds what, and how it is written. What cannot work is refused when it is made.

    Attributes:
        machine, machine_column: the one machine of the whole file, or the column of machines.
        machine_names: what the file calls a machine, and its id, where the two differ.
        channel_names: what the file calls a channel, and its name. In wide data these are the columns that are read.
        channel_column, value_column: of long data (a row a value); else data are wide (a column a channel).
        quality_column: GOOD, UNCERTAIN, BAD, or a status code of OPC UA; what is BAD was not measured.
        time_column: of the times; text is ISO 8601 or of `time_format` (strptime).
        time_zone: an IANA name or an offset (`+02:00`), of times that say no offset from UTC.
        time_unit, time_origin: of times that are numbers: what they count (`s`, `ms`, `us`, `ns`, `filetime`, `excel`,
            or a step such as `10m`), and from which instant (by default that of the unit).
        return_column, code_column: of failures: when the machine ran again, and what failed; of events: their codes.
        kind, kind_column: of events: the one kind of the whole file, or the column of kinds.
        separator, decimal_comma, encoding, skip_lines: of CSV; separator and encoding are found where not given.

    """

    machine: str | None = None
    machine_column: str | None = None
    machine_names: Mapping[str, str] = field(default_factory=dict[str, str])
    channel_names: Mapping[str, str] = field(default_factory=dict[str, str])
    channel_column: str | None = None
    value_column: str | None = None
    quality_column: str | None = None
    time_column: str | None = None
    time_format: str | None = None
    time_zone: str | None = None
    time_unit: str | None = None
    time_origin: datetime | None = None
    return_column: str | None = None
    code_column: str | None = None
    kind: str | None = None
    kind_column: str | None = None
    separator: str | None = None
    decimal_comma: bool = False
    encoding: str | None = None
    skip_lines: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot work with InvalidArgumentError."""
        self._check_machines_and_kinds()
        if self.value_column is not None and self.channel_column is None:
            raise InvalidArgumentError(
                "value_column", self.value_column, "is of long data, and channel_column is not given", "Give both"
            )
        if self.time_origin is not None and self.time_unit is None:
            raise InvalidArgumentError(
                "time_origin", self.time_origin, "needs time_unit", 'Say what times count: time_unit="1h"'
            )
        if self.time_format is not None and "%f" in self.time_format.replace(".%f", ""):
            raise InvalidArgumentError(
                "time_format", self.time_format, "has %f without a point before it",
                "Say how many digits the fraction has: %3f, %6f or %9f",
            )  # fmt: skip
        if self.time_unit is not None:
            if self.time_format is not None or self.time_zone is not None:
                raise InvalidArgumentError(
                    "time_unit", self.time_unit, "is of numbers, which have neither time_format nor time_zone",
                    "Leave those out",
                )  # fmt: skip
            _ = self.step, self.origin
        if self.separator is not None and len(self.separator) != 1:
            raise InvalidArgumentError("separator", self.separator, "is not one character", 'Give separator=";"')

    def _check_machines_and_kinds(self) -> None:
        for role in ("machine", "kind"):
            one, column = getattr(self, role), getattr(self, f"{role}_column")
            if one is not None and column is not None:
                raise InvalidArgumentError(role, one, f"is given beside {role}_column", "Give one of them")
        for id_ in (*([self.machine] if self.machine is not None else []), *self.machine_names.values()):
            if not is_machine_id(id_):
                raise InvalidArgumentError(
                    "machine", id_, "cannot name a machine", f"A machine's id matches {MACHINE_ID_PATTERN}"
                )
        if self.kind is not None and re.fullmatch(EVENT_KIND_PATTERN, self.kind) is None:
            raise InvalidArgumentError("kind", self.kind, "names no kind of events", f"It matches {EVENT_KIND_PATTERN}")

    @property
    def step(self) -> timedelta | None:
        """What one unit of a numbered time lasts; None where times are no numbers, or finer than a microsecond."""
        if self.time_unit is None or self.time_unit in PER_MICROSECOND:
            return None
        try:
            return STEPS.get(self.time_unit) or parse_duration(self.time_unit)
        except DurationError:
            raise InvalidArgumentError(
                "time_unit", self.time_unit, "cannot be read",
                "Give ns, us, ms, s, m, h, d, filetime, excel, or how long one step lasts, such as 10m",
            ) from None  # fmt: skip

    @property
    def origin(self) -> datetime | None:
        """The instant from which numbered times count; None where times are no numbers."""
        if self.time_unit is None:
            return None
        origin = self.time_origin or DEFAULT_ORIGINS.get(self.time_unit)
        if origin is None:
            raise InvalidArgumentError(
                "time_unit", self.time_unit, "needs time_origin", "Say from when on: time_origin=2024-01-01T00:00:00Z"
            )
        return in_utc("time_origin", origin)

    def found_in(self, path: str, names: Sequence[str], *, roles: Sequence[str]) -> "FileLayout":
        """Return this layout with the columns of `roles` that it leaves open filled in by their usual names.

        Raises:
            UnreadableFileError: a column that is named is absent, or occurs twice.

        """
        found: dict[str, object] = {}
        free = [name for name in names if name not in self.channel_names]
        for role in roles:
            given: str | None = getattr(self, role)
            if given is not None:
                found[role] = _column(path, given, names, role)
            elif (usual := _usual_column(role, free)) is not None:
                found[role] = usual
        if self.machine is not None:
            found["machine_column"] = None
        if self.kind is not None:
            found["kind_column"] = None
        if found.get("channel_column") is None:  # a column of values alone is that of a channel
            found["value_column"] = None
        if found.get("time_column") == "timestamp_ms" and self.time_unit is None:
            found["time_unit"] = "ms"
        return replace(self, **found)

    def columns(self) -> dict[str, str]:
        """Which column was taken for what, by role, for a report."""
        roles = [each.name for each in fields(self) if each.name.endswith("_column")]
        return {role.removesuffix("_column"): getattr(self, role) for role in roles if getattr(self, role) is not None}


class LayoutOptions(TypedDict, total=False):
    """The arguments of `FileLayout`, as those of the functions that read files."""

    machine: str | None
    machine_column: str | None
    machine_names: Mapping[str, str]
    channel_names: Mapping[str, str]
    channel_column: str | None
    value_column: str | None
    quality_column: str | None
    time_column: str | None
    time_format: str | None
    time_zone: str | None
    time_unit: str | None
    time_origin: datetime | None
    return_column: str | None
    code_column: str | None
    kind: str | None
    kind_column: str | None
    separator: str | None
    decimal_comma: bool
    encoding: str | None
    skip_lines: int


def _usual_column(role: str, names: Sequence[str]) -> str | None:
    by_word = {"_".join(name.casefold().replace("-", " ").replace("_", " ").split()): name for name in reversed(names)}
    return next((by_word[word] for word in _USUAL_NAMES[role] if word in by_word), None)


def _column(path: str, wanted: str, names: Sequence[str], role: str) -> str:
    """Return the column called `wanted`, with or without white space around its name."""
    matching = [name for name in names if name == wanted] or [name for name in names if name.strip() == wanted.strip()]
    if len(matching) > 1:
        raise UnreadableFileError(path, f"has two columns called {wanted!r}", "Rename one of them")
    if not matching:
        raise UnreadableFileError(
            path, f"lacks the {role.removesuffix('_column')} column {wanted!r}", f"It has: {', '.join(names)}"
        )
    return matching[0]


def channel_columns(
    path: str, layout: FileLayout, names: Sequence[str], known: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Columns of wide data and the channels that they hold: those named, or else all that have no other role.

    Where only `known` names are channels (by what else they may be called, such as a payload's field), the others have
    no role.
    """
    taken = {*layout.columns().values()}
    chosen = (
        {_column(path, word, names, "channel"): channel for word, channel in layout.channel_names.items()}
        if layout.channel_names
        else {
            _column(path, name, names, "channel"): name.strip() if known is None else known[name.strip()]
            for name in names
            if name not in taken and name.strip() and (known is None or name.strip() in known)
        }
    )
    if not chosen:
        known_names = "" if known is None else f"The channels are: {', '.join(sorted(set(known.values())))}. "
        raise UnreadableFileError(
            path, "has no column that is known to hold a channel",
            f"It has: {', '.join(names)}. {known_names}Name one: channel_names={{column: channel}}",
        )  # fmt: skip
    channels = [*chosen.values()]
    if twice := sorted({channel for channel in channels if channels.count(channel) > 1}):
        raise InvalidArgumentError(
            "channel_names", layout.channel_names or twice, f"Two columns are mapped to {twice[0]}",
            "Map each channel once: one would replace the other, and two sensors are two channels",
        )  # fmt: skip
    return chosen
