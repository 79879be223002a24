"""What arrived of a fleet in its newest day, against what an estimate of its bill assumes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from handlers.stores import FeatureRow
from ops.cost.workload import READINGS_PER_MINUTE

HOUR: Final = timedelta(hours=1)
DAY: Final = 24 * HOUR


@dataclass(frozen=True)
class Arrivals:
    """Readings of the machines that sent within the newest windows."""

    machines: int
    readings_a_machine_day: float
    """Distinct ones, all channels together."""
    assumed_machines: int | None
    """`fleetSize`; None where it is unset."""
    assumed_readings_a_machine_day: float = READINGS_PER_MINUTE * 24 * 60
    """What `mlops cost` takes where nothing else is given."""


def arrivals(
    rows: Iterable[FeatureRow],
    channels: Sequence[str],
    *,
    lengths: Sequence[timedelta],
    now: datetime,
    fleet_size: int,
) -> Arrivals | None:
    """Return what arrived, by the counts of the newest windows of a day, or of the length nearest to one.

    lengths: of the feature windows. Rows that are older than a day tell nothing of the last one. None where no machine
    has a window with readings.
    """
    length = min(lengths, key=lambda each: abs(each - DAY))
    counts = [_count(row, channels, length) for row in rows if now - row.window_end <= DAY]
    sending = [count for count in counts if count]
    if not sending:
        return None
    return Arrivals(len(sending), sum(sending) / len(sending) * (DAY / length), fleet_size or None)


def messages(metrics: Any, queue_url: str, now: datetime) -> int | None:  # noqa: ANN401 - a client without stubs
    """Return how many messages a queue was sent in the last day, by the count that SQS keeps itself.

    None on the local stack, which keeps no such count, without messages, or without the permission to read it.
    """
    queue = [{"Name": "QueueName", "Value": queue_url.rpartition("/")[2]}]
    try:
        answer = metrics.get_metric_statistics(
            Namespace="AWS/SQS", MetricName="NumberOfMessagesSent", Dimensions=queue, Statistics=["Sum"],
            StartTime=now - DAY, EndTime=now, Period=DAY // timedelta(seconds=1),
        )  # fmt: skip
    except (ClientError, BotoCoreError):
        return None
    return round(sum(point["Sum"] for point in answer["Datapoints"])) or None


def _count(row: FeatureRow, channels: Sequence[str], length: timedelta) -> float:
    return sum(row.features.get(f"{channel}_count_{length // HOUR}h") or 0 for channel in channels)
