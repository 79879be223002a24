"""What a model says of rows: probability, remaining life and health, and why, of what mode and in which zone.

It needs numpy and LightGBM only.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_core.prognosis.bundle import ModelBundle
from mlops_core.prognosis.reasons import Reason, strongest_reasons


@dataclass(frozen=True)
class Estimates:
    """What the trees and their calibration say of n rows of a matrix."""

    failure_probability: NDArray[np.float64]
    rul_hours: NDArray[np.float64]
    """n x 3: P10, P50, P90."""
    rul_hours_mean: NDArray[np.float64]
    health_index: NDArray[np.float64]


def estimate(bundle: ModelBundle, matrix: NDArray[np.float32]) -> Estimates:
    """Return probability, remaining life and health of rows whose columns are in the order of the schema."""
    calibration = bundle.calibration
    raw_life = bundle.life.raw(matrix)
    hours = calibration.rul.hours(raw_life)
    return Estimates(
        failure_probability=calibration.probability.probability(bundle.failure.raw(matrix)),
        rul_hours=hours,
        rul_hours_mean=calibration.rul.mean_hours(raw_life),
        health_index=np.clip(hours[:, 1] / calibration.typical_life_hours, 0.0, 1.0),
    )


def reasons_for(bundle: ModelBundle, matrix: NDArray[np.float32], *, most: int) -> list[tuple[Reason, ...]]:
    """Return the strongest contributions of each row, `most` at most."""
    if not most:
        return [()] * len(matrix)
    slope = bundle.calibration.probability.slope
    contributions = bundle.failure.contributions(matrix)
    return [
        strongest_reasons(bundle.schema, row, contribution, slope, most=most)
        for row, contribution in zip(matrix, contributions, strict=True)
    ]


def modes(bundle: ModelBundle, matrix: NDArray[np.float32]) -> Sequence[str | None]:
    """Return each row's likeliest failure mode; None where the model names none."""
    return [None] * len(matrix) if bundle.modes is None else bundle.modes.name(matrix)


def zones(bundle: ModelBundle, matrix: NDArray[np.float32]) -> list[str | None]:
    """Return each row's severity; a velocity on a boundary belongs to the worse zone."""
    feature = bundle.schema.severity_feature
    if feature is None:
        return [None] * len(matrix)
    velocities: list[float] = matrix[:, bundle.schema.names.index(feature)].tolist()
    boundaries = [float(np.float32(boundary)) for boundary in bundle.calibration.zone_boundaries]
    return ["ABCD"[bisect_right(boundaries, velocity)] if velocity >= 0 else None for velocity in velocities]
