"""Channels are data with one document and one hash: what a stack configures, functions read and models name."""

import pytest
from pydantic import ValidationError

from mlops_core.errors import InvalidArgumentError, MalformedObjectError
from mlops_core.lake import channels_key
from mlops_core.telemetry import CHANNELS, MAXIMUM_CHANNELS, VELOCITY_RMS, Channel, Channels

CURRENT = Channel(name="current", payload_field="current_a", unit="A", minimum=0, maximum=400)
STARTS = Channel(name="starts", unit="1", minimum=0, maximum=1e9, kind="counter", statistics=("last", "count"))


def test_a_document_is_read_back_as_equal_channels():
    channels = Channels(*CHANNELS.values(), CURRENT, STARTS)
    read = Channels.from_document(channels.document)
    assert read == channels
    assert (read.hash, read.document) == (channels.hash, channels.document)
    assert read["starts"] == STARTS


def test_the_hash_depends_on_what_is_measured_and_not_on_the_order_in_which_it_is_configured():
    assert Channels(CURRENT, STARTS).hash == Channels(STARTS, CURRENT).hash
    changed = [{"maximum": 500}, {"unit": "mA"}, {"kind": "state"}, {"statistics": ("mean",)}, {"payload_field": "i"}]
    hashes = {Channels(Channel(**(CURRENT.model_dump() | change)), STARTS).hash for change in changed}
    assert len(hashes | {Channels(CURRENT, STARTS).hash}) == len(changed) + 1


def test_the_document_of_the_channels_out_of_the_box_stays_the_same_bytes():
    assert channels_key(CHANNELS.hash) == f"channels/{CHANNELS.hash}.json"
    assert CHANNELS.document == (
        b'{"channels":[{"maximum":500.0,"minimum":-50.0,"name":"temperature","payload_field":"temperature_celsius",'
        b'"unit":"degC"},{"maximum":1000.0,"minimum":0.0,"name":"vibration","payload_field":"vibration_rms",'
        b'"quantity":"velocity_rms","unit":"mm/s"}]}'
    )


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"channels":[{"name":"a"}]}', b'{"channels":{}}', b"\xff"])
def test_what_is_no_document_of_channels_is_refused(body):
    with pytest.raises(MalformedObjectError, match="no channels"):
        Channels.from_document(body)


def test_velocity_is_measured_in_its_unit_alone():
    assert CHANNELS.of_quantity(VELOCITY_RMS) == ("vibration",)
    with pytest.raises(ValidationError, match="mm/s"):
        Channel(name="v", unit="in/s", minimum=0, maximum=1, quantity=VELOCITY_RMS)


def test_there_are_300_channels_at_most():
    many = [Channel(name=f"c{number}", unit="1", minimum=0, maximum=1) for number in range(MAXIMUM_CHANNELS + 1)]
    assert len(Channels(*many[:-1])) == MAXIMUM_CHANNELS
    with pytest.raises(InvalidArgumentError, match="more than 300"):
        Channels(*many)
