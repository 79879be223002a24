"""The arithmetic of a monthly bill: each line is a quantity, its price, and how the quantity comes about.

What functions take is measured (docs/scale.md) and converted: a Lambda function has one processor at 1,769 MB. With
late data an hour's work is done about one and a half times. Free tiers, data transfer and tax are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Final

from ops.cost.prices import Prices
from ops.cost.workload import DAYS, MINUTES, Workload

# Measured, CPU seconds on one processor.
_INGEST_READING: Final = 40e-6
_PROCESS_READING: Final = 4.8e-6
_PROCESS_RUN: Final = 0.05
_GET: Final = 0.58e-3
_PUT_ITEM: Final = 0.87e-3
_SCORE_MACHINE: Final = 0.5e-3
_TRAINING: Final = 300.0
_WAITING: Final = 0.040
"""Seconds of an ingestion run in which it waits for S3."""
_LATE: Final = 1.5

_VCPU_MB: Final = 1769
_POLLERS: Final = 5
"""Readers of a queue that Lambda keeps, each gathering for itself: docs.aws.amazon.com/lambda, "Scaling of SQS"."""
_LONG_POLL: Final = 20
_EVENT_MB: Final = 6
_EVENT_BYTES: Final = 1079
"""A record of one message in the event of the ingestion function; the event holds 6 MB."""
_TOPIC: Final = 60
_ONE_READING: Final = 60
_ELEMENT: Final = 47
"""An element of a batch without its values: brackets, names and the timestamp."""
_VALUE: Final = 20

_ONE_OBJECT: Final = 110
"""A reading as JSON in an object of its own, with its machine's name."""
_RAW_BYTES: Final = 19
"""A reading in compressed JSON lines, as it is kept after compaction."""
_COMPACTED_BYTES: Final = 14
_STATISTICS: Final = 10
_FEATURE_BYTES: Final = 28
"""A feature in the online store, its name included; in Parquet it takes 8."""
_STORED_MONTHS: Final = 12
_METRICS: Final = 15
"""Those that come every hour, for the whole fleet; an hour without a metric costs nothing."""
_ALARMS: Final = 20

_FIXED: Final = "fixed: "


@dataclass(frozen=True)
class Line:
    """One line of a bill."""

    service: str
    what: str
    price: str
    """Its name in the price table."""
    quantity: float
    usd: float
    how: str

    @property
    def is_fixed(self) -> bool:
        """Whether the fleet's size leaves it as it is."""
        return self.how.startswith(_FIXED)


@dataclass(frozen=True)
class Bill:
    """A month of one workload."""

    machines: int
    lines: tuple[Line, ...]

    @property
    def usd(self) -> float:
        """The month."""
        return sum(line.usd for line in self.lines)

    @property
    def fixed_usd(self) -> float:
        """What of it does not depend on the fleet."""
        return sum(line.usd for line in self.lines if line.is_fixed)

    @property
    def usd_a_machine(self) -> float:
        """The month of one machine, without what is fixed."""
        return (self.usd - self.fixed_usd) / self.machines

    def by_service(self) -> dict[str, float]:
        """Return the month by service, dearest first."""
        totals: dict[str, float] = {}
        for line in self.lines:
            totals[line.service] = totals.get(line.service, 0.0) + line.usd
        return dict(sorted(totals.items(), key=lambda pair: -pair[1]))


_Quantity = tuple[str, str, str, float, str]


def monthly_bill(work: Workload, prices: Prices) -> Bill:
    """Return what a month of the platform costs."""
    parts = (_broker(work), _buffer(work), _ingestion(work), _features(work), _models(work), _operations(work))
    return _priced(work, prices, (row for part in parts for row in part))


def one_function_bill(work: Workload, prices: Prices) -> Bill:
    """Return what the original's design costs: a function run and an object a message, each object read once.

    Its processing runs every six hours, and is charged the CPU of its requests alone.
    """
    messages, runs = work.readings, DAYS * 4
    reading = messages * _GET * _VCPU_MB / 1024
    rows: list[_Quantity] = [
        ("IoT Core", "connections", "iot_connection_minute", work.machines * MINUTES, "machines x minutes"),
        ("IoT Core", "messages", "iot_message", messages, "a reading each"),
        ("IoT Core", "rules triggered", "iot_rule", messages, "one a message"),
        ("IoT Core", "actions", "iot_action", messages, "one a message"),
        ("Lambda", "ingestion, runs", "lambda_request", messages, "one a message"),
        ("Lambda", "ingestion, GB-seconds", "lambda_gb_second_x86", messages * 0.25 * 0.05, "256 MB for 50 ms"),
        ("Lambda", "processing, GB-seconds", "lambda_gb_second_x86", reading, "1,024 MB, .58 ms of CPU an object"),
        ("S3", "objects written", "s3_put", messages, "one a message"),
        ("S3", "objects read", "s3_get", messages, "each once"),
        ("S3", "objects listed", "s3_put", messages / 1000, "each once, a thousand at once"),
        ("S3", "stored, GB", "s3_gb_month", messages * _ONE_OBJECT * _STORED_MONTHS / 1e9, "a year of JSON"),
        ("DynamoDB", "newest features", "dynamodb_write", work.machines * runs, "a machine and run, 1 KB"),
        ("CloudWatch", "logs, GB", "cloudwatch_log_gb", messages * 450 / 1e9, "450 B a run"),
    ]
    return _priced(work, prices, rows)


def batch_of(work: Workload) -> float:
    """Return how many messages an ingestion run takes: what one of five readers gathers in the window."""
    a_second = work.messages / (MINUTES * 60)
    most = min(work.ingestion_batch_size, _EVENT_MB * 1_000_000 // max(_EVENT_BYTES, payload_bytes(work) * 4 // 3))
    return max(1.0, min(most, a_second * max(1, work.ingestion_window_seconds) / _POLLERS))


def payload_bytes(work: Workload) -> int:
    """Return the size of a message with its topic."""
    if work.batch == 1:
        return _TOPIC + _ONE_READING
    return _TOPIC + ceil(work.batch / work.channels) * (_ELEMENT + _VALUE * work.channels)


def _priced(work: Workload, prices: Prices, rows: Iterator[_Quantity] | list[_Quantity]) -> Bill:
    lines = (
        Line(service, what, name, quantity, prices[name].of(quantity), how)
        for service, what, name, quantity, how in rows
    )
    return Bill(work.machines, tuple(lines))


def _broker(work: Workload) -> Iterator[_Quantity]:
    units = ceil(payload_bytes(work) / 5120)
    metered = work.messages * units
    how = f"{work.messages:,.0f} messages of {payload_bytes(work):,} B, by 5 KB"
    yield "IoT Core", "connections", "iot_connection_minute", work.machines * MINUTES, "machines x minutes"
    if not work.basic_ingest:
        yield "IoT Core", "messages", "iot_message", metered, how
    yield "IoT Core", "rules triggered", "iot_rule", metered, how
    yield "IoT Core", "actions", "iot_action", metered, how


def _buffer(work: Workload) -> Iterator[_Quantity]:
    parts = ceil(payload_bytes(work) * 4 / 3 / 65536)
    together = min(10.0, batch_of(work))
    idle = _POLLERS * MINUTES * 60 / _LONG_POLL
    taken = work.messages / together
    yield "SQS", "sent", "sqs_request", work.messages * parts, "one a message, by 64 KB"
    yield "SQS", "received", "sqs_request", max(taken, idle), f"{together:.1f} messages at once, 5 readers"
    yield "SQS", "deleted", "sqs_request", taken, f"{together:.1f} messages at once"
    yield "SQS", "failures, received", "sqs_request", idle, f"{_FIXED}5 readers ask every 20 s"


def _ingestion(work: Workload) -> Iterator[_Quantity]:
    batch = batch_of(work)
    runs = work.messages / batch
    seconds = _WAITING + batch * work.batch * _INGEST_READING * _VCPU_MB / work.ingestion_memory_mb
    how = f"{batch:,.1f} messages a run, {seconds * 1000:,.0f} ms each"
    yield "Lambda", "ingestion, runs", "lambda_request", runs, how
    yield "Lambda", "ingestion, GB-seconds", "lambda_gb_second", runs * seconds * work.ingestion_memory_mb / 1024, how
    yield "S3", "raw objects written", "s3_put", runs, "one a run"
    yield "CloudWatch", "logs of ingestion, GB", "cloudwatch_log_gb", runs * 1200 / 1e9, "1.2 KB a run"


def _features(work: Workload) -> Iterator[_Quantity]:
    runs, objects = work.processing_runs, work.messages / batch_of(work)
    hours = DAYS * 24
    puts = work.machines * min(runs, hours * work.rows_per_hour)
    cpu = _LATE * (work.readings * _PROCESS_READING + hours * _PROCESS_RUN + objects * _GET) + puts * _PUT_ITEM
    seconds = cpu * _VCPU_MB / work.processing_memory_mb
    features = work.channels * work.window_lengths * _STATISTICS
    units = ceil((200 + features * _FEATURE_BYTES) / 1024)
    rows = work.machines * hours * work.rows_per_hour
    stored_days = min(30 * _STORED_MONTHS, work.raw_retention_days or 30 * _STORED_MONTHS)
    kept = work.readings / DAYS * stored_days / 1e9
    seldom = max(0, stored_days - 90) / stored_days
    yield (
        "Lambda",
        "processing, GB-seconds",
        "lambda_gb_second",
        seconds * work.processing_memory_mb / 1024,
        (f"{cpu:,.0f} CPU-seconds, late data included"),
    )
    yield "S3", "raw objects read", "s3_get", objects * _LATE, "each once, late data included"
    yield "S3", "hours listed and written", "s3_put", runs * 21 * _LATE, "14 lists and 7 objects an hour"
    yield "DynamoDB", "newest features", "dynamodb_write", puts * units, f"a machine and run, {units} KB"
    yield "S3", "received and replaced, GB", "s3_gb_month", kept * _RAW_BYTES * (1 - seldom), "the last 90 days"
    yield "S3", "the same, seldom read, GB", "s3_gb_month_infrequent", kept * _RAW_BYTES * seldom, "after 90 days"
    yield "S3", "compacted, GB", "s3_gb_month", kept * _COMPACTED_BYTES, f"{stored_days} days"
    yield "S3", "features, GB", "s3_gb_month", rows * 2 * features * 8 * _STORED_MONTHS / 1e9, "with buckets, a year"


def _models(work: Workload) -> Iterator[_Quantity]:
    runs = work.processing_runs
    cpu = runs * work.machines * _SCORE_MACHINE
    training = work.training_runs * _TRAINING * work.training_memory_mb / 1024
    seconds = cpu * _VCPU_MB / work.serving_memory_mb
    yield (
        "Lambda",
        "scoring, GB-seconds",
        "lambda_gb_second",
        seconds * work.serving_memory_mb / 1024,
        (f"{cpu:,.0f} CPU-seconds"),
    )
    yield "DynamoDB", "features read", "dynamodb_read", runs * work.machines * 0.46, "a scan a run"
    yield "S3", "predictions", "s3_put", runs * 10, f"{_FIXED}6 lists and 4 objects a run"
    yield (
        "Lambda",
        "training, GB-seconds",
        "lambda_gb_second",
        training,
        (f"{_FIXED}{work.training_runs:.1f} runs of 5 minutes"),
    )
    yield (
        "Step Functions",
        "transitions",
        "stepfunctions_transition",
        work.training_runs * 8,
        f"{_FIXED}8 a run of training",
    )


def _operations(work: Workload) -> Iterator[_Quantity]:
    runs = work.processing_runs
    yield "EventBridge", "schedules", "scheduler_invocation", runs + work.training_runs, f"{_FIXED}processing, training"
    yield "CloudWatch", "logs of runs, GB", "cloudwatch_log_gb", runs * 6000 / 1e9, f"{_FIXED}6 KB a run"
    yield "CloudWatch", "metrics", "cloudwatch_metric", _METRICS, f"{_FIXED}those of every hour"
    if work.alarms:
        yield "CloudWatch", "alarms", "cloudwatch_alarm", _ALARMS, f"{_FIXED}about so many"
    if work.customer_managed_key:
        yield "KMS", "key", "kms_key", 1, f"{_FIXED}of the stack's own"
