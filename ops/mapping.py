"""How the columns of someone's history become machines, channels and times."""

import hashlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter

from mlops_core.errors import DurationError
from mlops_core.telemetry import MACHINE_ID_PATTERN, Channels, is_machine_id
from mlops_core.time import parse_duration
from ops.errors import OptionError

_FINE_UNITS = {"us": timedelta(microseconds=1), "ms": timedelta(milliseconds=1)}
PER_MICROSECOND = {"ns": 1000, "100ns": 10}
"""Units finer than a microsecond, as InfluxDB (ns) and FILETIME (100ns) count."""


@dataclass(frozen=True)
class HistoryMapping:
    """Which column holds what. A mapping that cannot work is refused when it is made, with an OptionError.

    Exactly one of ``machine`` (one machine for the whole file) and ``machine_column``. Either ``channels`` (wide
    data: pairs of column and channel name) or ``channel_column`` with ``value_column`` (long data). Times are text,
    read by ``time_format`` (strptime; ISO 8601 where None), or date-times of a Parquet file; without an offset they
    need ``time_zone``. Numbers are times only with ``time_origin``: origin + n x ``time_unit`` (10m: a step is
    ten minutes).
    """

    time_column: str
    machine: str | None = None
    machine_column: str | None = None
    channels: tuple[tuple[str, str], ...] = ()
    channel_column: str | None = None
    value_column: str | None = None
    time_format: str | None = None
    time_zone: str | None = None
    time_origin: datetime | None = None
    time_unit: str | None = None
    separator: str = ","
    decimal_comma: bool = False

    def __post_init__(self) -> None:
        if (self.machine is None) == (self.machine_column is None):
            raise OptionError(
                "It is not said which machine the readings are of.",
                "Pass one of --machine NAME and --machine-column COLUMN.",
            )
        if self.machine is not None and not is_machine_id(self.machine):
            raise OptionError(
                f"{self.machine!r} cannot name a machine.", f"A machine's name matches {MACHINE_ID_PATTERN}"
            )
        long = self.channel_column is not None or self.value_column is not None
        if long == bool(self.channels) or (long and (self.channel_column is None or self.value_column is None)):
            raise OptionError(
                "It is not said which columns hold values.",
                "Pass --channel COLUMN=CHANNEL for each column of values, or --channel-column with"
                " --value-column where one column names the channel.",
            )
        if (self.time_origin is None) != (self.time_unit is None):
            raise OptionError(
                "Numbered times need both an origin and a unit.",
                "Pass --time-origin 2024-01-01T00:00:00Z --time-unit 1h, say.",
            )
        if self.time_origin is not None and (self.time_format or self.time_zone):
            raise OptionError("--time-origin is for numbered times.", "Leave --time-format and --time-zone out.")
        _ = self.step  # refuses a unit that cannot be read
        channels = [channel for _, channel in self.channels]
        twice = next((channel for channel in channels if channels.count(channel) > 1), None)
        if twice is not None:
            raise OptionError(
                f"Two columns are mapped to {twice}: one of them would replace the other.",
                "Map each channel once; two sensors are two channels.",
            )
        if len(self.separator) != 1:
            raise OptionError(f"The separator {self.separator!r} is not one character.", "Pass --separator ';', say.")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read, each once."""
        named = (
            self.machine_column,
            self.time_column,
            self.channel_column,
            self.value_column,
            *(column for column, _ in self.channels),
        )
        return tuple(dict.fromkeys(column for column in named if column is not None))

    @property
    def step(self) -> timedelta | None:
        """What one unit of a numbered time lasts; None where times are not numbers, or finer than a microsecond."""
        if self.time_unit is None or self.time_unit in PER_MICROSECOND:
            return None
        if self.time_unit in _FINE_UNITS:
            return _FINE_UNITS[self.time_unit]
        try:
            return parse_duration(self.time_unit if self.time_unit[:1].isdigit() else f"1{self.time_unit}")
        except DurationError:
            raise OptionError(
                f"The time unit {self.time_unit!r} cannot be read.",
                "Pass ns, 100ns, us, ms, s, m, h, d, or how long one step lasts: --time-unit 10m, say.",
            ) from None

    def digest(self, content: str, channels: Channels) -> str:
        """A hash of all that decides which readings a file gives: its content's, this mapping, the stack's channels."""
        decisive = (content, sorted(asdict(self).items(), key=itemgetter(0)), channels.hash)
        return hashlib.sha256(repr(decisive).encode()).hexdigest()


def parse_channel(option: str) -> tuple[str, str]:
    """``COLUMN=CHANNEL`` as a pair; the last equals sign divides, for a column's name may hold one."""
    column, divider, channel = option.rpartition("=")
    if not divider or not column or not channel:
        raise OptionError(
            f"--channel {option!r} is not of the form COLUMN=CHANNEL.", "Write --channel rms=vibration, say."
        )
    return column, channel


def parse_moment(option: str, name: str) -> datetime:
    """An ISO 8601 time with an offset, or a date: its midnight in UTC. ``name`` is the option's, for the error."""
    try:
        moment = datetime.fromisoformat(f"{option}T00Z" if len(option) == len("2024-01-31") else option)
    except ValueError:
        raise OptionError(f"{name} {option!r} is not an ISO 8601 time.", "Write 2024-01-31T00:00:00Z, say.") from None
    if moment.tzinfo is None:
        raise OptionError(
            f"{name} {option!r} says no offset from UTC.", f"Write {option}Z for UTC, or an offset such as +02:00."
        )
    return moment.astimezone(UTC)
