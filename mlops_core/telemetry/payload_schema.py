"""What payloads look like, as a JSON Schema made from the channels: for documents, and for tools of those who send."""

from collections.abc import Mapping
from typing import Any, Final

from mlops_core.telemetry.channel import Channel
from mlops_core.telemetry.machine import MACHINE_ID_PATTERN

_COMMON: Final[Mapping[str, Any]] = {
    "machine_id": {
        "type": "string",
        "pattern": f"^{MACHINE_ID_PATTERN}$",
        "description": "May be left out: the topic says whose it is. Another machine's id is refused",
    },
    "timestamp_utc": {
        "type": "string",
        "format": "date-time",
        "description": "ISO 8601 with an offset: 2026-01-31T06:00:00Z",
    },
    "timestamp_ms": {"type": "integer", "description": "In place of timestamp_utc: milliseconds since 1970"},
    "historical": {
        "type": "boolean",
        "description": "Sent after the fact (a buffer, an archive): may be older than the allowed lateness",
    },
}
_ONE_TIME: Final = [{"required": ["timestamp_utc"]}, {"required": ["timestamp_ms"]}]
_QUALITY: Final[Mapping[str, Any]] = {
    "description": "BAD is stored and counted, and is no measurement",
    "oneOf": [
        {
            "type": "string",
            "pattern": "^([Gg][Oo][Oo][Dd]|[Uu][Nn][Cc][Ee][Rr][Tt][Aa][Ii][Nn]|[Bb][Aa][Dd])[A-Za-z_]*$",
        },
        {"type": "integer", "minimum": 0, "maximum": 2**32 - 1, "description": "OPC UA status code"},
    ],
}


def payload_schema(channels: Mapping[str, Channel]) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of each payload, under `$defs`: `reading_of_{channel}`, `batch`, `event`.

    It says what a good measurement looks like. A value whose quality is BAD is not looked at, whatever it is.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Payloads of machines",
        "$defs": {
            **{f"reading_of_{name}": _reading(channel) for name, channel in channels.items()},
            "element": _element(channels),
            "batch": {
                "description": "On {prefix}/{machine_id}/readings",
                "oneOf": [
                    {"$ref": "#/$defs/element"},
                    {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/element"}},
                ],
            },
            "event": _event(),
        },
    }


def _number(channel: Channel) -> dict[str, Any]:
    return {
        "type": "number",
        "minimum": channel.minimum,
        "maximum": channel.maximum,
        "description": f"{channel.name}, in {channel.unit}" if channel.unit else channel.name,
    }


def _reading(channel: Channel) -> dict[str, Any]:
    return {
        "description": f"On {{prefix}}/{{machine_id}}/{channel.name}",
        "type": "object",
        "properties": {
            **_COMMON,
            "quality": _QUALITY,
            channel.payload_field: _number(channel),
            "value": _number(channel),
        },
        "allOf": [{"oneOf": _ONE_TIME}, {"anyOf": [{"required": [channel.payload_field]}, {"required": ["value"]}]}],
    }


def _element(channels: Mapping[str, Channel]) -> dict[str, Any]:
    qualities = {"type": "object", "additionalProperties": _QUALITY, "description": "By channel"}
    values = {name: _number(channel) for name, channel in channels.items()}
    return {
        "type": "object",
        "properties": {
            **_COMMON,
            "quality": {"oneOf": [_QUALITY, qualities]},
            "values": {"type": "object", "minProperties": 1, "properties": values, "additionalProperties": False},
        },
        "required": ["values"],
        "oneOf": _ONE_TIME,
    }


def _event() -> dict[str, Any]:
    number = {"type": "number"}
    return {
        "description": "On {prefix}/{machine_id}/event/{kind}; a failure has measured_value and threshold",
        "type": "object",
        "properties": {
            **_COMMON,
            "event_code": {"type": "string", "minLength": 1, "maxLength": 100},
            "measured_value": number,
            "threshold": number,
        },
        "required": ["event_code"],
        "oneOf": _ONE_TIME,
    }
