"""What the endpoint says of machines: the documents that it answers with. Never a value that was not computed.

docs/openapi.json is made from these models: what a field means is said here, once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, Field

from handlers.http import Document
from handlers.stores.online_features import FeatureRow
from mlops_core.condition import OperatingState, StateSince
from mlops_core.prognosis import FleetRanking, ModelBundle, RankedMachine, rank_fleet


class Status(StrEnum):
    """What a machine's prediction is based on.

    OK: fresh features. STALE: features older than they should be. NO_READINGS: no window holds a reading, so nothing is
    predicted. INCOMPLETE: the features were computed before those that the model reads existed; nothing is predicted
    until processing computes them again. OUT_OF_DOMAIN: the machine is unlike all that the model has learned from, so
    it abstains.
    """

    OK = "OK"
    STALE = "STALE"
    NO_READINGS = "NO_READINGS"
    INCOMPLETE = "INCOMPLETE"
    OUT_OF_DOMAIN = "OUT_OF_DOMAIN"


class RemainingLife(Document):
    """Hours of remaining life that are exceeded with probability 0.9, 0.5 and 0.1, and their mean."""

    p10: float
    p50: float
    p90: float
    mean: float = Field(description="The mean, which has the smallest square error")


class ReasonReport(Document):
    """One contribution to the probability."""

    feature: str
    value: float | None = Field(description="Of this machine now; null where its window holds no reading")
    typical: float | None = Field(description="The median of what the model has learned from")
    odds_factor: float = Field(description="What it multiplies the odds of a failure by: above 1 speaks for one")
    text: str = Field(description="The same in words")


class MachineReport(Document):
    """One machine. What is predicted is null where status or state says so: NO_READINGS, INCOMPLETE, OUT_OF_DOMAIN."""

    machine_id: str
    state: OperatingState = Field(
        description="What the machine does. Nothing is predicted of one that is OFF, IN_MAINTENANCE, FAILED or RETIRED"
    )
    state_since: AwareDatetime | None = Field(default=None, description="Since when it does, where that is known")
    status: Status
    features_until: AwareDatetime = Field(description="End of the windows that the features describe")
    features_age_seconds: float
    model_version: str
    horizon_hours: float = Field(description="How far ahead failure_probability looks")
    failure_probability: float | None = Field(
        default=None, ge=0, le=1, description="That the machine fails within the horizon"
    )
    is_alarming: bool | None = Field(
        default=None, description="Whether the probability reaches the model's alarm threshold; null where it has none"
    )
    rul_hours: RemainingLife | None = None
    health_index: float | None = Field(default=None, ge=0, le=1, description="1 new, 0 at functional failure")
    evaluation_zone: str | None = Field(
        default=None, pattern="^[A-D]$", description="Severity by ISO 20816 of the latest vibration"
    )
    reasons: tuple[ReasonReport, ...] = Field(
        default=(),
        description="The strongest contributions, strongest first; in a list, of the hundred worst and the alarming",
    )
    unusual_features: tuple[str, ...] = Field(
        default=(), description="Features outside all that the model has seen: with any, trust the prediction less"
    )


class FleetReport(Document):
    """Machines, the most probable failure first, those that nothing is predicted of last."""

    model_version: str
    total: int = Field(ge=0, description="How many machines there are, whatever the limit")
    machines: tuple[MachineReport, ...]


def machine_report(
    bundle: ModelBundle, row: FeatureRow, *, state: StateSince, now: datetime, stale_after: timedelta
) -> MachineReport:
    """Return the report of one machine with its reasons."""
    (machine,) = ranked(bundle, [row], {row.machine_id: state}).machines
    return _report(bundle, machine, now=now, stale_after=stale_after)


def fleet_report(
    bundle: ModelBundle, ranking: FleetRanking, *, now: datetime, stale_after: timedelta, limit: int
) -> FleetReport:
    """Return the `limit` worst machines of a ranking that was made by this model."""
    reports = (_report(bundle, machine, now=now, stale_after=stale_after) for machine in ranking.machines[:limit])
    return FleetReport(model_version=bundle.version, total=ranking.total, machines=tuple(reports))


def ranked(bundle: ModelBundle, rows: Sequence[FeatureRow], states: Mapping[str, StateSince]) -> FleetRanking:
    """Return the ranking of these machines as they are now; `states` by machine."""
    return rank_fleet(bundle, [(row.machine_id, row.window_end, row.features) for row in rows], states)[0]


def _report(bundle: ModelBundle, machine: RankedMachine, *, now: datetime, stale_after: timedelta) -> MachineReport:
    age = now - machine.window_end
    report = MachineReport(
        machine_id=machine.machine_id,
        state=machine.state,
        state_since=machine.state_since,
        status=Status.STALE if age > stale_after else Status.OK,
        features_until=machine.window_end,
        features_age_seconds=age.total_seconds(),
        model_version=bundle.version,
        horizon_hours=bundle.manifest.horizon_hours,
    )
    if machine.unpredicted is not None:
        return report.model_copy(update={"status": Status(machine.unpredicted)})
    prediction = machine.prediction
    if prediction is None:
        return report
    threshold = bundle.alarm_plan.watch
    return report.model_copy(
        update={
            "failure_probability": prediction.failure_probability,
            "is_alarming": None if threshold is None else prediction.failure_probability >= threshold,
            "rul_hours": RemainingLife(
                p10=prediction.rul_hours_p10,
                p50=prediction.rul_hours_p50,
                p90=prediction.rul_hours_p90,
                mean=prediction.rul_hours_mean or prediction.rul_hours_p50,
            ),
            "health_index": prediction.health_index,
            "evaluation_zone": prediction.evaluation_zone,
            "reasons": tuple(ReasonReport.model_validate(asdict(reason)) for reason in prediction.reasons),
            "unusual_features": prediction.unusual_features,
        }
    )
