"""What is known of a machine at a moment, and the rules by which a run ends and a status is given.

Moments are whole microseconds since 1970-01-01T00:00Z.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import AwareDatetime, BaseModel, Field, field_serializer

from mlops_core.simulation.law import DegradationLaw, Machine, Run
from mlops_core.telemetry import MachineId
from mlops_core.time import EPOCH

HOUR = 3_600_000_000  # microseconds, the unit of all moments below
SECOND = 1_000_000
WORN_BELOW = 0.5
REPAIRED_FOR_HOURS = 24


class MachineStatus(StrEnum):
    """What a plant would say of a machine.

    FAILED from functional failure until the return to service, with no readings; REPAIRED during a planned service
    (no readings) and for 24 h after any return to service; WORN below health 0.5; HEALTHY otherwise.
    """

    HEALTHY = "healthy"
    WORN = "worn"
    FAILED = "failed"
    REPAIRED = "repaired"


class MachineState(BaseModel, frozen=True):
    """A machine at `event_timestamp`: everything before it has been published, nothing from it on. JSON-able."""

    machine_id: MachineId
    seed: int
    event_timestamp: AwareDatetime
    status: MachineStatus
    health_index: float = Field(ge=0, le=1, description="1 new, 0 functional failure; ground truth, never telemetry")
    run_number: int = Field(ge=0)
    run_started_at: AwareDatetime
    damage_at_hour: float = Field(ge=0, description="damage at the start of this hour, or of the run if that is later")
    returned_to_service_at: AwareDatetime | None = Field(
        default=None, description="end of the repair or planned service under way"
    )
    law: DegradationLaw = DegradationLaw()

    @field_serializer("law")
    def _only_what_differs(self, law: DegradationLaw) -> dict[str, Any]:
        return law.model_dump(mode="json", exclude_defaults=True)


class Stop(NamedTuple):
    """How a run ends: in microseconds since the epoch, by failure or by a planned service."""

    at: int
    returns_at: int
    is_failure: bool


def failure_moment(base: int, damage: float, rate: float) -> int:
    """Return when damage reaches 1 within the hour of `base`, from `damage` at `base` and `rate` an hour.

    Whole seconds after `base`, and never the next hour.
    """
    within = base + int((1.0 - damage) / rate * 3600.0) * SECOND
    return max(base, min(within, (base // HOUR + 1) * HOUR - SECOND))


def stop_of(law: DegradationLaw, run: Run, run_started: int, failed_at: int) -> Stop:
    """Return how a run ends that fails at `failed_at` unless planned service comes before."""
    policy = law.maintenance
    if policy.preventive_interval_hours is not None:
        planned_at = run_started + int(policy.preventive_interval_hours * 3600) * SECOND
        if planned_at < failed_at:
            return Stop(planned_at, planned_at + int(policy.preventive_hours * 3600) * SECOND, is_failure=False)
    return Stop(failed_at, failed_at + run.repair_seconds * SECOND, is_failure=True)


def state_at(
    machine: Machine,
    moment: int,
    run: Run,
    run_started: int,
    damage_at_hour: float,
    damage: float,
    stop: Stop | None,
) -> MachineState:
    """Return the state of a machine at `moment`; `stop` is the repair or planned service under way, if any."""
    if stop is None:
        status = status_of(run.number, damage, (moment - run_started) / HOUR)
    else:
        status = MachineStatus.FAILED if stop.is_failure else MachineStatus.REPAIRED
    return MachineState(
        machine_id=machine.machine_id,
        seed=machine.seed,
        event_timestamp=at_moment(moment),
        status=status,
        health_index=max(0.0, 1.0 - damage),
        run_number=run.number,
        run_started_at=at_moment(run_started),
        damage_at_hour=damage_at_hour,
        returned_to_service_at=None if stop is None else at_moment(stop.returns_at),
        law=machine.law,
    )


def status_of(run_number: int, damage: float, hours_in_service: float) -> MachineStatus:
    """Return the status of a machine in service."""
    if damage > 1.0 - WORN_BELOW:
        return MachineStatus.WORN
    if run_number and hours_in_service < REPAIRED_FOR_HOURS:
        return MachineStatus.REPAIRED
    return MachineStatus.HEALTHY


def at_moment(moment: int) -> datetime:
    """Return microseconds since the epoch as a datetime in UTC."""
    return EPOCH + timedelta(microseconds=moment)
