"""What is normal for each machine, and how far one feature row is from it. Needs numpy only.

Each machine is compared with its own level: the median of its first days. How far machines of a class usually stray
from their level, and which features move together, is pooled over the class by a robust principal component analysis.
The squared distance of a feature row from normal combines Hotelling's T2 (unusual within the usual directions) and Q
(outside of them), each in units of its own limit (Yue and Qin 2001, Ind. Eng. Chem. Res. 40, 4403).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mlops_core.features import parse_feature_name

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "CALM_DISTANCE",
    "CALM_ROWS",
    "LEAST_MEASURED",
    "LIMIT_SCORE",
    "SMALLEST",
    "Anomaly",
    "Baseline",
    "ClassBaseline",
    "anomaly_of",
]

Matrix = NDArray[np.float64]

LEAST_MEASURED: Final = 0.5
"""Share of the features that must be measured for a row to be judged."""
LIMIT_SCORE: Final = 0.5
"""The score at the limit."""
CALM_DISTANCE: Final = 0.8
"""In units of the limit: a row at or below it is calm; between it and the limit an episode neither opens nor ends."""
CALM_ROWS: Final = 3
"""Calm rows in a row that end an episode."""
SMALLEST: Final = 1e-9
"""What a logged feature is at least, so that it has a logarithm."""


@dataclass(frozen=True)
class ClassBaseline:
    """What is normal for machines of one class, in deviations from each machine's own level.

    Attributes:
        location: median deviation of each feature.
        scale: robust standard deviation of each feature (MAD times 1.4826).
        weight: n x n; the squared norm of a standardised row times this matrix is its distance from normal.
        limit: the distance above which a row is unusual.
        machine_months: exposure that the limit was chosen on.

    """

    location: tuple[float, ...]
    scale: tuple[float, ...]
    weight: tuple[tuple[float, ...], ...]
    limit: float
    machine_months: float

    @cached_property
    def weights(self) -> Matrix:
        """`weight` as an array."""
        return np.array(self.weight)

    def standardise(self, deviations: Matrix) -> Matrix:
        """Return deviations (rows x features) in robust standard deviations; a missing one counts as none."""
        return np.nan_to_num((deviations - np.array(self.location)) / np.array(self.scale))


@dataclass(frozen=True)
class Baseline:
    """What is normal for each machine and class, as made by `fit_baseline`.

    Attributes:
        columns: the features that are compared, in order.
        logged: which of them are compared by their logarithm: those that are positive, where ratios count.
        levels: each machine's own level of each column (logarithms applied); None where it was never measured.
        classes: the pooled spread of each machine class.
        class_of: the class of each machine that has one; the others belong to the class "".
        persistence: how many consecutive rows above the limit make a machine unusual.
        episodes_per_machine_month: the rate of false episodes that the limits were chosen for.

    """

    columns: tuple[str, ...]
    logged: tuple[bool, ...]
    levels: Mapping[str, tuple[float | None, ...]]
    classes: Mapping[str, ClassBaseline]
    class_of: Mapping[str, str]
    persistence: int
    episodes_per_machine_month: float

    def __repr__(self) -> str:
        classes = ", ".join(repr(name) for name in sorted(self.classes))
        return f"Baseline({len(self.levels)} machines, {len(self.columns)} features, classes {classes})"

    def with_machines(
        self, features: "pl.DataFrame", *, level_days: float = 7.0, replaced: "pl.DataFrame | None" = None
    ) -> "Baseline":
        """Return a baseline that also knows the machines of `features`, each by its first days there.

        For machines that came later, and for those whose sensor was replaced or moved (`replaced`: frame REPLACED): the
        level of that channel is that of the first days since.
        """
        from mlops_core.condition.baseline_fit import own_levels

        return replace(self, levels={**self.levels, **own_levels(self, features, level_days, replaced)})

    @cached_property
    def channels(self) -> tuple[str, ...]:
        """The channel of each column."""
        return tuple(parsed.channel for column in self.columns if (parsed := parse_feature_name(column)))

    def level_of(self, machine_id: str) -> Matrix:
        """Return a machine's own level of each column; NaN where it is not known."""
        known = self.levels.get(machine_id)
        return np.full(len(self.columns), np.nan) if known is None else np.array(known, dtype=np.float64)


@dataclass(frozen=True)
class Anomaly:
    """How far a machine's newest features are from its normal.

    Attributes:
        score: in [0, 1): distance / (distance + limit), so 0.5 is at the limit.
        shares: what each channel contributes, the largest first; they add up to 1.
        strongest: the column that contributes most, its value and what is normal for this machine.

    """

    score: float
    shares: tuple[tuple[str, float], ...]
    strongest: tuple[str, float, float]

    @property
    def is_beyond(self) -> bool:
        """Whether it is above the limit."""
        return self.score > LIMIT_SCORE

    @property
    def is_calm(self) -> bool:
        """Whether it is well below the limit."""
        return self.score <= CALM_DISTANCE / (CALM_DISTANCE + 1.0)


def anomaly_of(baseline: Baseline, machine_id: str, features: Mapping[str, float | None]) -> Anomaly | None:
    """Return how unusual one feature row is; needs numpy only.

    None where the baseline does not know the machine or its class, or fewer than half of the features were measured.
    """
    pooled = baseline.classes.get(baseline.class_of.get(machine_id, ""))
    own = baseline.level_of(machine_id)
    given = [features.get(column) for column in baseline.columns]
    values = np.array([np.nan if value is None else float(value) for value in given])
    logged = np.array(baseline.logged)
    transformed = np.where(logged, np.log(np.clip(values, SMALLEST, None)), values)
    deviations = transformed - own
    if pooled is None or np.isfinite(deviations).mean() < LEAST_MEASURED:
        return None
    squares = np.square(pooled.standardise(deviations[None, :]) @ pooled.weights)[0]
    total = float(squares.sum())
    distance = total / pooled.limit
    names = baseline.channels
    shares = {name: float(squares[[each == name for each in names]].sum()) / max(total, SMALLEST) for name in names}
    column = int(np.where(np.isfinite(deviations), squares, -1.0).argmax())
    usual = own[column] + pooled.location[column]
    return Anomaly(
        score=distance / (distance + 1.0),
        shares=tuple(sorted(shares.items(), key=lambda share: (-share[1], share[0]))),
        strongest=(
            baseline.columns[column],
            float(values[column]),
            float(np.exp(usual) if baseline.logged[column] else usual),
        ),
    )
