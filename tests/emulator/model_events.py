"""Events in which the functions that make and use models do all that they can, and what the stack needs for them.

The short history of the tests knows no failure, so no model comes of it: here are two of another fleet, as judged by
machines that neither has learned from.
"""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from handlers.stores import ModelRegistry, encode_parquet
from handlers.training_execution import IS_HELD_OUT, rows_key
from mlops_core.alerting import AlarmState, MachineAlarm, Score
from mlops_core.alerting.episodes import Alarm, AlarmSource, Episode, Stage, Step, StepKind, Verdict
from mlops_core.alerting.model_alarms import model_alarm
from mlops_core.lake import (
    BEGINNINGS_KEY,
    FRESHNESS_KEY,
    NEWEST_KEY,
    PREDICTIONS_PREFIX,
    RANKING_KEY,
    SCORES_KEY,
    hour_path,
    trial_key,
)
from mlops_core.prognosis import FleetRanking, TrainingSettings, TreeSettings, predict_one, train
from mlops_core.prognosis.alarm_budget import AlarmPlan, BudgetPoint
from mlops_core.time import utc_text
from ops.stack import Stack
from tests.http_requests import event_of
from tests.raised_alarms import raised
from tests.recorded_failures import failure_of
from tests.score_items import score_item
from tests.unit.degrading_fleet import degrading_fleet

EXECUTION = "policies"
FUNCTIONS = (
    "baseline", "training_set", "training", "evaluation", "promotion", "trial", "inference", "maintenance", "scoring",
    "snapshot", "alarm_answers", "alarm_events",
)  # fmt: skip
PROMISED = AlarmPlan(
    watch=0.5,
    act=0.8,
    curve=(BudgetPoint(0.3, 0.5, 0.2, 0.95, 0.9, 1.0, 30.0, 10.0, false_low=0.1, false_high=0.3, announced=19),),
)
SMALL = TrainingSettings(trees=TreeSettings(rounds=10), folds=2)


@dataclass(frozen=True)
class Models:
    """Two versions in a stack's registry, one of which is the champion, and a machine that has features."""

    stack: Stack
    versions: tuple[str, str]
    due: Score

    def events(self, function: str) -> Iterable[dict[str, Any]]:
        """Events in which the function does all that it can, as the stack is now."""
        champion = ModelRegistry(self.stack.lake).champion()
        serving = champion.value.version
        [other] = {*self.versions} - {serving}
        execution = {"execution": EXECUTION}
        machine = {"machine_id": self.stack.outputs.machine_ids[0]}
        match function:
            case "baseline" | "training_set":
                # Where machines began is learned from the feature rows, and kept only where it is news.
                self.stack.s3.delete_object(Bucket=self.stack.outputs.data_lake_bucket, Key=BEGINNINGS_KEY)
                return [execution | {"started_at": datetime.now(UTC).isoformat()}]
            case "training" | "snapshot":
                return [execution]
            case "evaluation":
                return [execution | {"version": other}]
            case "promotion":
                return [{"version": other, "reason": "a test", "against": serving}]
            case "trial":
                # A model that promised to announce failures, and announced none of those on record.
                day = trial_key(datetime.now(UTC))
                self.stack.s3.delete_object(Bucket=self.stack.outputs.data_lake_bucket, Key=day)
                return [{}]
            case "inference":
                ranking = FleetRanking(serving, total=0, machines=()).encode()
                bucket = self.stack.outputs.data_lake_bucket
                self.stack.s3.put_object(Bucket=bucket, Key=RANKING_KEY, Body=ranking)
                return [
                    event_of("GET /machines"),
                    event_of("GET /machines/{machine_id}", path=machine),
                ]
            case "maintenance":
                # Of a time that no features are of: nothing is labelled by it.
                body = json.dumps({"kind": "repair", "at": "2020-01-01T00:00:00Z"})
                return [event_of("POST /machines/{machine_id}/maintenance", path=machine) | {"body": body}]
            case "alarm_answers":
                self.forget_announcement()
                answer = event_of("POST /alarms/{episode_id}", path={"episode_id": self.due_episode().id})
                return [event_of("GET /alarms"), answer | {"body": json.dumps({"action": "acknowledge"})}]
            case "alarm_events":
                return [verdict_given(self.due_episode())]
            case _:
                self.forget_predictions()
                return self.from_tables_and_from_the_lake()

    def from_tables_and_from_the_lake(self) -> Iterator[dict[str, Any]]:
        """Twice nothing: features and scores come from the tables of earlier programs, then from the lake."""
        where = {"Bucket": self.stack.outputs.data_lake_bucket, "Key": NEWEST_KEY}
        newest = self.stack.lake.read(NEWEST_KEY)
        self.stack.s3.delete_object(**where)
        yield {}
        self.stack.s3.put_object(**where, Body=newest)
        yield {}

    def due_episode(self) -> Episode:
        """The episode of the machine that is due."""
        machine_id = self.due.prediction.machine_id
        return self.stack.alarms.load(machine_id, AlarmSource.FAILURE_MODEL).episode

    def forget_predictions(self) -> None:
        """Have each machine scored and each channel's silence judged anew, and a change announced."""
        table = self.stack.outputs.predictions_table_name
        self.stack.dynamodb.put_item(TableName=table, Item=score_item(self.due))
        self.stack.s3.delete_object(Bucket=self.stack.outputs.data_lake_bucket, Key=SCORES_KEY)
        self.forget_announcement()
        self.stack.s3.put_object(Bucket=self.stack.outputs.data_lake_bucket, Key=FRESHNESS_KEY, Body=b"{}")

    def forget_announcement(self) -> None:
        """Have an alarm that its writer died before it announced."""
        score, table = self.due, self.stack.outputs.alarms_table_name
        since = score.alarm.since - timedelta(hours=1)
        empty = Alarm(machine_id=score.prediction.machine_id, source=AlarmSource.FAILURE_MODEL)
        due = model_alarm(empty, score, horizon_hours=24, now=since)
        key = {"machine_id": {"S": due.machine_id}, "alarm": {"S": due.key}}
        self.stack.dynamodb.delete_item(TableName=table, Key=key)
        assert self.stack.alarms.save(due, now=since)
        # A machine that has failed: each run asks whether it is back in service.
        failed = raised("POLICY-2", source=AlarmSource.FAILURE, subject="", stage=Stage.ACT, opened=since)
        self.stack.alarms.save(failed, now=since)


def verdict_given(episode: Episode) -> dict[str, Any]:
    """The record of the stream by which a verdict on an episode is heard of."""
    step = Step(at=episode.opened, kind=StepKind.VERDICT, by="arn:aws:iam::000000000000:user/ann")
    judged = episode.model_copy(update={"verdict": Verdict.NO_FAULT}).with_step(step)
    images = {
        name: {"episode": {"S": each.model_dump_json()}, "sequence": {"N": str(number)}}
        for number, (name, each) in enumerate([("OldImage", episode), ("NewImage", judged)], start=1)
    }
    return {"Records": [{"eventName": "MODIFY", "dynamodb": images}]}


@contextmanager
def models_in(stack: Stack) -> Iterator[Models]:
    """Two models, the rows that they are trained and judged by, and failures of machines that have features."""
    fleet = degrading_fleet(machines=6, runs=2, horizon="24h")
    is_held_out = pl.col("machine_id").is_in(["PUMP-04", "PUMP-05"])
    stack.lake.create(rows_key(EXECUTION), encode_parquet(fleet.with_columns(is_held_out.alias(IS_HELD_OUT))))
    registry, now = ModelRegistry(stack.lake), datetime.now(UTC)
    bundles = [train(fleet.filter(~is_held_out), seed=seed, horizon="24h", settings=SMALL) for seed in (1, 2)]
    bundles = [replace(bundle, alarms=PROMISED) for bundle in bundles]
    for bundle in bundles:
        registry.store(bundle)
        predict_nothing(stack, bundle.version, stack.outputs.machine_ids[:3], until=now)
    registry.promote(bundles[0].version, after=registry.champion(), at=now, reason="a test")
    row = fleet.row(-1, named=True)
    prediction = predict_one(
        bundles[0], "POLICY-1", now, {name: value for name, value in row.items() if is_feature(name)}
    )
    alarm = MachineAlarm(AlarmState.ACT, now)
    versions = (bundles[0].version, bundles[1].version)
    with failures_of(stack, stack.outputs.machine_ids[:3], at=now - timedelta(hours=2)):
        yield Models(stack, versions, Score(prediction, 1, alarm, 1))


def predict_nothing(stack: Stack, version: str, machine_ids: Sequence[str], *, until: datetime) -> None:
    """Keep predictions of a model that foretell nothing."""
    for hour in range(1, 30):
        at = until - timedelta(hours=hour)
        prediction = {"window_end": utc_text(at), "failure_probability": 0.01, "model_version": version}
        body = gzip.compress(
            b"\n".join(json.dumps({"machine_id": name, **prediction}).encode() for name in machine_ids)
        )
        stack.lake.create(f"{PREDICTIONS_PREFIX}{hour_path(at)}/{version}.jsonl.gz", body)


def is_feature(column: str) -> bool:
    """Whether a column of a labelled fleet is a feature."""
    return column.startswith(("vibration_", "temperature_"))


@contextmanager
def failures_of(stack: Stack, machine_ids: list[str], *, at: datetime) -> Iterator[None]:
    """Failures in the label history, for as long as the block lasts."""
    table = stack.outputs.label_history_table_name
    for machine_id in machine_ids:
        stack.label_history.record(failure_of(machine_id, at))
    try:
        yield
    finally:
        for machine_id in machine_ids:
            key: Mapping[str, Any] = {"machine_id": {"S": machine_id}, "event_timestamp": {"S": utc_text(at)}}
            stack.dynamodb.delete_item(TableName=table, Key=key)
