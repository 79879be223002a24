import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from mlops_core.errors import InvalidArgumentError
from mlops_core.telemetry import (
    CHANNELS,
    MACHINE_ID_PATTERN,
    Channel,
    channel_registry,
    check_machine_id,
    is_machine_id,
)


@pytest.mark.parametrize("machine_id", ["PUMP-A01", "a", "0", "x_y-z", "A" * 64])
def test_letters_digits_dashes_and_underscores_name_a_machine(machine_id):
    assert check_machine_id(machine_id) == machine_id


@pytest.mark.parametrize(
    "machine_id",
    [
        "",
        "-A",
        "_A",
        "A" * 65,
        "A" * 4096,
        "..",
        "../A",
        "A/B",
        "%2e%2e",
        "PUMP A01",
        "PUMP-A01\n",
        "PÜMP",
        "٣",
        "A\x00",
    ],
)
def test_anything_else_does_not(machine_id):
    with pytest.raises(InvalidArgumentError, match="machine_id"):
        check_machine_id(machine_id)


@given(st.from_regex(MACHINE_ID_PATTERN, fullmatch=True))
def test_every_machine_id_is_short_ascii_without_separators(machine_id):
    # from_regex ignores re.ASCII, which the pattern does not need: it holds no character class such as \w.
    assert is_machine_id(machine_id)
    assert machine_id.isascii()
    assert not set(machine_id) & set("/.%+#$ \n")


def test_the_channels_out_of_the_box_are_temperature_and_vibration():
    assert {name: (c.payload_field, c.unit, c.minimum, c.maximum) for name, c in CHANNELS.items()} == {
        "temperature": ("temperature_celsius", "degC", -50.0, 500.0),
        "vibration": ("vibration_rms", "mm/s", 0.0, 1000.0),
    }


def test_a_registry_grows_by_data_and_cannot_be_changed_afterwards():
    pressure = Channel(name="oil_pressure", payload_field="oil_pressure_bar", unit="bar", minimum=0, maximum=25)
    registry = channel_registry(*CHANNELS.values(), pressure)
    assert set(registry) == {"temperature", "vibration", "oil_pressure"}
    with pytest.raises(TypeError):
        registry["temperature"] = pressure  # pyright: ignore[reportIndexIssue]  # what is tried


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"minimum": 600.0}, "smaller first"),
        ({"maximum": float("inf")}, "1e70"),
        ({"payload_field": "timestamp_utc"}, "taken"),
    ],
)
def test_a_channel_that_could_never_work_is_refused(changed, problem):
    with pytest.raises(ValidationError, match=problem):
        Channel(**(CHANNELS["temperature"].model_dump() | changed))


@pytest.mark.parametrize("name", ["", "Temperature", "a/b", "t" * 33, "1st"])
def test_a_channel_name_fits_a_topic_and_a_column(name):
    with pytest.raises(ValueError, match="name"):
        Channel(name=name, payload_field="x", unit="1", minimum=0, maximum=1)


def test_a_name_registered_twice_or_reserved_is_refused():
    with pytest.raises(InvalidArgumentError, match="twice"):
        channel_registry(CHANNELS["vibration"], CHANNELS["vibration"])
    with pytest.raises(InvalidArgumentError, match="reserved"):
        channel_registry(Channel(name="event", payload_field="x", unit="1", minimum=0, maximum=1))
