"""Channels are configuration: checked before anything is registered, and one object that every function reads."""

import json

import pytest

from infra.settings import SettingsError
from mlops_core.features import STATISTICS
from mlops_core.telemetry import CHANNELS, Channel, Channels
from tests.infra.evaluation import evaluate_stack

TEMPERATURE = {
    "name": "temperature",
    "payloadField": "temperature_celsius",
    "unit": "degC",
    "minimum": -50,
    "maximum": 500,
}
VIBRATION = {
    "name": "vibration", "payloadField": "vibration_rms", "unit": "mm/s", "minimum": 0, "maximum": 1000,
    "quantity": "velocity_rms",
}  # fmt: skip
CURRENT = {"name": "current", "payloadField": "current_a", "unit": "A", "minimum": 0, "maximum": 400}
PLANT = {"simulatorEnabled": False, "machineIds": []}


def many(number, **more):
    return [{"name": f"c{each}", "unit": "1", "minimum": 0, "maximum": 1, **more} for each in range(number)]


def test_the_configured_default_is_what_the_library_has_out_of_the_box(evaluated):
    assert evaluated("dev").outputs["channels_key"] == f"channels/{CHANNELS.hash}.json"


def test_a_third_channel_is_a_matter_of_configuration_alone(evaluated):
    changed = evaluate_stack(config={"channels": [TEMPERATURE, VIBRATION, CURRENT]})
    stored = changed.of("BucketObjectv2")["data-lake-channels-document"]
    current = Channel(name="current", payload_field="current_a", unit="A", minimum=0, maximum=400)
    expected = Channels(*CHANNELS.values(), current)
    assert Channels.from_document(stored.inputs["content"].encode()) == expected
    assert stored.inputs["key"] == f"channels/{expected.hash}.json" == changed.outputs["channels_key"]
    assert stored.options["retain"], "what models and running functions name is kept"
    assert changed.outputs["mqtt_topics"]["current"] == "industrial/dev/machine/+/current"
    rules = changed.outputs["topic_rule_names"]
    assert set(rules) == {"temperature", "vibration", "current", "failure", "unclassified"}
    assert rules["current"] == rules["temperature"] == rules["unclassified"] != rules["failure"]
    columns = changed.of("CatalogTable")["processing-catalogue-features"].inputs["storageDescriptor"]["columns"]
    assert {"current_mean_6h", "vibration_mean_6h"} <= {column["name"] for column in columns}
    untouched = {"TopicRule", "Queue", "Table", "Bucket", "Policy"}
    for kind in untouched:
        assert {name: each.inputs for name, each in changed.of(f":{kind}").items()} == {
            name: each.inputs for name, each in evaluated("dev").of(f":{kind}").items()
        }, f"adding a channel changes no {kind}"


def test_every_function_that_knows_what_is_measured_is_given_the_document(evaluated):
    functions = evaluated("dev").of("lambda/function:Function")
    given = {name for name, each in functions.items() if "CHANNELS_KEY" in each.inputs["environment"]["variables"]}
    assert given == {
        "ingestion-readings",
        "processing-features",
        "training-set",
        "training-fit",
        "inference-api",
        "scoring-fleet",
        "page-fleet",
    }


@pytest.mark.parametrize("number", [21, 300])
def test_a_stack_may_have_hundreds_of_channels_and_few_statistics_of_each(number):
    evaluation = evaluate_stack(config={"channels": many(number), **PLANT})
    columns = evaluation.of("CatalogTable")["processing-catalogue-features"].inputs["storageDescriptor"]["columns"]
    statistics = {column["name"].split("_")[1] for column in columns if column["name"].startswith("c0_")}
    assert statistics == {"count", "mean", "std", "max", "last"}
    assert len(json.dumps(evaluation.outputs)) < 100_000


def test_a_channel_names_the_statistics_that_its_windows_get():
    starts = {"name": "starts", "unit": "1", "minimum": 0, "maximum": 1e9, "kind": "counter", "statistics": ["last"]}
    evaluation = evaluate_stack(config={"channels": [TEMPERATURE, VIBRATION, starts]})
    columns = evaluation.of("CatalogTable")["processing-catalogue-features"].inputs["storageDescriptor"]["columns"]
    names = {column["name"] for column in columns if column["name"].endswith("_6h")}
    assert {name for name in names if name.startswith("starts")} == {"starts_count_6h", "starts_last_6h"}
    assert "vibration_kurtosis_6h" in names


@pytest.mark.parametrize(
    ("channels", "says"),
    [
        ([], "at least one"),
        ([TEMPERATURE, VIBRATION, {"name": "a"}], "channels[2] (a): unit"),
        ([TEMPERATURE, VIBRATION, CURRENT | {"name": "Current"}], "channels[2] (Current): name"),
        ([TEMPERATURE, VIBRATION, CURRENT | {"payloadField": "timestamp_utc"}], "taken by every message"),
        ([TEMPERATURE, VIBRATION, CURRENT | {"maximum": -1}], "the smaller first"),
        ([TEMPERATURE, VIBRATION, CURRENT | {"kind": "gauge"}], "channels[2] (current): kind"),
        ([TEMPERATURE, VIBRATION, CURRENT | {"colour": "red"}], "channels[2] (current): colour"),
        ([TEMPERATURE, VIBRATION, CURRENT | {"quantity": "velocity_rms"}], "mm/s"),
        ([TEMPERATURE, VIBRATION, CURRENT | {"statistics": ["median"]}], "statistics of current"),
        ([TEMPERATURE, VIBRATION, VIBRATION], "registered twice"),
        ([TEMPERATURE, VIBRATION, CURRENT | {"name": "event"}], "reserved"),
        ([TEMPERATURE, "vibration"], "channels[1]"),
        ([TEMPERATURE], "which the simulator publishes"),
        ([TEMPERATURE, VIBRATION | {"payloadField": "v"}], "which the simulator publishes"),
        ("temperature", "not of type array"),
    ],
)
def test_channels_that_cannot_work_are_refused_with_the_one_at_fault(channels, says):
    with pytest.raises(SettingsError) as refused:
        evaluate_stack(config={"channels": channels})
    ((key, problem, _),) = refused.value.problems
    assert key == "mlops-industrial:channels"
    assert says in problem


@pytest.mark.parametrize(
    ("channels", "says"),
    [(many(301), "more than 300"), (many(300, statistics=STATISTICS), "400 KB")],
)
def test_more_than_a_stack_can_hold_is_refused(channels, says):
    config = {"channels": channels, "featureLengthsHours": [1, 6, 24, 168], **PLANT}
    with pytest.raises(SettingsError, match=says):
        evaluate_stack(config=config)
