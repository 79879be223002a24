"""Vibration severity: evaluation zones A to D of ISO 20816, from velocity r.m.s. in mm/s.

Zone boundaries depend on a machine's size and mounting, so they are data. A velocity on a boundary belongs to
the worse zone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from enum import StrEnum
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self

from pydantic import BaseModel, Field, model_validator

from mlops_core.errors import InvalidArgumentError, require_columns

if TYPE_CHECKING:
    import polars as pl


class EvaluationZone(StrEnum):
    """How severe a vibration is (ISO 20816-1:2016, 6.3.2)."""

    A = "A"  # newly commissioned machines
    B = "B"  # acceptable for unrestricted long-term operation
    C = "C"  # unsatisfactory for long-term operation: remedy at the next opportunity
    D = "D"  # severe enough to damage the machine


class ZoneBoundaries(BaseModel, frozen=True):
    """The velocities r.m.s., in mm/s, at which zones B, C and D begin, and where these numbers come from."""

    b_begins: float = Field(gt=0, allow_inf_nan=False)
    c_begins: float = Field(gt=0, allow_inf_nan=False)
    d_begins: float = Field(gt=0, allow_inf_nan=False)
    source: str

    @model_validator(mode="after")
    def _ascend(self) -> Self:
        if not self.b_begins < self.c_begins < self.d_begins:
            raise ValueError("zone boundaries must ascend: b_begins < c_begins < d_begins")
        return self


def _boundaries(b_begins: float, c_begins: float, d_begins: float, source: str) -> ZoneBoundaries:
    return ZoneBoundaries(b_begins=b_begins, c_begins=c_begins, d_begins=d_begins, source=source)


_GENERAL: Final = "ISO 10816-1:1995, table B.1"
_LARGE: Final = "ISO 20816-3:2022, annex A, group 1 (as ISO 10816-3:2009, table A.1)"
_MEDIUM: Final = "ISO 20816-3:2022, annex A, group 2 (as ISO 10816-3:2009, table A.2)"

# Three steps of the scale of ISO 10816-1 (... 2.8, 4.5, 7.1, 11.2, 18 ...); C to D is that of its class III.
DEFAULT_BOUNDARIES: Final = _boundaries(4.5, 7.1, 11.2, "the original system's alarm levels")

# Groups: 1 is above 300 kW (shaft height from 315 mm), 2 is 15 to 300 kW. Classes: I up to 15 kW, II up to 75 kW, III
# larger on rigid foundations, IV larger on flexible ones.
ZONE_BOUNDARIES: Final = MappingProxyType(
    {
        "default": DEFAULT_BOUNDARIES,
        "group 1 rigid": _boundaries(2.3, 4.5, 7.1, _LARGE),
        "group 1 flexible": _boundaries(3.5, 7.1, 11.0, _LARGE),
        "group 2 rigid": _boundaries(1.4, 2.8, 4.5, _MEDIUM),
        "group 2 flexible": _boundaries(2.3, 4.5, 7.1, _MEDIUM),
        "class I": _boundaries(0.71, 1.8, 4.5, _GENERAL),
        "class II": _boundaries(1.12, 2.8, 7.1, _GENERAL),
        "class III": _boundaries(1.8, 4.5, 11.2, _GENERAL),
        "class IV": _boundaries(2.8, 7.1, 18.0, _GENERAL),
    }
)


def evaluation_zone(velocity_rms: float, boundaries: ZoneBoundaries = DEFAULT_BOUNDARIES) -> EvaluationZone:
    """Return the ISO 20816 zone of a broadband vibration velocity.

    Args:
        velocity_rms: r.m.s. in mm/s.
        boundaries: where zones begin, in mm/s.

    Returns:
        The zone, A to D; a value at a boundary belongs to the worse zone.

    Raises:
        InvalidArgumentError: the velocity is negative or not finite, which no r.m.s. value is.

    Example:
        >>> str(mc.evaluation_zone(7.1))
        'C'

    """
    if not isfinite(velocity_rms) or velocity_rms < 0:
        raise InvalidArgumentError("velocity_rms", velocity_rms, "is no r.m.s. value", "Give mm/s, from 0 on")
    begins = (boundaries.b_begins, boundaries.c_begins, boundaries.d_begins)
    return EvaluationZone("ABCD"[bisect_right(begins, velocity_rms)])


def evaluation_zone_expression(velocity_rms: str | pl.Expr, boundaries: ZoneBoundaries = DEFAULT_BOUNDARIES) -> pl.Expr:
    """Return the expression of `evaluation_zone` for a column: String A to D, null where there is no r.m.s. value."""
    import polars as pl

    velocity = pl.col(velocity_rms) if isinstance(velocity_rms, str) else velocity_rms
    return (
        pl.when(velocity.is_null() | ~velocity.is_finite() | (velocity < 0))
        .then(None)
        .when(velocity < boundaries.b_begins)
        .then(pl.lit("A"))
        .when(velocity < boundaries.c_begins)
        .then(pl.lit("B"))
        .when(velocity < boundaries.d_begins)
        .then(pl.lit("C"))
        .otherwise(pl.lit("D"))
    )


def add_evaluation_zones(
    features: pl.DataFrame, columns: Sequence[str], *, boundaries: ZoneBoundaries = DEFAULT_BOUNDARIES
) -> pl.DataFrame:
    """Add `{column}_zone`: the ISO 20816 zone, A to D.

    Args:
        features: any frame with the columns.
        columns: velocity r.m.s. in mm/s, such as "vibration_rms_1h".
        boundaries: where zones begin, in mm/s; `ZONE_BOUNDARIES` has those of ISO 20816 by machine group.

    Returns:
        The rows in their order with the new columns; null in an empty window.

    Raises:
        MissingColumnError: a column that is absent.

    Example:
        >>> mc.add_evaluation_zones(features, ["vibration_rms_1h"]).columns[-1]
        'vibration_rms_1h_zone'

    """
    require_columns("features", features.columns, *columns)
    return features.with_columns(
        evaluation_zone_expression(column, boundaries).alias(f"{column}_zone") for column in columns
    )
