"""What the endpoint says of machines: the documents that it answers with. Never a value that was not computed.

docs/openapi.json is made from these models: a field is defined here, once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, Field

from handlers.http import Document
from handlers.stores import FeatureRow
from mlops_core.condition import Anomaly, Baseline, OperatingState, StateSince, anomaly_of
from mlops_core.prognosis import FleetRanking, ModelBundle, RankedMachine, rank_fleet, risk_of, statements


class Status(StrEnum):
    """What a machine's prediction is based on.

    OK: fresh features. STALE: features older than they should be. NO_READINGS: no window holds a reading, so nothing is
    predicted. INCOMPLETE: the features were computed before those that the model reads existed; nothing is predicted
    until processing computes them again. OUT_OF_DOMAIN: the machine is unlike all that the model has learned from, so
    it abstains. NO_MODEL: there is no model of failures yet; anomalies are reported.
    """

    OK = "OK"
    STALE = "STALE"
    NO_READINGS = "NO_READINGS"
    INCOMPLETE = "INCOMPLETE"
    OUT_OF_DOMAIN = "OUT_OF_DOMAIN"
    NO_MODEL = "NO_MODEL"


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


class ContributionReport(Document):
    """What a channel contributes to an anomaly."""

    channel: str
    share: float = Field(description="Of all channels; the shares add up to 1")


class AnomalyReport(Document):
    """How far the machine is from its own normal, learned without a failure."""

    score: float = Field(ge=0, lt=1, description="0.5 is at the limit that the accepted rate of false episodes gives")
    state: Literal["NORMAL", "UNUSUAL"] = Field(description="Whether the newest features are beyond the limit")
    contributions: tuple[ContributionReport, ...] = Field(description="By channel, the largest first")
    baseline_version: str


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
    model_version: str | None = Field(description="Of the model of failures; null where there is none yet")
    horizon_hours: float | None = Field(description="How far ahead failure_probability looks")
    spoken_by: tuple[Literal["failure_model", "anomaly"], ...] = Field(
        default=(), description="What speaks of this machine now: the model of failures, its own normal, or both"
    )
    anomaly: AnomalyReport | None = Field(
        default=None,
        description="Null without a baseline, and where it does not know the machine yet",
    )
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
    failure_mode: str | None = Field(
        default=None,
        description="The likeliest way of failing, should it fail; null where the history does not tell them apart",
    )
    headline: tuple[str, ...] = Field(
        default=(), description="Nothing unusual; or two or three statements that speak for a failure, and a first look"
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

    model_version: str | None = Field(description="Of the model of failures; null where there is none yet")
    total: int = Field(ge=0, description="How many machines there are, whatever the limit")
    machines: tuple[MachineReport, ...]


@dataclass(frozen=True)
class Judges:
    """What machines are judged by: a model of failures, their own normal, or both; and how old features may be."""

    model: ModelBundle | None
    baseline: Baseline | None
    baseline_version: str | None
    stale_after: timedelta

    def for_sensors(self, replaced: Mapping[str, Mapping[str, datetime]]) -> "Judges":
        """Return judges that say nothing of sensors that are newer than the baseline; see `Baseline.for_sensors`."""
        return self if self.baseline is None else replace(self, baseline=self.baseline.for_sensors(replaced))


def machine_report(judges: Judges, row: FeatureRow, *, state: StateSince, now: datetime) -> MachineReport:
    """Return the report of one machine with its reasons."""
    (machine,) = ranked(judges, [row], {row.machine_id: state}).machines
    return _report(judges, machine, _anomaly(judges, row), now=now)


def fleet_report(
    judges: Judges, ranking: FleetRanking, rows: Iterable[FeatureRow] = (), *, now: datetime, limit: int
) -> FleetReport:
    """Return the `limit` worst machines of a ranking that was made by this model; `rows`, where they are at hand."""
    of_machine = {row.machine_id: row for row in rows}
    worst = ranking.machines[:limit]
    known = (
        (machine, _anomaly(judges, row) if (row := of_machine.get(machine.machine_id)) else _stored(ranking, machine))
        for machine in worst
    )
    reports = tuple(_report(judges, machine, anomaly, now=now) for machine, anomaly in known)
    version = None if judges.model is None else judges.model.version
    return FleetReport(model_version=version, total=ranking.total, machines=reports)


def ranked(judges: Judges, rows: Sequence[FeatureRow], states: Mapping[str, StateSince]) -> FleetRanking:
    """Return the ranking of these machines as they are now; `states` by machine. Without a model, by their anomaly."""
    if judges.model is not None:
        return rank_fleet(judges.model, [(row.machine_id, row.window_end, row.features) for row in rows], states)[0]

    def worst_first(row: FeatureRow) -> tuple[float, str]:
        anomaly = _anomaly(judges, row) if states[row.machine_id].state.is_predicted else None
        return (1.0 if anomaly is None else -anomaly.score, row.machine_id)

    machines = (
        RankedMachine(row.machine_id, row.window_end, *states[row.machine_id]) for row in sorted(rows, key=worst_first)
    )
    return FleetRanking("", len(rows), tuple(machines))


def _anomaly(judges: Judges, row: FeatureRow) -> AnomalyReport | None:
    if judges.baseline is None or judges.baseline_version is None:
        return None
    anomaly = anomaly_of(judges.baseline, row.machine_id, row.features)
    return None if anomaly is None else _anomaly_report(anomaly, judges.baseline_version)


def _stored(ranking: FleetRanking, machine: RankedMachine) -> AnomalyReport | None:
    if machine.anomaly is None or ranking.baseline_version is None:
        return None
    return _anomaly_report(machine.anomaly, ranking.baseline_version)


def _anomaly_report(anomaly: Anomaly, version: str) -> AnomalyReport:
    return AnomalyReport(
        score=anomaly.score,
        state="UNUSUAL" if anomaly.is_beyond else "NORMAL",
        contributions=tuple(ContributionReport(channel=name, share=share) for name, share in anomaly.shares),
        baseline_version=version,
    )


def _report(judges: Judges, machine: RankedMachine, known: AnomalyReport | None, *, now: datetime) -> MachineReport:
    age, model = now - machine.window_end, judges.model
    anomaly = known if machine.state.is_predicted else None
    report = MachineReport(
        machine_id=machine.machine_id,
        state=machine.state,
        state_since=machine.state_since,
        status=Status.STALE if age > judges.stale_after else Status.OK,
        features_until=machine.window_end,
        features_age_seconds=age.total_seconds(),
        model_version=None if model is None else model.version,
        horizon_hours=None if model is None else model.manifest.horizon_hours,
        anomaly=anomaly,
        spoken_by=() if anomaly is None else ("anomaly",),
    )
    if model is None:
        return report.model_copy(update={"status": Status.NO_MODEL}) if machine.state.is_predicted else report
    if machine.unpredicted is not None:
        return report.model_copy(update={"status": Status(machine.unpredicted)})
    prediction = machine.prediction
    if prediction is None:
        return report
    threshold = model.alarm_plan.watch
    return report.model_copy(
        update={
            "spoken_by": ("failure_model", *report.spoken_by),
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
            "failure_mode": prediction.failure_mode,
            "headline": statements(prediction, risk=risk_of(model)),
            "reasons": tuple(ReasonReport.model_validate(asdict(reason)) for reason in prediction.reasons),
            "unusual_features": prediction.unusual_features,
        }
    )
