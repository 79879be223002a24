"""What is normal for each machine, and how far one feature row is from it. Needs numpy only.

Each machine is compared with its own level: the median of its first days. How far machines of a class usually stray
from their level, and which features move together, is pooled over the class by a robust principal component analysis.
The squared distance of a feature row from normal combines Hotelling's T2 (unusual within the usual directions) and Q
(outside of them), each in units of its own limit (Yue and Qin 2001, Ind. Eng. Chem. Res. 40, 4403).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mlops_core.features import parse_feature_name
from mlops_core.time import utc_text

if TYPE_CHECKING:
    import polars as pl

Matrix = NDArray[np.float64]

_LEAST_MEASURED: Final = 0.5  # share of the features, for a row to be judged
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
    def _arrays(self) -> tuple[Matrix, Matrix, Matrix]:
        return np.array(self.location), np.array(self.scale), np.array(self.weight)

    def standardise(self, deviations: Matrix) -> Matrix:
        """Return deviations (rows x features) in robust standard deviations; a missing one counts as none."""
        location, scale, _ = self._arrays
        return np.nan_to_num((deviations - location) / scale, copy=False)

    def squares(self, deviations: Matrix) -> Matrix:
        """Return what each feature adds to a row's distance, in units of the limit (rows x features)."""
        return np.square(self.standardise(deviations) @ self._arrays[2]) / self.limit


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
        new_sensors: by machine and channel, since when the sensor is there whose level it is (ISO 8601, in UTC).

    """

    columns: tuple[str, ...]
    logged: tuple[bool, ...]
    levels: Mapping[str, tuple[float | None, ...]]
    classes: Mapping[str, ClassBaseline]
    class_of: Mapping[str, str]
    persistence: int
    episodes_per_machine_month: float
    new_sensors: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])

    def __repr__(self) -> str:
        classes = ", ".join(repr(name) for name in sorted(self.classes))
        return f"Baseline({len(self.levels)} machines, {len(self.columns)} features, classes {classes})"

    def with_machines(self, features: "pl.DataFrame", *, level_days: float = 7.0) -> "Baseline":
        """Return a baseline that also knows the machines of `features`, such as those that came later.

        Each machine's level is the median of its first `level_days` there, by column; None where nothing was measured.
        """
        from mlops_core.condition.baseline_fit import first_levels

        return replace(self, levels={**self.levels, **first_levels(self, features, level_days)})

    def with_sensors(
        self, features: "pl.DataFrame", replaced: "pl.DataFrame", *, level_days: float = 7.0
    ) -> "Baseline":
        """Return a baseline whose levels are those of the sensors that are there now.

        Of a channel whose sensor was replaced or moved (`replaced`: frame REPLACED) the level is that of the first days
        since, and unknown before a day of them: it then says nothing of its channel.
        """
        from mlops_core.condition.baseline_fit import levels_of_new_sensors

        known = {
            machine_id: {**self.new_sensors.get(machine_id, {}), channel: utc_text(at)}
            for machine_id, channel, at in replaced.select("machine_id", "channel", "replaced_at").iter_rows()
        }
        levels = levels_of_new_sensors(self, features, level_days, replaced)
        return replace(self, levels=levels, new_sensors={**self.new_sensors, **known})

    def for_sensors(self, replaced: Mapping[str, Mapping[str, datetime]]) -> "Baseline":
        """Return a baseline that says nothing of channels whose sensor was replaced or moved since it was learned.

        replaced: by machine and channel, when that was last. Needs numpy only.
        """
        levels = dict(self.levels)
        for machine_id, channels in replaced.items():
            learned = self.new_sensors.get(machine_id, {})
            new = {channel for channel, at in channels.items() if learned.get(channel) != utc_text(at)}
            if new and machine_id in levels:
                of_column = zip(self.channels, levels[machine_id], strict=True)
                levels[machine_id] = tuple(None if channel in new else level for channel, level in of_column)
        return self if levels == self.levels else replace(self, levels=levels)

    @cached_property
    def channels(self) -> tuple[str, ...]:
        """The channel of each column."""
        return tuple(parsed.channel for column in self.columns if (parsed := parse_feature_name(column)))

    @cached_property
    def of_channel(self) -> tuple[NDArray[np.object_], Matrix]:
        """The names of the channels, and which of them each column is of (columns x channels, 0 or 1)."""
        names = np.array(sorted(set(self.channels)), dtype=object)
        return names, np.equal.outer(np.array(self.channels, dtype=object), names).astype(np.float64)

    def level_of(self, machine_id: str) -> Matrix:
        """Return a machine's own level of each column; NaN where it is not known."""
        known = self.levels.get(machine_id)
        return np.full(len(self.columns), np.nan) if known is None else np.array(known, dtype=np.float64)

    def transform(self, values: Matrix) -> Matrix:
        """Return values (rows x columns) with the logarithm of those that are compared by it."""
        logged = np.array(self.logged)
        return np.log(np.maximum(values, SMALLEST, where=logged, out=values.copy()), where=logged, out=values.copy())

    def deviations(self, machine_ids: Sequence[str], values: Matrix) -> Matrix:
        """Return deviations from each machine's own level (rows x columns); NaN where value or level is not known."""
        number = {machine_id: row for row, machine_id in enumerate(dict.fromkeys(machine_ids))}
        own = np.array([self.level_of(machine_id) for machine_id in number]).reshape(-1, len(self.columns))
        return self.transform(values) - own[[number[machine_id] for machine_id in machine_ids]]

    def squares(self, machine_ids: Sequence[str], deviations: Matrix) -> Matrix:
        """Return what each column adds to a row's distance, in units of the limit of the machine's class.

        NaN in rows that are not judged: of a machine or class that is not known, or with fewer than half of the columns
        measured.
        """
        found = np.full(deviations.shape, np.nan)
        is_judged = np.isfinite(deviations).mean(axis=1) >= _LEAST_MEASURED
        names = np.array([self.class_of.get(machine_id, "") for machine_id in machine_ids])
        for name, pooled in self.classes.items():
            rows = np.flatnonzero(is_judged & (names == name))
            found[rows] = pooled.squares(deviations[rows])
        return found

    def shares(self, squares: Matrix) -> tuple[Matrix, NDArray[np.object_], Matrix]:
        """Return the distance of each row from normal, its channels by what they contribute, and their shares of it.

        The largest first; they add up to 1 (complete decomposition: Alcala and Qin 2009, Automatica 45, 1593).
        """
        channels, member = self.of_channel
        totals = squares.sum(axis=1)
        shares = squares @ member / np.maximum(totals, SMALLEST)[:, None]
        order = np.argsort(-shares, axis=1, kind="stable")
        return totals, channels[order], np.take_along_axis(shares, order, axis=1)


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
    """Return how unusual one feature row is, as `anomalies_of` does."""
    return anomalies_of(baseline, [(machine_id, features)])[0]


def anomalies_of(baseline: Baseline, rows: Iterable[tuple[str, Mapping[str, float | None]]]) -> list[Anomaly | None]:
    """Return how unusual feature rows are, each given with its machine; needs numpy only.

    None where the baseline does not know the machine or its class, or fewer than half of the features were measured.
    """
    given = list(rows)
    machine_ids = [machine_id for machine_id, _ in given]
    values = np.array([[*map(row.get, baseline.columns)] for _, row in given], dtype=np.float64)
    values = values.reshape(len(given), len(baseline.columns))
    deviations = baseline.deviations(machine_ids, values)
    squares = baseline.squares(machine_ids, deviations)
    totals, channels, shares = baseline.shares(squares)
    strongest: list[int] = np.where(np.isfinite(deviations), squares, -1.0).argmax(axis=1).tolist()
    found = zip(machine_ids, totals.tolist(), channels.tolist(), shares.tolist(), strongest, strict=True)
    return [
        None
        if np.isnan(total)
        else Anomaly(
            score=total / (total + 1.0),
            shares=tuple(zip(names, parts, strict=True)),
            strongest=(baseline.columns[column], float(values[at, column]), _usual(baseline, machine_id, column)),
        )
        for at, (machine_id, total, names, parts, column) in enumerate(found)
    ]


def _usual(baseline: Baseline, machine_id: str, column: int) -> float:
    """What a machine's column usually is."""
    level = baseline.levels[machine_id][column]
    usual = (level or 0.0) + baseline.classes[baseline.class_of.get(machine_id, "")].location[column]
    return float(np.exp(usual)) if baseline.logged[column] else usual
