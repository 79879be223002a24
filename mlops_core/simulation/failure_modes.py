"""How machines fail: one signature per failure mode, as data.

A mode says which channel trips the machine and at what limit, how early its symptom appears, how the symptom grows with
damage, and what the other channel shows of it. Ranges are drawn from uniformly, once per run to failure, so two runs of
one mode do not look alike.

The vibration limit is the boundary of evaluation zone D of the original system (11.2 mm/s; ISO 20816-3 for large
machines on flexible foundations has 11.0). The shapes follow the P-F curve of reliability-centred maintenance (Moubray,
"RCM II", 1997, chapter 7): no symptom before the onset P, growth from there to functional failure F, faster towards
the end in every mode: loose parts loosen others, heat spoils the lubricant that should carry it away.
"""

import math
from typing import Self

import numpy as np
from pydantic import BaseModel, Field, model_validator

from mlops_core.simulation.random_streams import FloatArray

Range = tuple[float, float]

VIBRATION_LIMIT_MM_S = 11.2
TEMPERATURE_LIMIT_CELSIUS = 95.0


class FailureMode(BaseModel, frozen=True):
    """One way to fail. Ranges are (lowest, highest)."""

    name: str
    event_code: str
    share: float = Field(ge=0, description="relative frequency among failures")
    trip_channel: str = Field(pattern="^(vibration|temperature)$")
    threshold: float = Field(gt=0, description="trip limit of that channel, in its unit")
    end_excess: Range = Field(description="level at functional failure over the threshold, as a fraction of it")
    onset: Range = Field(description="damage at which the symptom begins, in [0, 1)")
    linear_share: Range = Field(description="part of the growth that is linear in damage; the rest is its sixth power")
    side_gain: Range = Field(description="what the other channel shows at failure: mm/s or degrees Celsius")
    load_sensitivity: float = Field(description="how much of the symptom scales with load")

    @model_validator(mode="after")
    def _check_ranges(self) -> Self:
        for name, highest in (
            ("end_excess", math.inf),
            ("onset", 0.99),
            ("linear_share", 1.0),
            ("side_gain", math.inf),
        ):
            bounds: Range = getattr(self, name)
            if not 0 <= bounds[0] <= bounds[1] <= highest:
                raise ValueError(f"{name} must be 0 <= lowest <= highest <= {highest}, not {bounds}")
        return self


BEARING_WEAR = FailureMode(
    name="bearing_wear",
    event_code="BEARING_WEAR",
    share=0.5,
    trip_channel="vibration",
    threshold=VIBRATION_LIMIT_MM_S,
    end_excess=(0.02, 0.7),
    onset=(0.1, 0.65),
    linear_share=(0.05, 0.5),
    side_gain=(3.0, 15.0),
    load_sensitivity=0.6,
)
IMBALANCE = FailureMode(
    name="imbalance",
    event_code="IMBALANCE",
    share=0.25,
    trip_channel="vibration",
    threshold=VIBRATION_LIMIT_MM_S,
    end_excess=(0.02, 0.4),
    onset=(0.0, 0.4),
    linear_share=(0.1, 0.5),
    side_gain=(0.0, 3.0),
    load_sensitivity=1.5,
)
OVERHEATING = FailureMode(
    name="overheating",
    event_code="OVERHEATING",
    share=0.25,
    trip_channel="temperature",
    threshold=TEMPERATURE_LIMIT_CELSIUS,
    end_excess=(0.01, 0.2),
    onset=(0.05, 0.5),
    linear_share=(0.1, 0.5),
    side_gain=(0.2, 2.0),
    load_sensitivity=0.8,
)
FAILURE_MODES = (BEARING_WEAR, IMBALANCE, OVERHEATING)
"""The modes of a fleet unless its law says otherwise: half bearing wear, a quarter each of the other two."""


def symptom(damage: FloatArray, onset: float, linear_share: float) -> FloatArray:
    """Return how far the symptom has grown: 0 up to `onset`, 1 from damage 1 on, never falling with damage.

    s * x + (1 - s) * x**6 with x = (damage - onset) / (1 - onset) held within [0, 1] and s = `linear_share`.
    """
    x = np.clip((damage - onset) / (1.0 - onset), 0.0, 1.0)
    cube = x * x * x
    return linear_share * x + (1.0 - linear_share) * (cube * cube)
