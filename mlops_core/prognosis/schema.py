"""What a model expects of a feature row: the columns in their order, and what was usual in its training data.

Needs neither polars nor LightGBM: the service that predicts for one machine has room for neither more than it must.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mlops_core.errors import FeatureMismatchError
from mlops_core.features import AGE, DRIFT, attribute_of, parse_event_column, parse_feature_name
from mlops_core.prognosis.coverage import USUAL_SHARES, as_shares

_FOREIGN_SHARE: Final = 0.25
"""Share of the columns in which a machine of another kind began elsewhere."""
_SEVERITY_STATISTICS: Final = ("rms", "mean", "last")


@dataclass(frozen=True)
class FeatureSchema:
    """The columns of a model, one entry of each tuple per column.

    Attributes:
        names: the columns in the order in which the trees take them.
        typical, lowest, highest: median, minimum and maximum in the training rows; None where they held no value.
        importance: the share of what the failure trees learned that they learned from this column; adds up to 1.
        units: the unit of each channel that has one, by channel.
        shares: counts that the trees take as shares of expected readings, since a count shows how often a machine is
            sampled; empty in models that were made before.
        beginnings: of each drift column, the lowest and highest level at which a machine of the training data began;
            empty where too few machines were seen, and in models that were made before it was kept.
        velocities: channels that are velocity r.m.s. in mm/s, of which ISO 20816 has zones; None in models that were
            made before it was kept: `vibration`.

    """

    names: tuple[str, ...]
    typical: tuple[float | None, ...]
    lowest: tuple[float | None, ...]
    highest: tuple[float | None, ...]
    importance: tuple[float, ...]
    units: Mapping[str, str]
    shares: tuple[str, ...] = ()
    beginnings: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    velocities: tuple[str, ...] | None = None

    @cached_property
    def sha256(self) -> str:
        """The hash of names and order: equal for two models that take the same rows."""
        return hashlib.sha256("\n".join(self.names).encode()).hexdigest()

    @cached_property
    def severity_feature(self) -> str | None:
        """The column used as vibration velocity r.m.s.: that of the shortest window, where there is one."""
        channels = ("vibration",) if self.velocities is None else self.velocities
        candidates = [
            (_SEVERITY_STATISTICS.index(parts.statistic), parts.seconds, name)
            for name in self.names
            if (parts := parse_feature_name(name)) and parts.channel in channels and not parts.is_drift
            if parts.statistic in _SEVERITY_STATISTICS
        ]
        return min(candidates)[2] if candidates else None

    @cached_property
    def counts(self) -> tuple[str, ...]:
        """The columns that are never null: the counts of readings."""
        return tuple(
            name
            for name in self.names
            if (parts := parse_feature_name(name)) and parts.statistic == "count" and not parts.is_drift
        )

    def missing_from(self, row: Collection[str]) -> list[str]:
        """Return the columns that a row lacks which leaves nulls out.

        Counts of readings and of events and the age are never null, and a drift is not where its own column is not.
        """
        return [name for name in self.names if name not in row and self._is_known(name, row)]

    def _is_known(self, name: str, row: Collection[str]) -> bool:
        event = parse_event_column(name)
        if event is not None:
            return event.length is not None
        return name in self.counts or name == AGE or (name.endswith(DRIFT) and name.removesuffix(DRIFT) in row)

    @cached_property
    def is_measured(self) -> NDArray[np.bool_]:
        """For each column, whether it has a value only where something was measured.

        All but counts, age, events and attributes of machines.

        Of a model that reads no sensor, what is known of events.
        """
        is_event = np.array([parse_event_column(name) is not None for name in self.names])
        others = [*self.counts, AGE, *(name for name in self.names if attribute_of(name) is not None)]
        measured = ~np.isin(np.array(self.names), np.array(others, dtype=str))
        of_sensors = measured & ~is_event
        return of_sensors if of_sensors.any() else measured

    @cached_property
    def bounds(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The lowest and the highest usual value of each column."""
        low = np.array([-np.inf if value is None else value for value in self.lowest], dtype=np.float32)
        high = np.array([np.inf if value is None else value for value in self.highest], dtype=np.float32)
        is_share = np.isin(np.array(self.names), np.array(self.shares, dtype=str))
        low[is_share] = np.minimum(low[is_share], USUAL_SHARES[0])
        high[is_share] = np.maximum(high[is_share], USUAL_SHARES[1])
        return low, high

    def given(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return rows of features as the trees take them: with shares in the place of some counts."""
        return as_shares(self.names, matrix, self.shares)

    def check(self, version: str, columns: Collection[str], *, allowed: Iterable[str] | None = None) -> None:
        """Raise FeatureMismatchError where a column is missing, or, given `allowed`, where there is one beyond it."""
        present = set(columns)
        missing = [name for name in self.names if name not in present]
        unexpected = set[str]() if allowed is None else present.difference(self.names, allowed)
        if missing or unexpected:
            raise FeatureMismatchError(version, missing=missing, unexpected=unexpected)

    def unusual(self, matrix: NDArray[np.float32]) -> list[list[str]]:
        """Return for each row the columns whose value lies outside all that the model has seen."""
        low, high = self.bounds
        outside = (matrix < low) | (matrix > high)
        return [[self.names[index] for index in np.flatnonzero(row)] if row.any() else [] for row in outside]

    def foreign(self, matrix: NDArray[np.float32]) -> list[tuple[str, ...]]:
        """Return for each row the columns in which its machine began unlike every machine that the model has seen.

        A machine began elsewhere where it lies beyond the range of the others' beginnings by more than that range: so a
        new kind of machine is distinguished from a worn one of a known kind, whose beginning was like any other's.
        """
        if not self.beginnings:
            return [()] * len(matrix)
        names = [name for name in self.beginnings if name.removesuffix(DRIFT) in self.names]
        drifts = matrix[:, [self.names.index(name) for name in names]].astype(np.float64)
        levels = matrix[:, [self.names.index(name.removesuffix(DRIFT)) for name in names]].astype(np.float64)
        low, high = np.array([self.beginnings[name] for name in names]).reshape(-1, 2).T
        began = levels - drifts
        outside = (began < low - (high - low)) | (began > high + (high - low))
        columns = [name.removesuffix(DRIFT) for name in names]
        # One of many columns strays by chance, or hardly varies; a new kind differs in much of what is measured.
        differs = outside.sum(axis=1) >= max(1.0, _FOREIGN_SHARE * len(names))
        return [
            tuple(columns[index] for index in np.flatnonzero(row)) if is_foreign else ()
            for row, is_foreign in zip(outside, differs.tolist(), strict=True)
        ]
