"""The names of features: `{channel}_{statistic}_{length}`, such as `vibration_mean_6h`."""

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["FeatureName", "parse_feature_name"]

_FEATURE: Final = re.compile(
    r"(?P<channel>.+?)_(?P<statistic>count|mean|std|min|max|rms|peak_to_peak|slope|kurtosis|last|crest_factor"
    r"|hours_since_last)_(?P<number>\d+)(?P<unit>[hm])(?P<drift>_drift)?"
)


@dataclass(frozen=True)
class FeatureName:
    """The parts of `{channel}_{statistic}_{length}`; with `_drift` after it, of its distance from its beginning."""

    channel: str
    statistic: str
    minutes: int
    is_drift: bool

    @property
    def length(self) -> str:
        """The window's length in words: `6 h`, `30 min`."""
        return f"{self.minutes} min" if self.minutes % 60 else f"{self.minutes // 60} h"


def parse_feature_name(name: str) -> FeatureName | None:
    """Return the parts of a feature's name, or None where it has another form."""
    parts = _FEATURE.fullmatch(name)
    if parts is None:
        return None
    minutes = int(parts["number"]) * (60 if parts["unit"] == "h" else 1)
    return FeatureName(parts["channel"], parts["statistic"], minutes, is_drift=parts["drift"] is not None)
