"""A month's work: the fleet, how it sends, and how the stack is configured."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, cast

from ops.errors import OptionError

ROOT: Final = Path(__file__).resolve().parents[2]
DAYS: Final = 30
MINUTES: Final = DAYS * 24 * 60
"""Minutes of the month that is priced."""

READINGS_PER_MINUTE: Final = 2.0
"""Of one machine, all channels together, where nothing else is given."""

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_UNIT_MINUTES = {"minute": 1, "hour": 60, "day": 1440}


@dataclass(frozen=True)
class Workload:
    """What a fleet sends, and the settings of the stack that price it."""

    machines: int
    readings_per_minute: float
    """Of one machine, all channels together."""
    batch: int
    """Readings a message; 1: each reading is a message of its own."""
    basic_ingest: bool
    channels: int = 2
    window_lengths: int = 3
    rows_per_hour: int = 1
    """Feature rows of a machine an hour."""
    processing_runs: float = 720
    training_runs: float = DAYS / 7
    raw_retention_days: int = 730
    ingestion_batch_size: int = 500
    ingestion_window_seconds: int = 20
    ingestion_memory_mb: int = 256
    processing_memory_mb: int = 1024
    serving_memory_mb: int = 1024
    training_memory_mb: int = 3008
    alarms: bool = False
    customer_managed_key: bool = False

    @property
    def readings(self) -> float:
        """Readings a month."""
        return self.machines * self.readings_per_minute * MINUTES

    @property
    def messages(self) -> float:
        """Messages a month."""
        return self.readings / self.batch

    @classmethod
    def of_stack(cls, stack: str, **fleet: Any) -> Self:  # noqa: ANN401 - the fields of the fleet, checked by the class
        """Return the workload of a fleet on a stack's configuration: Pulumi.yaml, and Pulumi.<stack>.yaml where it is.

        Raises OptionError.
        """
        settings = configuration(stack)
        chosen: dict[str, Any] = {
            "basic_ingest": settings["basicIngest"],
            "channels": len(settings["channels"]),
            "window_lengths": len(settings["featureLengthsHours"]),
            "rows_per_hour": 60 // settings["featureHopMinutes"],
            "processing_runs": runs_a_month(settings["processingScheduleExpression"]),
            "training_runs": runs_a_month(settings["trainingScheduleExpression"]) * settings["trainingEnabled"],
            "raw_retention_days": settings["rawRetentionDays"],
            "ingestion_batch_size": settings["ingestionBatchSize"],
            "ingestion_window_seconds": settings["ingestionBatchWindowSeconds"],
            "ingestion_memory_mb": settings["lambdaMemoryMb"],
            "processing_memory_mb": settings["processingMemoryMb"],
            "serving_memory_mb": settings["inferenceMemoryMb"],
            "training_memory_mb": settings["trainingMemoryMb"],
            "alarms": settings["alarmsEnabled"],
            "customer_managed_key": settings["customerManagedKey"],
        }
        return cls(**chosen | {name: value for name, value in fleet.items() if value is not None})


def configuration(stack: str) -> Mapping[str, Any]:
    """Return the settings of a stack by key: the defaults, and what its own file says instead. Raises OptionError."""
    import yaml

    project = cast("dict[str, Any]", yaml.safe_load((ROOT / "Pulumi.yaml").read_text("utf-8")))
    settings = {key: row["default"] for key, row in project["config"].items() if ":" not in key}
    own = ROOT / f"Pulumi.{stack}.yaml"
    if not own.is_file():
        raise OptionError(f"There is no {own.name}.", "Name a stack that has a file, say --stack dev.")
    document = cast("dict[str, Any]", yaml.safe_load(own.read_text("utf-8")) or {})
    prefix = f"{project['name']}:"
    configured = cast("dict[str, Any]", document.get("config") or {})
    chosen = {key.removeprefix(prefix): value for key, value in configured.items()}
    return settings | {"region": chosen.pop("aws:region", "us-east-1")} | chosen


def runs_a_month(schedule: str) -> float:
    """Return how often a schedule fires in 30 days. Raises OptionError for one that names single days of the year.

    Examples:
        >>> runs_a_month("cron(5 * * * ? *)"), runs_a_month("rate(6 hours)")
        (720.0, 120.0)

    """
    if match := _RATE.fullmatch(schedule):
        return MINUTES / (int(match[1]) * _UNIT_MINUTES[match[2]])
    if match := _CRON.fullmatch(schedule):
        minutes, hours, day, month, weekday, _ = match.groups()
        if month == "*" and (day, weekday) in {("*", "?"), ("?", "*")}:
            return float(_times(minutes, 60) * _times(hours, 24) * DAYS)
    raise OptionError(f"How often {schedule} runs a month is not known here.", "Pass it: --runs 720, say.")


def _times(field: str, of: int) -> int:
    """Return how many of `of` values a cron field names."""
    named: set[int] = set()
    for element in field.split(","):
        base, _, step = element.partition("/")
        first, dash, last = base.partition("-")
        begins = 0 if first == "*" else int(first)
        ends = int(last) if dash else (of - 1 if first == "*" or step else begins)
        named |= set(range(begins, ends + 1, int(step or 1)))
    return len(named)
