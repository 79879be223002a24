"""Anything that may come by MQTT: topics, payloads and queue bodies, from good ones a byte away to noise."""

import json
from base64 import b64encode
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from tests.properties.reliability.messages import BAD, PREFIX, text_of
from tests.properties.reliability.pipeline import START

_ANY_TEXT = st.text(st.characters())  # lone surrogates too, which no UTF-8 holds
_LEVELS = st.sampled_from(
    ["A", "PUMP-A01", "temperature", "vibration", "event", "failure", "", "..", "%2e%2e", "+", "#", "ä", "a" * 65]
)
_PREFIXES = st.sampled_from([PREFIX, PREFIX, PREFIX, f"{PREFIX}/", "industrial", f"/{PREFIX}", PREFIX.upper(), ""])

_ours = st.sampled_from([f"{PREFIX}/A/{what}" for what in ("temperature", "vibration", "event/failure")])
_others = st.one_of(
    st.builds(lambda prefix, levels: "/".join([prefix, *levels]), _PREFIXES, st.lists(_LEVELS, max_size=5)),
    st.builds(lambda text: f"{PREFIX}/{text}", _ANY_TEXT),
    _ANY_TEXT,
)
topics = st.builds(
    lambda ours, other, is_ours: ours if is_ours else other, _ours, _others, st.sampled_from([True, True, False])
)
"""Topics: ours, nearly ours, and text."""

_NUMBERS = st.one_of(
    st.floats(),
    st.integers(),
    st.sampled_from([0, -0.0, 5e-324, 1.7976931348623157e308, 10**400, -(10**400), 2**63, 2**1024, 499.9999999999999]),
)
_TIMES = st.one_of(
    st.integers(-300, 300).map(lambda minutes: text_of(START + timedelta(minutes=minutes))),
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.sampled_from([
        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00", "2026-11-21T24:00:00Z", "2026-02-29T00:00:00Z",
        "2026-11-21T21:40:60Z", "2026-W47-6T21:40:00Z", "2026-11-21T21:40:00.1234567891Z", "2026-11-21T21:40+99:99",
        "٢٠٢٦-11-21T21:40:00Z", "20261121T214000Z", "2026-11-21T21:40:00+00:00:01",
    ]),
    _ANY_TEXT,
)  # fmt: skip
_SCALARS = st.one_of(st.none(), st.booleans(), _NUMBERS, _ANY_TEXT, _TIMES)
_JSON = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_ANY_TEXT, inner, max_size=4), max_leaves=12
)
_GOOD = {
    "machine_id": "A",
    "timestamp_utc": text_of(START),
    "temperature_celsius": 20.5,
    "vibration_rms": 3,
    "event_code": "WEAR",
    "measured_value": 12.5,
    "threshold": 11.2,
}
_spoilt = st.dictionaries(
    st.sampled_from([*_GOOD, "replayed", "note"]), st.one_of(_NUMBERS, _TIMES, _SCALARS, _JSON), max_size=2
)
_lacking = st.lists(st.sampled_from([*_GOOD]), max_size=1)


def _encoded(value: Any, *, is_ascii: bool) -> bytes:
    return json.dumps(value, ensure_ascii=is_ascii).encode(errors="surrogatepass")


def _payload(spoilt: dict[str, Any], lacking: list[str], *, is_ascii: bool) -> bytes:
    fields = {**_GOOD, **spoilt}
    return _encoded({name: fields[name] for name in fields if name not in lacking}, is_ascii=is_ascii)


_objects = st.builds(_payload, _spoilt, _lacking, is_ascii=st.booleans())
_nearly = st.builds(
    lambda good, at, new, width: good[: at % len(good)] + new + good[at % len(good) + width :],
    _objects
    | st.sampled_from([payload.replace(b"%s", text_of(START).encode()) or b" " for _, payload in BAD.values()]),
    st.integers(0, 10_000),
    st.binary(max_size=4) | st.sampled_from([b'"', b"{", b"[", b"\\u", b"\\ud800", b"1e999", b"NaN", b",", b"\x00"]),
    st.integers(0, 12),
)
_deep = st.builds(lambda mark, depth: mark * depth, st.sampled_from([b"[", b'{"a":', b"[{"]), st.integers(1, 5_000))
payloads = st.one_of(
    _objects,
    _objects,
    _objects,
    _nearly,
    st.builds(_encoded, _JSON, is_ascii=st.booleans()),
    st.binary(max_size=200),
    _deep,
)
"""Payloads: good ones, good ones with a few bytes changed, JSON of any shape, bytes, and what nests deeply."""

_envelopes = st.builds(
    lambda topic, payload, fields: json.dumps(
        {"payload_base64": b64encode(payload).decode(), "topic": topic, "received_at_ms": 1, **fields}
    ),
    topics,
    payloads,
    st.fixed_dictionaries(
        {"received_at_ms": st.one_of(st.just(round(START.timestamp() * 1000)), st.integers(), _SCALARS)},
        optional={"payload_base64": _SCALARS, "topic": _SCALARS, "message_id": _SCALARS, "note": _JSON},
    ),
)
bodies = st.one_of(_envelopes, st.builds(json.dumps, _JSON), _ANY_TEXT)
"""Bodies of queue messages: envelopes, envelopes with fields spoilt, JSON of any shape, text."""
