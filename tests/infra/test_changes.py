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
    monkeypatch.setattr(changes, "_has_own_key", lambda *_: False)
    assert changes.main(arguments) == status
    output = capsys.readouterr().err
    assert "pulumi config set mqttTopicPrefix industrial/dev/machine" in output
    assert json.dumps(output).count("refused") == status


@pytest.mark.parametrize(
    ("quota", "unreserved", "ours", "wanted", "available"),
    [
        (10, 10, 0, 72, 0),  # a new account
        (50, 50, 0, 1, 0),
        (1000, 1000, 0, 72, None),
        (1000, 1000, 0, 901, 900),
        (1000, 150, 0, 72, 50),  # others have reserved
        (1000, 128, 72, 100, None),  # ours are taken back and given anew
    ],
)
def test_concurrency_that_the_account_has_not_is_refused_before_the_update(quota, unreserved, ours, wanted, available):
    account = changes.Concurrency(quota, unreserved, ours)
    lack = changes.lack_of_concurrency(wanted, account, stack="prod")
    if available is None:
        assert lack is None
    else:
        assert lack.is_refused
        assert f"has {available} to give" in lack.text
        assert "pulumi config rm reservedConcurrency --stack prod" in lack.text


def test_the_first_update_of_prod_is_held_up_in_a_new_account(monkeypatch, capsys):
    class Lambda:
        def get_account_settings(self):
            return {"AccountLimit": {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}}

    asked = []
    config = {
        "aws:region": {"value": "eu-central-1"},
        "mlops-industrial:reservedConcurrency": {"objectValue": {"ingestion": 20, "inference": 20}},
    }
    monkeypatch.setattr(changes, "_pulumi", lambda *words: config if "config" in words else {})
    monkeypatch.setattr(changes, "_has_own_key", lambda *_: False)
    monkeypatch.setattr(changes, "_client", lambda service, place: asked.append((service, place)) or Lambda())
    assert changes.main(["prod"]) == 1
    assert ("lambda", {"region": "eu-central-1"}) in asked
    assert "40 runs at once are to be reserved" in capsys.readouterr().err
    assert changes.main(["prod", "--accept", "reservedConcurrency"]) == 0
