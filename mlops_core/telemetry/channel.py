"""What is measured on a machine.

A channel is data, not code: a stack configures its own; to measure oil pressure is one more `Channel`.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator

from mlops_core.errors import InvalidArgumentError, MalformedObjectError

MAXIMUM_CHANNELS: Final = 300
VELOCITY_RMS: Final = "velocity_rms"
"""The quantity of a channel that measures velocity r.m.s. of a housing: ISO 20816 has zones for it, in mm/s."""

# Fields that every payload has; a channel's value cannot have one of these names.
_PAYLOAD_FIELDS: Final = frozenset(
    {"machine_id", "timestamp_utc", "timestamp_ms", "replayed", "historical", "quality", "values"}
)
# Last levels of topics that are no channel: events, and batches of readings.
_RESERVED: Final = {
    "event": "is reserved: failures are published under event/",
    "readings": "is reserved: batches are published under readings",
}
_Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class Channel(BaseModel, frozen=True, extra="forbid"):
    """One measured quantity of a machine.

    `name` is part of topics, readings and feature names; `payload_field` holds the value in a message's JSON (default:
    `value`); `minimum` and `maximum`, in `unit`, bound what a working sensor can report (both inclusive).

    `kind`: a `level` is what the sensor reads now, a `counter` grows and may be reset to zero, a `state` is one of few
    numbers. `quantity` says what is measured where a standard depends on it (`velocity_rms`, in mm/s). `statistics`
    names those that its windows get (default: all, or few where a stack has many channels).
    """

    name: _Identifier
    payload_field: str = Field(default="value", pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")
    unit: str
    minimum: float
    maximum: float
    kind: Literal["level", "counter", "state"] = "level"
    quantity: _Identifier | None = None
    statistics: tuple[_Identifier, ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        # Fourth powers, which kurtosis sums, must stay within a double.
        if not -1e70 <= self.minimum < self.maximum <= 1e70:
            raise ValueError("minimum and maximum must be two numbers within 1e70 of zero, the smaller first")
        if self.payload_field in _PAYLOAD_FIELDS:
            raise ValueError(f"payload_field {self.payload_field!r} is taken by every message")
        if self.quantity == VELOCITY_RMS and self.unit != "mm/s":
            raise ValueError(f"quantity {VELOCITY_RMS} is measured in mm/s, not in {self.unit!r}")
        return self


_DOCUMENT: Final = TypeAdapter(tuple[Channel, ...])


class Channels(Mapping[str, Channel]):
    """Channels by name, in the order of their names; read only, equal where all channels are equal.

    `hash` names their document in the lake and is part of a model's recipe. It does not depend on the order in which
    they were configured.
    """

    def __init__(self, *channels: Channel) -> None:
        """Raise InvalidArgumentError where two share a name, one is reserved, or there are more than 300."""
        if len(channels) > MAXIMUM_CHANNELS:
            raise InvalidArgumentError("channels", len(channels), f"are more than {MAXIMUM_CHANNELS}")
        by_name: dict[str, Channel] = {}
        for channel in channels:
            if channel.name in by_name:
                raise InvalidArgumentError("channels", channel.name, "is registered twice")
            if channel.name in _RESERVED:
                raise InvalidArgumentError("channels", channel.name, _RESERVED[channel.name])
            by_name[channel.name] = channel
        self._by_name = dict(sorted(by_name.items()))

    def __getitem__(self, name: str) -> Channel:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        return f"Channels({', '.join(self._by_name)})"

    @cached_property
    def document(self) -> bytes:
        """The JSON document that `from_document` reads; the same bytes for equal channels."""
        dumped = _DOCUMENT.dump_python(tuple(self._by_name.values()), mode="json", exclude_defaults=True)
        return json.dumps({"channels": dumped}, sort_keys=True, separators=(",", ":")).encode()

    @cached_property
    def hash(self) -> str:
        """Hexadecimal SHA-256 of the document."""
        return sha256(self.document).hexdigest()

    @classmethod
    def from_document(cls, body: bytes) -> Self:
        """Return the channels of a document. Raises MalformedObjectError where it holds none."""
        try:
            return cls(*_DOCUMENT.validate_python(json.loads(body)["channels"]))
        except (ValueError, ValidationError, KeyError, TypeError, InvalidArgumentError) as error:
            raise MalformedObjectError("channels", f"holds no channels: {error}") from error

    def of_quantity(self, quantity: str) -> tuple[str, ...]:
        """Names of the channels that measure `quantity`."""
        return tuple(name for name, channel in self._by_name.items() if channel.quantity == quantity)


def channel_registry(*channels: Channel) -> Channels:
    """Return the channels by name, read only.

    Raises:
        InvalidArgumentError: two share a name, or one has a name that topics reserve (`event`, `readings`).

    """
    return Channels(*channels)


CHANNELS: Final = channel_registry(
    # A broken thermocouple reads outside of what surfaces of rotating machines reach.
    Channel(name="temperature", payload_field="temperature_celsius", unit="degC", minimum=-50.0, maximum=500.0),
    # Velocity r.m.s. of a housing; ISO 20816 calls 11 mm/s damaging, so 1000 is a fault of the sensor.
    Channel(
        name="vibration",
        payload_field="vibration_rms",
        unit="mm/s",
        minimum=0.0,
        maximum=1000.0,
        quantity=VELOCITY_RMS,
    ),
)
"""The registry out of the box: temperature (degrees Celsius, -50 to 500) and vibration (velocity r.m.s., mm/s, 0 to
1000). `channel_registry` makes another."""
