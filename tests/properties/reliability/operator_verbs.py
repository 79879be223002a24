"""What an operator does to a stack from a terminal: the code of the commands, over the ports of a history."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import polars as pl

import handlers.processing
from contract.environment import HISTORICAL_REACH
from handlers.stores import DataLake, LabelHistory, ModelRegistry, Quarantine, days_until
from mlops_core.errors import NothingToRollBackError
from mlops_core.prognosis import ModelBundle, TrainingSettings, TreeSettings, train
from mlops_core.telemetry import READINGS, MaintenanceKind, MaintenanceRecord
from ops.damage import Doctor, Finding
from ops.delivery import BulkWriting, deliver
from ops.quarantined import Release, Retried, SecondChance, retry
from ops.stack import Stack
from tests.properties.reliability.messages import ALLOWED_LATENESS, PREFIX
from tests.properties.reliability.pipeline import Pipeline, context
from tests.unit.degrading_fleet import degrading_fleet

DAYS = 12
_COLUMNS = {
    "vibration_rms_1h": "vibration_max_1h",
    "vibration_slope_6h": "vibration_last_2h",
    "temperature_mean_6h": "temperature_max_2h",
}


@cache
def bundle(seed: int) -> ModelBundle:
    """A small model of the features that histories compute."""
    settings = TrainingSettings(trees=TreeSettings(rounds=10), folds=2)
    return train(degrading_fleet(machines=6).rename(_COLUMNS), seed=seed, horizon="12h", settings=settings)


class _Journal:
    """What an import has had acknowledged, in memory: each import of a history is one run that goes on."""

    def __init__(self) -> None:
        self.acknowledged = 0

    def acknowledge(self, readings: int) -> None:
        self.acknowledged = readings


class Operator:
    """The commands, each as a function without arguments that `Pipeline.operate` runs."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._s3 = pipeline.ports.client("s3", pipeline.s3)
        self._dynamodb = pipeline.ports.client("dynamodb", pipeline.dynamodb)
        self._lake = DataLake(self._s3, "lake")
        self._models = ModelRegistry(self._lake)

    def replay_quarantine(self) -> Retried:
        """`mlops quarantine replay --accept-late`."""
        history = LabelHistory(self._dynamodb, "label-history")
        quarantine = Quarantine(self._lake)
        chance = SecondChance(PREFIX, ALLOWED_LATENESS, accept_late=True, historical_reach=HISTORICAL_REACH)
        records = quarantine.records(quarantine.keys(days_until(self._pipeline.now, DAYS)))
        return retry(records, chance, Release(self._s3, "lake", self._lake, history))

    def record_repair(self, machine_id: str, at: datetime) -> bool:
        """`mlops maintenance record`."""
        record = MaintenanceRecord(machine_id=machine_id, at=at, kind=MaintenanceKind.REPAIR, recorded_by="operator")
        return LabelHistory(self._dynamodb, "label-history").record_maintenance(record, recorded_at=self._pipeline.now)

    def promote(self, seed: int) -> None:
        """`mlops models promote`, of a version that training has stored."""
        chosen = bundle(seed)
        self._models.store(chosen)
        stored = self._models.champion()
        self._models.promote(chosen.version, after=stored, at=self._pipeline.now, reason="by hand")

    @property
    def serving(self) -> str | None:
        """The version that serves."""
        stored = self._models.champion()
        return stored.value.version if stored else None

    def keep_trained(self, seed: int) -> str:
        """Store what training of this seed gives; returns its version."""
        self._models.store(bundle(seed))
        return bundle(seed).version

    def roll_back(self) -> None:
        """`mlops models rollback`."""
        stored = self._models.champion()
        if stored is None:
            return
        try:
            version = stored.value.previous
        except NothingToRollBackError:
            return
        self._models.promote(version, after=stored, at=self._pipeline.now, reason="back")

    def import_readings(self, rows: list[tuple[str, str, datetime, float]], received_at: datetime) -> int:
        """`mlops import`, in bulk."""
        readings = pl.DataFrame(rows, schema=READINGS, orient="row").sort("event_timestamp")
        way = BulkWriting(self._lake, received_at=received_at)
        return deliver(readings, _Journal(), way, lambda _: None)

    def examine(self) -> list[Finding]:
        """`mlops doctor`."""
        doctor = self._doctor()
        recorded = doctor.recorded()
        known = {each.damage.id for each in recorded} | doctor.accepted()
        return [*recorded, *(each for each in doctor.examined(DAYS) if each.damage.id not in known)]

    def mend(self) -> list[Finding]:
        """`mlops doctor --mend`; returns what could not be mended."""
        doctor = self._doctor()
        return [each for each in self.examine() if not doctor.mend(each, quiet=True)]

    def _doctor(self) -> Doctor:
        outputs = SimpleNamespace(
            realtime_features_table_name="realtime-features",
            predictions_table_name="predictions",
            alarms_table_name="alarms",
            machines_table_name="machines",
            label_history_table_name="label-history",
            processing_function_name="processing",
            log_group_names={"processing": "logs"},
            feature_lengths_hours=list(self._pipeline.variant.lengths_hours),
        )
        stack = Stack("history", outputs, None)  # no session: every client that is asked for is a port
        functions = SimpleNamespace(invoke=self._invoke)
        vars(stack).update(lake=self._lake, s3=self._s3, dynamodb=self._dynamodb, functions=functions)
        return Doctor(stack, self._pipeline.now)

    def _invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: ARG002, N803  boto3's
        event = json.loads(Payload) | {"at": self._pipeline.now.isoformat()}
        return {"Payload": BytesIO(json.dumps(handlers.processing.handler(event, context())).encode())}


def imported_rows(machine_id: str, first: datetime, readings: int) -> Iterator[tuple[str, str, datetime, float]]:
    """Readings of a machine, every ten minutes from a moment on."""
    for number in range(readings):
        yield machine_id, "temperature", first + number * timedelta(minutes=10), 20.0 + number
