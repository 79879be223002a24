"""Rolling bearings: the frequencies at which a defect on each part is struck.

Source: R. B. Randall, J. Antoni, "Rolling element bearing diagnostics - a tutorial", Mechanical Systems and Signal
Processing 25 (2011), equations 1-4. Slip makes real frequencies differ by one or two per cent.
"""

from dataclasses import dataclass
from math import cos, radians
from typing import Self

from pydantic import BaseModel, Field, model_validator


@dataclass(frozen=True)
class DefectFrequencies:
    """Hz: ball pass of the outer and inner race, ball spin, and fundamental train (the cage)."""

    bpfo: float
    bpfi: float
    bsf: float
    ftf: float


class BearingGeometry(BaseModel, frozen=True):
    """A bearing with a fixed outer race; both diameters in one unit, whichever."""

    rolling_elements: int = Field(ge=1)
    element_diameter: float = Field(gt=0, allow_inf_nan=False)
    pitch_diameter: float = Field(gt=0, allow_inf_nan=False)
    contact_angle_degrees: float = Field(default=0.0, ge=0, lt=90)

    @model_validator(mode="after")
    def _elements_fit(self) -> Self:
        if self.element_diameter >= self.pitch_diameter:
            raise ValueError("element_diameter must be smaller than pitch_diameter: were they swapped?")
        return self

    def defect_frequencies(self, shaft_frequency: float) -> DefectFrequencies:
        """The defect frequencies of a shaft turning `shaft_frequency` times a second (rpm / 60).

        With g = element_diameter / pitch_diameter * cos(contact angle) and f the shaft's frequency: FTF = f (1 - g) /
        2, BPFO = n f (1 - g) / 2, BPFI = n f (1 + g) / 2, BSF = f pitch / (2 element) (1 - g^2).
        """
        slope = self.element_diameter / self.pitch_diameter * cos(radians(self.contact_angle_degrees))
        return DefectFrequencies(
            bpfo=self.rolling_elements * shaft_frequency * (1 - slope) / 2,
            bpfi=self.rolling_elements * shaft_frequency * (1 + slope) / 2,
            bsf=shaft_frequency * self.pitch_diameter / (2 * self.element_diameter) * (1 - slope**2),
            ftf=shaft_frequency * (1 - slope) / 2,
        )
