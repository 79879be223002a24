"""What a run leaves for programs to read: ``summary.json``."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from mlops_core.condition import KnownMachine
from mlops_core.page import Alarm


class MachineLine(BaseModel):
    """One configured machine at the end of the run; vibration in mm/s r.m.s., temperature in degrees Celsius."""

    model_config = ConfigDict(frozen=True)

    machine_id: str
    state: str
    status: str | None
    zone: str | None
    vibration: float | None
    temperature: float | None
    features_until: datetime | None
    last_reading: datetime | None

    @classmethod
    def of(cls, machine: KnownMachine, features: Mapping[str, float | None]) -> "MachineLine":
        """Return the line of a machine with its newest features."""
        return cls(
            machine_id=machine.machine_id,
            state=str(machine.state.state),
            status=machine.status,
            zone=machine.zone,
            vibration=machine.vibration,
            temperature=features.get("temperature_mean_1h"),
            features_until=machine.window_end,
            last_reading=machine.last_seen,
        )


class Summary(BaseModel):
    """A whole run in figures. ``model`` and ``predictions`` are empty where the history held too few failures."""

    model_config = ConfigDict(frozen=True)

    resources: int
    deploy_seconds: float
    seeded_readings: int
    seeded_failures: int
    published: int
    lake_distinct: int
    quarantined: int
    quarantined_by_reason: Mapping[str, int]
    dead_lettered: int
    feature_rows: int
    machines: tuple[MachineLine, ...]
    announced_after_seconds: Mapping[str, float]
    """By machine, from before the first live message to the notice of its alarm."""
    model: Mapping[str, Any] | None = None
    predictions: tuple[Mapping[str, Any], ...] = ()
    alarms: tuple[Alarm, ...]
    """The episodes, as on the page."""
    stages: Mapping[str, float]
    elapsed_seconds: float
    finished_at: datetime
    outputs: Mapping[str, Any]
