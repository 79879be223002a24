"""The platform in memory: the real handlers between fakes of the services that they use, and a clock of its own."""

import json
import logging
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple

import aws_lambda_powertools.metrics.base as single_metrics
import aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch as emf
import polars as pl
import pytest

import handlers.alarm_events
import handlers.announcements
import handlers.crowded_hours
import handlers.feature_run
import handlers.hour_buckets
import handlers.hour_readings
import handlers.ingestion
import handlers.labels
import handlers.processing
import handlers.promotion
import handlers.scoring
import handlers.simulator
import handlers.training_set
import handlers.trial
import mlops_core.features.buckets
import ops.dead_letters
from contract import environment
from handlers import deliveries
from handlers.announcements import AlarmDesk
from handlers.limits import LimitWatch
from handlers.stores import Alarms, EventBus, Machines, Notifier, clients, lake, online_features, partitions
from mlops_core.condition.classes import MachineClass, limits_of
from mlops_core.condition.limits import ChannelLimits
from mlops_core.features import FeatureRecipe
from mlops_core.lake import channels_key, compaction
from mlops_core.telemetry import CHANNELS, Channel, Channels
from tests.properties.reliability.broker import Broker, Rule, read_rule
from tests.properties.reliability.calls import Invocation, Pool, invoke
from tests.properties.reliability.deployed import deployed
from tests.properties.reliability.messages import ALLOWED_LATENESS, FIELDS, PREFIX, Publication
from tests.properties.reliability.object_store import ObjectStore
from tests.properties.reliability.ports import DELIVER, Ports, scratch
from tests.properties.reliability.queues import Queue, QueuedMessage, SqsClient
from tests.properties.reliability.receivers import Bus, Functions, Topic
from tests.properties.reliability.reference import STATISTICS
from tests.properties.reliability.releases import let_releases_store
from tests.properties.reliability.tables import Tables

START = datetime(2026, 11, 21, 21, 40, tzinfo=UTC)  # so that histories cross midnight
FLOW = Channel(name="flow", payload_field="flow", unit="m3/h", minimum=0, maximum=9)
CLASSES = {"ovens": MachineClass(machines=("B",), limits={"temperature": ChannelLimits(watch=60.0, act=80.0)})}
CHUNK = timedelta(hours=2)
READINGS, LABELS, DEAD_LETTERS = "ingestion-readings", "ingestion-labels", "ingestion-dead-letters"
_FUNCTIONS = {READINGS: handlers.ingestion, LABELS: handlers.labels}
_FOREVER = 10**9


class Variant(NamedTuple):
    """Configuration that histories differ in."""

    hop_minutes: int = 60
    shards: int = 1
    catch_up_minutes: int = 60
    lengths_hours: tuple[int, ...] = (1, 2)
    channels: tuple[str, ...] = tuple(FIELDS)
    most_readings: int = 100_000  # of an hour, that processing holds at once

    @property
    def lengths(self) -> tuple[timedelta, ...]:
        """The lengths of feature windows."""
        return tuple(timedelta(hours=hours) for hours in self.lengths_hours)

    @property
    def channels_document(self) -> Channels | None:
        """The channels where they are not those out of the box."""
        names = {name: CHANNELS.get(name, FLOW) for name in self.channels}
        return None if self.channels == tuple(FIELDS) else Channels(*names.values())

    @property
    def hop(self) -> timedelta:
        """The hop of feature windows."""
        return timedelta(minutes=self.hop_minutes)

    def environment(self) -> dict[str, str]:
        """Every function's variables."""
        document = self.channels_document
        named = {} if document is None else {"CHANNELS_KEY": channels_key(document.hash)}
        return named | {
            "POWERTOOLS_SERVICE_NAME": "tests",
            "POWERTOOLS_METRICS_NAMESPACE": "tests",
            "DATA_LAKE_BUCKET": "lake",
            "MQTT_TOPIC_PREFIX": PREFIX,
            "LAKE_SHARDS": str(self.shards),
            "ALLOWED_LATENESS_HOURS": str(ALLOWED_LATENESS // timedelta(hours=1)),
            "LABEL_HISTORY_TABLE": "label-history",
            "ALARMS_TABLE": "alarms",
            "MACHINES_TABLE": "machines",
            "EVENT_BUS_NAME": "alarms",
            "PREDICTION_HORIZON_HOURS": "12",
            "TRAINING_HISTORY_DAYS": "60",
            "NOTICE_TOPIC_ARN": "arn:aws:sns:::notices",
            "DYNAMODB_TABLE_NAME": "realtime-features",
            "TIME_WINDOW": str(CHUNK // timedelta(hours=1)),
            "FEATURE_LENGTHS_HOURS": str(list(self.lengths_hours)),
            "FEATURE_HOP_MINUTES": str(self.hop_minutes),
            "MACHINE_STATE_TABLE": "machine-state",
            "MACHINE_IDS": '["A", "B"]',
            "SIMULATOR_SEED": "7",
            "SAMPLING_INTERVAL_SECONDS": "1200",
            "MAX_CATCH_UP_MINUTES": str(self.catch_up_minutes),
            "PREDICTIONS_TABLE": "predictions",
            "SILENT_AFTER_HOURS": "1",
            "ESCALATE_AFTER_HOURS": "4",
        }


class Pipeline:
    """One stack, empty at first."""

    def __init__(self, variant: Variant, ports: Ports) -> None:
        self.variant = variant
        self.ports = ports
        self.now = START
        ports.start(self)
        self.s3 = ObjectStore()
        self.dynamodb = Tables()
        dead_letters = Queue(DEAD_LETTERS)
        self.queues = {DEAD_LETTERS: dead_letters} | {
            name: Queue(name, deployed().deliveries[name], dead_letters) for name in (READINGS, LABELS)
        }
        self.broker = Broker(_rules(), self.queues)
        self.functions = Functions()
        self.topic = Topic()
        self.bus = Bus()
        self.limits: Callable[[str, str], ChannelLimits | None] = lambda _machine_id, _channel: None

    @property
    def now_ms(self) -> int:
        """The clock, in milliseconds since the epoch."""
        return round(self.now.timestamp() * 1000)

    def publish(self, publication: Publication, *, rule_fails: bool = False) -> None:
        """Let the broker take a message."""
        self.broker.now_ms = self.now_ms
        for _, message_id in self.broker.route(publication.topic, publication.payload, rule_fails=rule_fails):
            publication.message_ids.add(message_id)

    def handle(self, queue: str, messages: Sequence[QueuedMessage], invocation: Invocation) -> Any:
        """Hand a batch to its function; returns what it returned, or the error that ended it."""
        event = {"Records": [self.ports.call(DELIVER, dict, **message.record()) for message in messages]}
        return self._invoke(invocation, lambda: _FUNCTIONS[queue].handler(event, context()))

    @staticmethod
    def failed_of(queue: str, batch: Sequence[QueuedMessage], answer: Any, invocation: Invocation) -> set[str]:
        """The ids of the messages that the event source mapping keeps after such an answer."""
        everything = {message.message_id for message in batch}
        if invocation.is_dead or not isinstance(answer, dict):
            return everything
        if not deployed().reports_failures[queue]:
            return set()
        return {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}

    @staticmethod
    def carries(message: QueuedMessage, publication: Publication) -> bool:
        """Whether a message that was put back is this publication."""
        body = json.loads(message.body)
        return publication.identity == (body["topic"], b64decode(body["payload_base64"]), body["received_at_ms"])

    def is_out_of_sight(self, event_timestamp: str) -> bool:
        """Whether an hour is too old for processing to watch it: the message waited longer than a window is long."""
        hour = datetime.fromisoformat(event_timestamp).replace(minute=0)
        return hour < self.now - ALLOWED_LATENESS - max(self.variant.lengths)

    def process(self, invocation: Invocation, event: dict[str, str] | None = None, *, slowness_ms: int = 0) -> Any:
        """Run processing, each look at the clock `slowness_ms` after the one before."""
        at = {"at": self.now.isoformat(), **(event or {})}
        return self._invoke(invocation, lambda: handlers.processing.handler(at, context(slowness_ms)))

    def score(self, invocation: Invocation) -> Any:
        """Run scoring, in a process that has just been started."""
        return self._invoke(invocation, lambda: handlers.scoring.handler({}, context()))

    def try_champion(self, invocation: Invocation) -> Any:
        """Try the champion."""
        return self._invoke(invocation, lambda: handlers.trial.handler({}, context()))

    def simulate(self, invocation: Invocation, *, behind: timedelta, slowness_ms: int) -> Any:
        """Run the simulator, by a clock that is behind, each look at the time left `slowness_ms` after the last."""
        at = {"at": (self.now - behind).isoformat()}
        return self._invoke(invocation, lambda: handlers.simulator.handler(at, context(slowness_ms)))

    def operate(self, invocation: Invocation, verb: Callable[[], Any]) -> Any:
        """Let an operator do something from a terminal, whose calls may fail as any."""
        return self._invoke(invocation, verb)

    def redrive(self, invocation: Invocation) -> Any:
        """Put dead letters back into their queues, as `mlops quarantine redrive` does."""
        client = self.ports.client("sqs", SqsClient(self.queues, self.now_ms))
        letters = ops.dead_letters.DeadLetters(client, DEAD_LETTERS, readings=READINGS, failures=LABELS)
        return self._invoke(invocation, lambda: letters.redrive(1000))

    def _invoke(self, invocation: Invocation, function: Callable[[], Any]) -> Any:
        return invoke(invocation, lambda: self.ports.returning(function))


def context(slowness_ms: int = 0) -> SimpleNamespace:
    """What Lambda hands to a function, whose time goes by with each look at it."""
    left = iter(range(300_000, -_FOREVER, -slowness_ms)) if slowness_ms else None
    return SimpleNamespace(
        function_name="function",
        function_version="$LATEST",
        memory_limit_in_mb=256,
        invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:function",
        aws_request_id="5f1c7a2e-6a0f-4e0e-8a57-0a0000000001",
        get_remaining_time_in_millis=lambda: next(left) if left else 300_000,
    )


def _rules() -> list[Rule]:
    return [read_rule(*rule) for rule in deployed().rules]


def few_features(
    lengths: tuple[timedelta, ...], hop: timedelta, channels: Iterable[str] = tuple(FIELDS)
) -> FeatureRecipe:
    """The recipe of a stack with few statistics, which the reference computes exactly."""
    recipe = FeatureRecipe.of_stack(tuple(channels), lengths=lengths, hop=hop)
    drift = tuple(f"{channel}_max_{recipe.lengths[0]}" for channel in channels)
    return recipe.model_copy(update={"statistics": STATISTICS, "drift": drift})


class Wiring:
    """Puts the fakes of one pipeline after another where the handlers look for boto3's clients."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.ports = Ports()
        let_releases_store(self.ports)
        self._pipeline = Pipeline(Variant(), self.ports)
        set_ = monkeypatch.setattr
        monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "tests")
        monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "tests")
        set_(clients, "s3", lambda: self.ports.client("s3", self._pipeline.s3))
        set_(clients, "dynamodb", lambda: self.ports.client("dynamodb", self._pipeline.dynamodb))
        set_(clients, "functions", lambda: self.ports.client("lambda", self._pipeline.functions))
        set_(handlers.processing, "_clock", lambda: self._pipeline.now)
        set_(clients, "iot_data", lambda _endpoint=None: self.ports.client("iot_data", self._pipeline.broker))
        for module in (module for module in _SETTINGS if hasattr(module, "metrics")):
            set_(
                module.metrics.provider, "namespace", "tests"
            )  # whoever imported the handlers, in whatever environment
        for module in (emf, single_metrics):  # no metric is printed
            monkeypatch.setattr(module, "print", lambda *_, **__: None, raising=False)
        set_(clients, "sns", lambda: self.ports.client("sns", self._pipeline.topic))
        set_(handlers.alarm_events, "_bus", lambda: EventBus(self.ports.client("events", self._pipeline.bus), "alarms"))
        clock = SimpleNamespace(now=lambda _zone: self._pipeline.now)
        for module in (handlers.scoring, handlers.announcements, handlers.trial, handlers.promotion):
            set_(module, "datetime", clock)
        for module in (deliveries, lake, online_features, partitions, handlers.simulator, ops.dead_letters):
            set_(module, "ThreadPoolExecutor", Pool)
        for name, kept in _KEPT_BY_SCORING.items():  # for as long as a process lives, of which several overlap
            set_(handlers.scoring, name, lambda name=name, made=kept.__wrapped__: scratch(f"scoring {name}", made))
        # Histories follow the data, not the alarms.
        set_(handlers.labels, "_announce", lambda _failures: True)
        set_(handlers.ingestion, "_watch", lambda: SimpleNamespace(to_judge=lambda _: (), judge=bool))
        # So that the few objects of a history are taken in, late ones too, and in portions.
        set_(compaction, "_FEWEST_LATE", 2)
        set_(handlers.crowded_hours, "OBJECTS_AT_ONCE", 2)
        self.partition_bytes: dict[Any, bytes] = {}
        self._remember_pure_functions()

    def start(self, variant: Variant) -> Pipeline:
        """An empty stack, which the handlers work on from now on, each in a fresh process."""
        self._pipeline = Pipeline(variant, self.ports)
        self.deploy(variant)
        return self._pipeline

    def deploy(self, variant: Variant) -> None:
        """Give the functions of the stack these settings, and store the document of channels that they name."""
        self._pipeline.variant = variant
        if (document := variant.channels_document) is not None:
            self._pipeline.s3.hold(channels_key(document.hash), document.document)
        self.monkeypatch.setattr(handlers.processing, "readings_that_fit", lambda _: variant.most_readings)
        for module, model in _SETTINGS.items():
            chosen = _settings(variant, model)
            self.monkeypatch.setattr(module, "_settings", lambda chosen=chosen: chosen)

    def watch_limits(self) -> None:
        """Let ingestion judge readings by limits, each invocation in a process of its own."""

        def clock() -> datetime:
            return self._pipeline.now

        def made() -> LimitWatch:
            alarms = Alarms(clients.dynamodb(), "alarms")
            desk = AlarmDesk(alarms, Notifier(clients.sns(), "arn:aws:sns:::notices"), clock=clock)
            machines = Machines(clients.dynamodb(), "machines")
            return LimitWatch(desk, CLASSES, CHANNELS, machines, clock=clock)

        self._pipeline.limits = lambda machine_id, channel: limits_of(machine_id, CLASSES, CHANNELS).get(channel)
        self.monkeypatch.setattr(handlers.ingestion, "_watch", lambda: scratch("limits", made))

    def _remember_pure_functions(self) -> None:
        """Call polars once for equal arguments: what it computes of them does not change between histories."""
        set_ = self.monkeypatch.setattr
        encode = remembered(partitions.encode_parquet, rows_of)
        set_(handlers.hour_readings, "decode_readings", remembered(handlers.hour_readings.decode_readings, tuple))
        set_(handlers.hour_buckets, "bucket_readings", remembered(handlers.hour_buckets.bucket_readings, rows_of))
        set_(handlers.hour_readings, "encode_parquet", encode)
        windows = mlops_core.features.buckets
        set_(windows, "features_from_buckets", remembered(windows.features_from_buckets, rows_of))
        for module in (handlers.feature_run, handlers.scoring, handlers.training_set):
            set_(module, "recipe_of", lambda chosen, of: few_features(chosen.feature_lengths, chosen.feature_hop, of))
        set_(partitions, "encode_parquet", encode)
        set_(partitions, "decode_parquet", decode := remembered(partitions.decode_parquet, lambda body: body))
        set_(handlers.hour_readings, "decode_parquet", decode)


_SETTINGS = {
    handlers.ingestion: environment.IngestionSettings,
    handlers.labels: environment.LabelSettings,
    handlers.processing: environment.ProcessingSettings,
    handlers.simulator: environment.SimulatorSettings,
    handlers.scoring: environment.ScoringSettings,
    handlers.trial: environment.TrialSettings,
    handlers.alarm_events: environment.AlarmEventSettings,
    handlers.training_set: environment.TrainingSetSettings,
    handlers.promotion: environment.RegistrySettings,
}
_KEPT_BY_SCORING = {name: kept for name, kept in vars(handlers.scoring).items() if hasattr(kept, "cache_clear")}


@cache
def _settings(variant: Variant, model: type[environment.FunctionSettings]) -> environment.FunctionSettings:
    return model.read(variant.environment())


def rows_of(frame: pl.DataFrame) -> tuple[Any, ...]:
    """All that a frame is, to tell it from others."""
    return tuple(frame.columns), tuple(frame.rows())


def remembered(function: Callable[..., Any], identity: Callable[[Any], Any]) -> Callable[..., Any]:
    """The pure function, computed once for each identity of its first argument and the values of the others."""
    known: dict[Any, Any] = {}

    def recall(first: Any, **others: Any) -> Any:
        values = {name: str(value) if isinstance(value, dict) else value for name, value in others.items()}
        key = (identity(first), *((name, value) for name, value in values.items() if not callable(value)))
        if key not in known:
            known[key] = function(first, **others)
        return known[key]

    return recall


@contextmanager
def wired() -> Iterator[Wiring]:
    """Wiring that is taken away at the end. Meanwhile nothing is logged."""
    logging.disable(logging.CRITICAL)
    try:
        with pytest.MonkeyPatch.context() as monkeypatch:
            yield Wiring(monkeypatch)
    finally:
        logging.disable(logging.NOTSET)
