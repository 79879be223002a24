"""The whole program, each stack in both modes: what it registers, tags, protects, names and exports."""

import json
import re
from collections import Counter
from dataclasses import fields

import pytest

from contract.functions import FUNCTIONS
from contract.outputs import StackOutputs
from infra.local.engine.program import autoname, stack_config
from infra.naming import is_namespace
from infra.settings import SettingsError, key_schemas
from tests.infra.evaluation import CHANGED, CHANGED_OTHERWISE, PROJECT, ROOT, evaluate_stack, evaluate_stack_afresh

STACKS = ("dev", "prod", "local")
EVERY = [(stack, preview) for stack in STACKS for preview in (True, False)]
STATEFUL = ("aws:s3/bucket:Bucket", "aws:dynamodb/table:Table", "aws:kms/key:Key")
OUTPUTS = {
    "data_lake_bucket", "data_lake_bucket_arn", "model_registry", "data_layer_arn",
    "simulator_function_name", "simulator_function_arn", "ingestion_function_name", "ingestion_function_arn",
    "label_function_name", "label_function_arn", "processing_function_name", "processing_function_arn",
    "processing_role_arn", "machine_state_table_name", "machine_state_table_arn", "label_history_table_name",
    "label_history_table_arn", "realtime_features_table_name", "realtime_features_table_arn",
    "mqtt_topic_prefix", "mqtt_topics", "topic_rule_names", "schedule_names", "log_group_names",
    "ingestion_queue_url", "label_queue_url", "dead_letter_queue_url",
    "glue_database_name", "raw_table_name", "features_table_name",
    "base_layer_arn", "polars_layer_arn", "numpy_layer_arn", "model_layer_arn",
    "training_state_machine_arn", "inference_endpoint", "inference_invoke_arn",
    "maintenance_function_name", "maintenance_invoke_arn",
    "predictions_table_name", "notice_topic_arn",
    "lake_shards", "allowed_lateness_hours", "historical_reach_days", "feature_lengths_hours", "feature_hop_minutes",
    "machine_ids",
}  # fmt: skip


def test_schedules_and_functions_know_the_time_zone_of_the_plant():
    evaluation = evaluate_stack(config=CHANGED)
    schedules = evaluation.of("scheduler/schedule:Schedule").values()
    assert len(schedules) == 5
    assert {each.inputs["scheduleExpressionTimezone"] for each in schedules} == {"Europe/Berlin"}
    functions = evaluation.of("lambda/function:Function").values()
    assert {each.inputs["environment"]["variables"]["TIME_ZONE"] for each in functions} == {"Europe/Berlin"}
    assert evaluation.outputs["time_zone"] == "Europe/Berlin"


def test_main_is_short():
    assert len((ROOT / "__main__.py").read_text().splitlines()) < 60


@pytest.mark.parametrize(("stack", "preview"), EVERY)
def test_every_output_of_the_contract_is_there(evaluated, stack, preview):
    assert OUTPUTS <= set(evaluated(stack, preview=preview).outputs) <= {field.name for field in fields(StackOutputs)}


@pytest.mark.parametrize("stack", STACKS)
def test_a_deployed_stack_knows_every_output(evaluated, stack):
    assert "<unknown>" not in json.dumps(evaluated(stack).outputs)
    unset = {name for name, value in evaluated(stack).outputs.items() if value in (None, "", {}, [])}
    assert unset == ({"machine_ids"} if stack == "prod" else set()), "prod simulates no machine"


@pytest.mark.parametrize(("stack", "preview"), EVERY)
def test_every_resource_is_made_by_the_provider_that_tags(evaluated, stack, preview):
    evaluation = evaluated(stack, preview=preview)
    (provider,) = evaluation.of("providers:aws").values()
    tags = json.loads(provider.inputs["defaultTags"])["tags"]
    assert tags == {"Project": PROJECT, "Stack": stack, "Owner": "industrial-mlops"}
    (used,) = {each.provider.rpartition("::")[0] for each in evaluation.aws}
    assert used.endswith("pulumi:providers:aws::aws"), "not the default provider, which knows no tags"
    assert not [each.name for each in evaluation.aws if "tags" in each.inputs], "tags that hide the common ones"


def test_tags_of_the_configuration_are_added_and_win():
    evaluation = evaluate_stack(config=CHANGED)
    (provider,) = evaluation.of("providers:aws").values()
    assert json.loads(provider.inputs["defaultTags"])["tags"] == {
        "Project": PROJECT, "Stack": "dev", "Owner": "line 3", "CostCentre": "4711",
    }  # fmt: skip


def test_a_tag_that_only_iam_takes_for_ours_replaces_ours():
    (provider,) = evaluate_stack(config=CHANGED_OTHERWISE).of("providers:aws").values()
    assert json.loads(provider.inputs["defaultTags"])["tags"] == {"owner": "line 3", "PROJECT": "x", "Stack": "dev"}


@pytest.mark.parametrize("stack", STACKS)
def test_objects_of_s3_which_hold_ten_tags_carry_none(evaluated, stack):
    objects = evaluated(stack).of("s3/bucketObjectv2:BucketObjectv2")
    assert objects
    assert all(each.inputs["overrideProvider"] == {"defaultTags": {"tags": {}}} for each in objects.values())


@pytest.mark.parametrize(("stack", "is_protected"), [("dev", False), ("local", False), ("prod", True)])
def test_exactly_what_holds_data_is_protected_and_retained_where_the_stack_says_so(evaluated, stack, is_protected):
    for each in evaluated(stack).aws:
        guarded = is_protected and each.type in STATEFUL
        # Models name the channels that they were made with, so a document of channels is kept.
        kept = guarded or each.name == "data-lake-channels-document"
        assert (each.options["protect"], each.options["retain"]) == (guarded, kept), each.name
        if each.type == "aws:dynamodb/table:Table":
            assert each.inputs["deletionProtectionEnabled"] is is_protected
        if each.type == "aws:s3/bucket:Bucket":
            assert each.inputs["forceDestroy"] is not is_protected


@pytest.mark.parametrize("stack", STACKS)
def test_names_that_we_choose_are_legal_and_distinct(evaluated, stack):
    evaluation = evaluated(stack)
    legal = {
        "iot/topicRule:TopicRule": r"\w{1,128}",
        "glue/catalogDatabase:CatalogDatabase": r"[a-z0-9_]{1,255}",
        "glue/catalogTable:CatalogTable": r"[a-z0-9_]{1,255}",
        "sqs/queue:Queue": r"[\w-]{1,80}",
        "cloudwatch/logGroup:LogGroup": r"[\w/.#-]{1,512}",
    }
    for kind, pattern in legal.items():
        names = [each.inputs["name"] for each in evaluation.of(kind).values()]
        assert names
        assert all(re.fullmatch(pattern, name, re.ASCII) for name in names)
        assert len(set(names)) == len(names)


def test_names_that_pulumi_makes_fit_what_aws_allows_for_the_longest_stack_name():
    stack = "production-sao-paulo"
    assert len(stack) == 20
    assert is_namespace(f"{PROJECT}-{stack}")
    assert not is_namespace(f"{PROJECT}-{stack}s")
    # https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html; what is not here has 128 or more.
    limits = {
        "aws:apigatewayv2/api:Api": 128,
        "aws:cloudwatch/eventApiDestination:EventApiDestination": 64,
        "aws:cloudwatch/eventConnection:EventConnection": 64,
        "aws:cloudwatch/eventRule:EventRule": 64,
        "aws:iam/role:Role": 64,
        "aws:iot/topicRule:TopicRule": 128,
        "aws:lambda/function:Function": 64,
        "aws:s3/bucket:Bucket": 63,
        "aws:scheduler/schedule:Schedule": 64,
        "aws:sfn/stateMachine:StateMachine": 80,
        "aws:sqs/queue:Queue": 80,
    }
    target = {"name": "a" * 16, "endpoint": "https://cmms.example.com/", "secretName": "cmms"}
    config = {"accessLogging": True, "alarmsEnabled": True, "customerManagedKey": True, "workOrderTargets": [target]}
    evaluation = evaluate_stack(stack, config={**config, "aws:region": "eu-west-1"})
    assert {each.type for each in evaluation.aws} >= limits.keys()
    name_of = autoname(PROJECT, stack, stack_config(stack, ROOT)[1])
    for each in evaluation.aws:
        name = each.inputs.get("name") or name_of(each.type, each.name)
        assert len(name) <= limits.get(each.type, 128 if each.type != "aws:cloudwatch/logGroup:LogGroup" else 512), name


@pytest.mark.parametrize(("partition", "region"), [("aws-us-gov", "us-gov-west-1"), ("aws-cn", "cn-northwest-1")])
def test_no_arn_of_another_partition_names_aws_itself(partition, region):
    target = {"name": "cmms", "endpoint": "https://cmms.example.com/", "secretName": "cmms"}
    config = {"aws:region": region, "basicIngest": True, "workOrderTargets": [target]}
    evaluation = evaluate_stack_afresh("prod", partition=partition, config=config)
    text = evaluation.canonical()
    assert f"arn:{partition}:" in text
    assert "arn:aws:" not in text


def test_policies_fit_in_the_partition_with_the_longest_name():
    longest = ["MACHINE-" + "0" * 20 + str(number) for number in range(12)]
    config = {
        "aws:region": "us-gov-west-1", "customerManagedKey": True, "basicIngest": True, "tracing": True,
        "mqttTopicPrefix": "x" * 107 + "/production-sao-paulo", "machineIds": longest,
    }  # fmt: skip
    evaluation = evaluate_stack_afresh("production-sao-paulo", partition="aws-us-gov", config=config)
    inline = Counter()
    for each in evaluation.of("rolePolicy:RolePolicy").values():
        inline[each.inputs["role"]] += len(each.inputs["policy"])
    assert max(inline.values()) <= 10_240, "of a role, without white space"
    for each in evaluation.of("iam/role:Role").values():
        assert len(each.inputs["assumeRolePolicy"]) <= 2_048, each.name
    for each in evaluation.of("iot/policy:Policy").values():
        assert len(each.inputs["policy"]) <= 2_048, each.name
    for each in evaluation.of("bucketPolicy:BucketPolicy").values():
        assert len(each.inputs["policy"]) <= 20_480, each.name


@pytest.mark.parametrize("stack", ["Dev", "my_stack", "a-stack-with-a-long-name"])
def test_a_stack_whose_name_fits_no_resource_is_refused(stack):
    with pytest.raises(SettingsError, match="pulumi stack init"):
        evaluate_stack(stack, config={"aws:region": "eu-west-1"})


@pytest.mark.parametrize("stack", STACKS)
def test_no_two_resources_of_one_type_share_a_name(evaluated, stack):
    names = [(each.type, each.name) for each in evaluated(stack).registrations]
    assert len(set(names)) == len(names)


def test_a_configured_bucket_name_is_used_and_otherwise_one_is_made():
    named = evaluate_stack(config=CHANGED)
    assert named.of("s3/bucket:Bucket")["data-lake"].inputs["bucket"] == "acme-lake"
    assert "bucket" not in evaluate_stack().of("s3/bucket:Bucket")["data-lake"].inputs


def layer_archives(evaluation):
    objects = evaluation.of("s3/bucketObjectv2:BucketObjectv2")
    return {name: each for name, each in objects.items() if each.inputs["key"].startswith("layers/")}


def test_a_preview_builds_no_layer_and_says_which_it_would_take(monkeypatch, tmp_path):
    monkeypatch.setattr("infra.packaging.LAYER_FOLDER", tmp_path)
    monkeypatch.setattr("infra.layer.build", lambda layer: pytest.fail(f"built {layer.name} during a preview"))
    archives = layer_archives(evaluate_stack(preview=True)).values()
    keys = sorted(archive.inputs["key"] for archive in archives)
    assert [re.sub(r"-[0-9a-f]{16}\.zip", "", key) for key in keys] == [
        "layers/base", "layers/model", "layers/numpy", "layers/polars",
    ]  # fmt: skip
    assert all("not built yet" in archive.inputs["source"]["text"] for archive in archives)


def test_a_function_attaches_the_layers_of_its_row_and_no_other(evaluated):
    layers = evaluated("dev").of("lambda/layerVersion:LayerVersion").values()
    name_of = {layer.arn: layer.name.removesuffix("-layer").split("-")[0] for layer in layers}
    attached = {
        each.inputs["handler"].split(".")[1]: tuple(name_of[arn] for arn in each.inputs["layers"])
        for each in evaluated("dev").of("lambda/function:Function").values()
    }
    assert attached == {row.name: row.layers for row in FUNCTIONS.values()}
    assert all(len(names) <= 5 for names in attached.values()), "what Lambda allows"


def test_whether_a_layer_is_built_already_changes_nothing_that_pulumi_compares(evaluated):
    unbuilt, built = layer_archives(evaluated("dev", preview=True)), layer_archives(evaluated("dev"))
    assert {name: each.inputs["key"] for name, each in unbuilt.items()} == {
        name: each.inputs["key"] for name, each in built.items()
    }
    assert [each.options["ignore"] for each in built.values()] == [["source"]] * 4


def test_logs_are_kept_for_as_long_as_configured_and_a_year_unless_it_is(evaluated):
    for evaluation, days in ((evaluated("dev"), 365), (evaluate_stack(config=CHANGED), 7)):
        groups = evaluation.of("cloudwatch/logGroup:LogGroup").values()
        functions = evaluation.of("lambda/function:Function")
        assert [group.inputs["retentionInDays"] for group in groups] == [days] * (
            len(functions) + 3
        )  # API, two state machines


def test_production_encrypts_everything_with_a_key_of_its_own(evaluated):
    evaluation = evaluated("prod")
    (key,) = evaluation.of("kms/key:Key").values()
    used = {
        "dynamodb/table:Table": lambda inputs: inputs["serverSideEncryption"]["kmsKeyArn"],
        "sqs/queue:Queue": lambda inputs: inputs["kmsMasterKeyId"],
        "sns/topic:Topic": lambda inputs: inputs["kmsMasterKeyId"],
        "lambda/function:Function": lambda inputs: inputs["kmsKeyArn"],
        "cloudwatch/logGroup:LogGroup": lambda inputs: inputs["kmsKeyId"],
        "scheduler/schedule:Schedule": lambda inputs: inputs["kmsKeyArn"],
    }
    for kind, key_of in used.items():
        found = evaluation.of(kind)
        assert found
        assert {key_of(each.inputs) for each in found.values()} == {key.arn}, kind
    lake = evaluation.of("BucketServerSideEncryptionConfiguration")["data-lake-encryption"]
    rule = lake.inputs["rules"][0]
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key.arn}


def test_a_cheap_stack_has_no_key_no_alarm_and_no_log_bucket(evaluated):
    kinds = {each.type for each in evaluated("dev").aws}
    assert kinds.isdisjoint(
        {"aws:kms/key:Key", "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:s3/bucketLogging:BucketLogging"}
    )


def test_silence_begins_after_as_long_as_is_configured(evaluated):
    environment = evaluated("prod").of("lambda/function:Function")["scoring-fleet"].inputs["environment"]["variables"]
    assert environment["SILENT_AFTER_HOURS"] == "1"


def test_each_address_is_subscribed():
    evaluation = evaluate_stack(config=CHANGED)
    endpoints = [each.inputs["endpoint"] for each in evaluation.of("TopicSubscription").values()]
    assert sorted(endpoints) == ["a@example.com", "b@example.com"]


def test_each_key_of_the_project_file_is_typed_described_and_has_a_default():
    for key, schema in key_schemas().items():
        assert {"type", "default", "description"} <= set(schema), key
        # Pulumi knows no other, and refuses the whole project for one.
        assert schema["type"] in {"string", "integer", "boolean", "array", "object"}, key
        assert schema["description"][0].isupper(), key


@pytest.mark.parametrize(
    ("config", "level", "lets_pass"),
    [(CHANGED, "ERROR", "INFO"), ({}, "INFO", "INFO"), (CHANGED_OTHERWISE, "DEBUG", "DEBUG")],
    ids=["ERROR", "INFO", "DEBUG"],
)
def test_no_log_level_drops_metrics_or_the_line_on_duration_and_memory(config, level, lets_pass):
    for each in evaluate_stack(config=config).of("lambda/function:Function").values():
        assert each.inputs["environment"]["variables"]["POWERTOOLS_LOG_LEVEL"] == level
        assert each.inputs["loggingConfig"]["applicationLogLevel"] == lets_pass
        assert each.inputs["loggingConfig"]["systemLogLevel"] == "INFO"
