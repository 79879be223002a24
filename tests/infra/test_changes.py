"""A configuration is compared with the stack that runs before anything is deployed."""

import json

import pytest

from infra import changes

OUTPUTS = {
    "data_lake_bucket": "lake",
    "mqtt_topic_prefix": "industrial/dev/machine",
    "feature_hop_minutes": 60,
    "feature_lengths_hours": [1, 6, 24],
    "lake_shards": 1,
}


def found(config, *, outputs=OUTPUTS, has_own_key=False):
    return {
        each.key: each.is_refused for each in changes.changes(outputs, config, stack="dev", has_own_key=has_own_key)
    }


def test_an_unchanged_configuration_and_a_first_deployment_are_not_refused():
    assert found({}) == {}
    assert found({"dataLakeBucketName": "other"}, outputs={}) == {}
    assert found({"dataLakeBucketName": "lake", "customerManagedKey": True}, has_own_key=True) == {}


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"dataLakeBucketName": "other"}, "dataLakeBucketName"),
        ({"mqttTopicPrefix": "plant/machine"}, "mqttTopicPrefix"),
        ({"customerManagedKey": False}, "customerManagedKey"),
        ({}, "customerManagedKey"),
    ],
)
def test_what_would_lose_data_or_machines_is_refused(config, key):
    assert found(config, has_own_key=key == "customerManagedKey") == {key: True}


def test_what_is_rebuilt_is_said_and_not_refused():
    assert found({"featureHopMinutes": 30, "featureLengthsHours": [1, 6], "lakeShards": 4}) == dict.fromkeys(
        ("featureHopMinutes", "featureLengthsHours", "lakeShards"), False
    )


@pytest.mark.parametrize(("arguments", "status"), [(["dev"], 1), (["dev", "--accept", "mqttTopicPrefix"], 0)])
def test_a_refusal_names_its_remedy_and_may_be_accepted_by_name(monkeypatch, capsys, arguments, status):
    config = {"mlops-industrial:mqttTopicPrefix": {"value": "plant/machine"}}
    monkeypatch.setattr(changes, "_pulumi", lambda *words: OUTPUTS if "output" in words else config)
    monkeypatch.setattr(changes, "_has_own_key", lambda _: False)
    assert changes.main(arguments) == status
    said = capsys.readouterr().err
    assert "pulumi config set mqttTopicPrefix industrial/dev/machine" in said
    assert json.dumps(said).count("refused") == status
