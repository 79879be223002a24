"""What the endpoint says of machines: the documents that it answers with. Never a value that was not computed."""

from dataclasses import asdict
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from handlers.stores.online_features import FeatureRow
from mlops_core.model_bundle import ModelBundle
from mlops_core.modelling.model_errors import EmptyFeaturesError
from mlops_core.prediction import Prediction, predict_one


class Status(StrEnum):
    """OK: predicted from fresh features. STALE: from old ones. NO_READINGS: nothing to predict from."""

    OK = "OK"
    STALE = "STALE"
    NO_READINGS = "NO_READINGS"


class ProblemCode(StrEnum):
    """What a request ran into."""

    BAD_REQUEST = "BAD_REQUEST"
    NOT_FOUND = "NOT_FOUND"
    UNKNOWN_MACHINE = "UNKNOWN_MACHINE"
    NO_MODEL = "NO_MODEL"


class Document(BaseModel):
    """A document of the endpoint."""

    model_config = ConfigDict(frozen=True)


class Problem(Document):
    """Why there is no answer: a code for programs, a message for people."""

    error: ProblemCode
    message: str


class RemainingLife(Document):
    """Hours of remaining life that are exceeded with probability 0.9, 0.5 and 0.1."""

    p10: float
    p50: float
    p90: float


class ReasonReport(Document):
    """One contribution to the probability; `odds_factor` above 1 speaks for a failure."""

    feature: str
    value: float | None
    typical: float | None
    odds_factor: float
    text: str


class MachineReport(Document):
    """One machine. All that is predicted is null where the status is NO_READINGS."""

    machine_id: str
    status: Status
    features_until: AwareDatetime
    features_age_seconds: float
    model_version: str
    horizon_hours: float
    failure_probability: float | None = Field(default=None, ge=0, le=1)
    is_alarming: bool | None = None
    rul_hours: RemainingLife | None = None
    health_index: float | None = Field(default=None, ge=0, le=1)
    evaluation_zone: str | None = Field(default=None, pattern="^[A-D]$")
    reasons: tuple[ReasonReport, ...] = ()
    unusual_features: tuple[str, ...] = ()


class FleetReport(Document):
    """Machines, the most probable failure first, those without readings last; `total` counts all there are."""

    model_version: str
    total: int
    machines: tuple[MachineReport, ...]


def machine_report(bundle: ModelBundle, row: FeatureRow, *, now: datetime, stale_after: timedelta) -> MachineReport:
    """Return the report of one machine with its reasons. Raises FeatureMismatchError."""
    age = now - row.window_end
    report = MachineReport(
        machine_id=row.machine_id,
        status=Status.STALE if age > stale_after else Status.OK,
        features_until=row.window_end,
        features_age_seconds=age.total_seconds(),
        model_version=bundle.version,
        horizon_hours=bundle.manifest.horizon_hours,
    )
    try:
        told = predict_one(bundle, row.machine_id, row.window_end, row.features, nulls_omitted=True)
    except EmptyFeaturesError:
        return report.model_copy(update={"status": Status.NO_READINGS})
    threshold = bundle.calibration.alarm_threshold
    return report.model_copy(
        update={
            "failure_probability": told.failure_probability,
            "is_alarming": None if threshold is None else told.failure_probability >= threshold,
            "rul_hours": RemainingLife(p10=told.rul_hours_p10, p50=told.rul_hours_p50, p90=told.rul_hours_p90),
            "health_index": told.health_index,
            "evaluation_zone": told.evaluation_zone,
            "reasons": tuple(ReasonReport.model_validate(asdict(reason)) for reason in told.reasons),
            "unusual_features": told.unusual_features,
        }
    )


def fleet_report(
    bundle: ModelBundle, rows: list[FeatureRow], *, now: datetime, stale_after: timedelta, limit: int
) -> FleetReport:
    """Return the `limit` worst machines of a fleet. Raises FeatureMismatchError."""

    def worst_first(row: FeatureRow) -> tuple[float, str]:
        told = _without_reasons(bundle, row)
        return (1.0 if told is None else -told.failure_probability, row.machine_id)

    worst = sorted(rows, key=worst_first)[:limit]
    reports = (machine_report(bundle, row, now=now, stale_after=stale_after) for row in worst)
    return FleetReport(model_version=bundle.version, total=len(rows), machines=tuple(reports))


def _without_reasons(bundle: ModelBundle, row: FeatureRow) -> Prediction | None:
    """Reasons cost most of a prediction's time: ranking does without."""
    try:
        return predict_one(bundle, row.machine_id, row.window_end, row.features, reasons=0, nulls_omitted=True)
    except EmptyFeaturesError:
        return None
