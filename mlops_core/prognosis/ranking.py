"""The fleet, worst first: what was predicted of its worst machines, as one record of limited size."""

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import ValidationError

from mlops_core.condition import Anomaly, OperatingState, StateSince
from mlops_core.errors import EmptyFeaturesError, FeatureMismatchError, MalformedObjectError, OutOfDomainError
from mlops_core.prognosis.bundle import ModelBundle
from mlops_core.prognosis.prediction import Prediction, Refusal, predict_many
from mlops_core.records import UtcInstant, canonical_json, record_from_json

MOST_RANKED: Final = 1000


class Unpredicted(StrEnum):
    """Why nothing is predicted of a machine."""

    NO_READINGS = "NO_READINGS"
    INCOMPLETE = "INCOMPLETE"
    OUT_OF_DOMAIN = "OUT_OF_DOMAIN"


_UNPREDICTED: Final[Mapping[type[Refusal], Unpredicted]] = {
    EmptyFeaturesError: Unpredicted.NO_READINGS,
    FeatureMismatchError: Unpredicted.INCOMPLETE,
    OutOfDomainError: Unpredicted.OUT_OF_DOMAIN,
}


@dataclass(frozen=True)
class RankedMachine:
    """A machine's newest features, and what is predicted from them, or why nothing is.

    Attributes:
        state, state_since: what it does; of some states nothing is predicted.
        unpredicted: why nothing is predicted of a machine of whose state something might be.
        anomaly: how far it is from its own normal; None where no baseline knows it.

    """

    machine_id: str
    window_end: UtcInstant
    state: OperatingState
    state_since: UtcInstant | None
    prediction: Prediction | None = None
    unpredicted: Unpredicted | None = None
    anomaly: Anomaly | None = None


@dataclass(frozen=True)
class FleetRanking:
    """The worst machines of a fleet by one model: the most probable failure first, those not predicted of last.

    baseline_version: the baseline of the anomalies; None without one.
    """

    model_version: str
    total: int
    machines: tuple[RankedMachine, ...]
    baseline_version: str | None = None

    def encode(self) -> bytes:
        """Return the ranking as compressed JSON; equal rankings give equal bytes."""
        return gzip.compress(canonical_json(self), mtime=0)

    @classmethod
    def decode(cls, body: bytes) -> "FleetRanking":
        """Return what `encode` wrote. Raises MalformedObjectError for anything else."""
        try:
            return record_from_json(cls, gzip.decompress(body))
        except (ValidationError, OSError, EOFError) as error:
            raise MalformedObjectError("the ranking", str(error), "The next scoring run writes it anew") from error


def rank_fleet(
    bundle: ModelBundle,
    rows: Sequence[tuple[str, datetime, Mapping[str, float | None]]],
    states: Mapping[str, StateSince],
    *,
    anomalies: Mapping[str, Anomaly] | None = None,
    baseline_version: str | None = None,
) -> tuple[FleetRanking, dict[str, Prediction | Refusal]]:
    """Predict of a fleet at once; returns its worst machines, and the prediction of each whose state allows it.

    Args:
        bundle: the model.
        rows: as for `predict_many`.
        states: by machine.
        anomalies: how far machines are from their own normal, by machine.
        baseline_version: by which baseline.

    """
    predicted = [row for row in rows if states[row[0]].state.is_predicted]
    results = dict(zip((row[0] for row in predicted), predict_many(bundle, predicted), strict=True))
    unusual = anomalies or {}
    machines = sorted(
        (_ranked(name, at, states[name], results.get(name), unusual.get(name)) for name, at, _ in rows),
        key=lambda each: (-each.prediction.failure_probability if each.prediction else 1.0, each.machine_id),
    )
    return FleetRanking(bundle.version, len(machines), tuple(machines[:MOST_RANKED]), baseline_version), results


def _ranked(
    name: str, at: datetime, known: StateSince, result: Prediction | Refusal | None, anomaly: Anomaly | None
) -> RankedMachine:
    prediction, unpredicted = None, None
    if isinstance(result, Prediction):
        prediction = result
    elif result is not None:
        unpredicted = _UNPREDICTED[type(result)]
    return RankedMachine(name, at, known.state, known.since, prediction, unpredicted=unpredicted, anomaly=anomaly)
