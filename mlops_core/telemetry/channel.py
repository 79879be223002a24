"""What is measured on a machine.

A channel is data, not code: who measures oil pressure registers one more `Channel` and changes nothing else.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mlops_core.errors import InvalidArgumentError

__all__ = [
    "CHANNELS",
    "Channel",
    "channel_registry",
]

# Fields that every payload has; a channel's value cannot stand under one of them.
_PAYLOAD_FIELDS: Final = frozenset({"machine_id", "timestamp_utc", "replayed"})


class Channel(BaseModel):
    """One measured quantity of a machine.

    `name` stands in topics, readings and feature names; `payload_field` holds the value in a message's JSON;
    `minimum` and `maximum`, in `unit`, bound what a working sensor can report (both inclusive).
    """

    model_config = ConfigDict(frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    payload_field: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")
    unit: str
    minimum: float
    maximum: float

    @model_validator(mode="after")
    def _accepts_something(self) -> Self:
        # Fourth powers, which kurtosis sums, must stay within a double.
        if not -1e70 <= self.minimum < self.maximum <= 1e70:
            raise ValueError("minimum and maximum must be two numbers within 1e70 of zero, the smaller first")
        if self.payload_field in _PAYLOAD_FIELDS:
            raise ValueError(f"payload_field {self.payload_field!r} is taken by every message")
        return self


def channel_registry(*channels: Channel) -> Mapping[str, Channel]:
    """Return the channels by name, read only.

    Raises InvalidArgumentError where two share a name, or one is called `event`, which topics reserve for failures.
    """
    registry: dict[str, Channel] = {}
    for channel in channels:
        if channel.name in registry:
            raise InvalidArgumentError("channels", channel.name, "is registered twice")
        if channel.name == "event":
            raise InvalidArgumentError("channels", channel.name, "is reserved: failures are published under event/")
        registry[channel.name] = channel
    return MappingProxyType(registry)


CHANNELS: Final = channel_registry(
    # A broken thermocouple reads outside of what surfaces of rotating machines reach.
    Channel(name="temperature", payload_field="temperature_celsius", unit="degC", minimum=-50.0, maximum=500.0),
    # Velocity r.m.s. of a housing; ISO 20816 calls 11 mm/s damaging, so 1000 is a fault of the sensor.
    Channel(name="vibration", payload_field="vibration_rms", unit="mm/s", minimum=0.0, maximum=1000.0),
)
"""The registry out of the box: temperature (degrees Celsius, -50 to 500) and vibration (velocity r.m.s., mm/s, 0 to
1000). `channel_registry` makes another."""
