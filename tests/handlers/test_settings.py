"""A function with a wrong environment says at once which variable is wrong."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from contract.environment import IngestionSettings, ProcessingSettings, SimulatorSettings
from contract.functions import FUNCTIONS
from contract.variables import InvalidEnvironmentError
from handlers import runtime

MODELS = {name: row.settings for name, row in FUNCTIONS.items()}


@pytest.fixture(params=MODELS)
def function(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def environment(monkeypatch, environments):
    """Set the environment of a function, with variables changed (None removes one)."""

    def change(function: str, **changes: str | None) -> None:
        for name, value in (environments[function] | changes).items():
            monkeypatch.delenv(name, raising=False)
            if value is not None:
                monkeypatch.setenv(name, value)

    return change


def test_what_has_a_unit_becomes_a_duration(environment):
    environment("processing", FEATURE_HOP_MINUTES="30")
    read = runtime.settings(ProcessingSettings)()
    assert read.time_window == timedelta(hours=6)
    assert read.feature_lengths == (timedelta(hours=1), timedelta(hours=6))
    assert read.feature_hop == timedelta(minutes=30)
    assert read.allowed_lateness == timedelta(hours=48)


def test_settings_cannot_be_changed(environment, function):
    environment(function)
    read = runtime.settings(MODELS[function])()
    with pytest.raises(ValidationError, match="frozen"):
        read.powertools_service_name = "other"


def test_every_required_variable_is_named_when_it_is_missing(environment, environments, function):
    for variable in (*environments[function], "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"):
        environment(function, **{variable: None})
        with pytest.raises(InvalidEnvironmentError, match=f"{variable}: Field required"):
            runtime.settings(MODELS[function])()
        environment(function, POWERTOOLS_SERVICE_NAME="tests", POWERTOOLS_METRICS_NAMESPACE="tests")


def test_all_faults_are_told_at_once(environment):
    environment("processing", DATA_LAKE_BUCKET=None, TIME_WINDOW="soon")
    with pytest.raises(InvalidEnvironmentError) as raised:
        runtime.settings(ProcessingSettings)()
    assert "DATA_LAKE_BUCKET: " in str(raised.value)
    assert "TIME_WINDOW: " in str(raised.value)


@pytest.mark.parametrize(
    ("function", "variable", "value"),
    [
        ("simulator", "MACHINE_IDS", "PUMP-A01"),  # not JSON
        ("simulator", "MACHINE_IDS", '["PUMP-A01", "PUMP-A01"]'),
        ("simulator", "MACHINE_IDS", '["../etc"]'),
        ("simulator", "MACHINE_STATE_TABLE", ""),
        ("simulator", "LABEL_HISTORY_TABLE", ""),
        ("simulator", "SIMULATOR_SEED", "seven"),
        ("simulator", "SAMPLING_INTERVAL_SECONDS", "0"),
        ("simulator", "MAX_CATCH_UP_MINUTES", "-1"),
        ("simulator", "MAX_CATCH_UP_MINUTES", "9" * 20),
        ("simulator", "MQTT_TOPIC_PREFIX", "industrial/+/machine"),
        ("ingestion", "MQTT_TOPIC_PREFIX", "industrial/machine/"),
        ("ingestion", "MQTT_TOPIC_PREFIX", "industrial/machine\n"),
        ("processing", "LAKE_SHARDS", "0"),
        ("ingestion", "ALLOWED_LATENESS_HOURS", "48h"),
        ("labels", "LABEL_HISTORY_TABLE", ""),
        ("processing", "TIME_WINDOW", "1.5"),
        ("processing", "FEATURE_LENGTHS_HOURS", "[]"),
        ("processing", "FEATURE_LENGTHS_HOURS", "[1, 0]"),
        ("processing", "FEATURE_LENGTHS_HOURS", "[6, 6]"),
        ("processing", "FEATURE_LENGTHS_HOURS", "6"),
        ("processing", "FEATURE_HOP_MINUTES", "7"),
        ("processing", "FEATURE_HOP_MINUTES", "120"),
    ],
)
def test_a_value_that_cannot_work_is_refused_by_its_name(environment, function, variable, value):
    environment(function, **{variable: value})
    with pytest.raises(InvalidEnvironmentError, match=variable):
        runtime.settings(MODELS[function])()


def test_the_variables_of_settings_are_read_back_as_equal_settings(environment, function):
    environment(function)
    read = runtime.settings(MODELS[function])()
    assert MODELS[function].read(read.variables()) == read


def test_a_field_that_no_function_reads_is_refused():
    with pytest.raises(ValidationError, match="lake_shard"):
        IngestionSettings.model_validate({"data_lake_bucket": "lake", "lake_shard": 2})


def test_a_step_shorter_than_the_sampling_interval_is_refused(environment):
    environment("simulator", SAMPLING_INTERVAL_SECONDS="600", MAX_CATCH_UP_MINUTES="5")
    with pytest.raises(InvalidEnvironmentError, match=r"MAX_CATCH_UP_MINUTES.*SAMPLING_INTERVAL_SECONDS"):
        runtime.settings(SimulatorSettings)()


def test_the_message_does_not_repeat_the_value(environment):
    environment("processing", LAKE_SHARDS="a-secret-put-in-the-wrong-place")
    with pytest.raises(InvalidEnvironmentError) as raised:
        runtime.settings(ProcessingSettings)()
    assert "secret" not in str(raised.value)
