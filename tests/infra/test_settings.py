"""What cannot work is refused before anything is registered, by an error that names the key and the remedy."""

import inspect
import json
from datetime import timedelta

import pulumi_aws as aws
import pytest
import yaml
from pydantic.alias_generators import to_snake

from infra.naming import own_topic_prefix
from infra.provider_settings import REFUSED, ProviderSettings
from infra.schedule_expression import Intervals, intervals, schedule_problem
from infra.settings import PROJECT_FILE, SettingsError, key_schemas
from infra.stack_settings import StackSettings
from tests.infra.evaluation import Evaluation, evaluate_stack, evaluate_stack_afresh, settings_of

MANY = [f"MACHINE-{number:04}" for number in range(500)]


@pytest.mark.parametrize(
    ("config", "key", "says"),
    [
        ({"machineId": ["M1"]}, "machineId", "Did you mean machineIds?"),
        ({"colour": "red"}, "colour", "there is no such key"),
        ({"simulatorScheduleExpression": "rate(1 minutes)"}, "simulatorScheduleExpression", "rate(1 minute)"),
        ({"processingScheduleExpression": "every six hours"}, "processingScheduleExpression", "rate(6 hours)"),
        ({"machineIds": ["A", "B", "A"]}, "machineIds", "more than once"),
        ({"machineIds": ["PUMP A01"]}, "machineIds", "is not a machine id"),
        ({"machineIds": ["PUMP/A01"]}, "machineIds", "is not a machine id"),
        ({"machineIds": []}, "machineIds", "set simulatorEnabled to false"),
        ({"machineIds": MANY}, "machineIds", "do not fit"),
        ({"machineIds": "PUMP-A01"}, "machineIds", "not of type array"),
        ({"featureHopMinutes": 45}, "featureHopMinutes", "does not divide"),
        ({"featureHopMinutes": 120, "timeWindowHours": 5}, "featureHopMinutes", "5 h"),
        ({"featureLengthsHours": [1, 6, 6]}, "featureLengthsHours", "more than once"),
        ({"featureLengthsHours": [0]}, "featureLengthsHours", "greater than or equal to 1"),
        ({"eventFeatures": ["er ror"]}, "eventFeatures", "neither a kind of events nor kind/code"),
        ({"eventFeatures": ["error", "error"]}, "eventFeatures", "names one twice"),
        ({"eventFeatures": [f"error/{'C' * 90}{n}" for n in range(9)]}, "eventFeatures", "more than 800 characters"),
        ({"attributeFeatures": ["site"]}, "attributeFeatures", "one of machine_class, iso_group, site with =VALUE"),
        ({"attributeFeatures": ["speed_rpm=3"]}, "attributeFeatures", "neither a rated value nor"),
        ({"attributeFeatures": ["speed_rpm", "speed_rpm"]}, "attributeFeatures", "more than once"),
        ({"timeWindowHours": 0}, "timeWindowHours", "greater than or equal to 1"),
        ({"lambdaTimeoutSeconds": 901}, "lambdaTimeoutSeconds", "less than or equal to 900"),
        ({"lambdaTimeoutSeconds": 0}, "lambdaTimeoutSeconds", "greater than or equal to 1"),
        ({"processingTimeoutSeconds": 3600}, "processingTimeoutSeconds", "less than or equal to 900"),
        ({"lambdaMemoryMb": 64}, "lambdaMemoryMb", "greater than or equal to 128"),
        ({"processingMemoryMb": 20480}, "processingMemoryMb", "less than or equal to 10240"),
        ({"processingMemoryMb": "much"}, "processingMemoryMb", "not of type integer"),
        ({"ingestionBatchSize": 20_000}, "ingestionBatchSize", "less than or equal to 10000"),
        ({"ingestionBatchWindowSeconds": 301}, "ingestionBatchWindowSeconds", "less than or equal to 300"),
        ({"ingestionBatchWindowSeconds": 0}, "ingestionBatchWindowSeconds", "window of at least 1 second"),
        ({"ingestionMaximumConcurrency": 1}, "ingestionMaximumConcurrency", "greater than or equal to 2"),
        ({"mqttTopicPrefix": "/industrial"}, "mqttTopicPrefix", "pattern"),
        ({"mqttTopicPrefix": "industrial/"}, "mqttTopicPrefix", "pattern"),
        ({"mqttTopicPrefix": "industrial/+"}, "mqttTopicPrefix", "pattern"),
        ({"mqttTopicPrefix": "plant.1"}, "mqttTopicPrefix", "pattern"),
        ({"mqttTopicPrefix": "a/b/c/d/e"}, "mqttTopicPrefix", "pattern"),
        ({"dataLakeBucketName": "My_Bucket"}, "dataLakeBucketName", "pattern"),
        ({"lakeShards": 101}, "lakeShards", "less than or equal to 100"),
        ({"logRetentionDays": 31}, "logRetentionDays", "30, 60"),
        ({"logLevel": "LOUD"}, "logLevel", "'DEBUG'"),
        ({"lambdaPython": "3.9"}, "lambdaPython", "'3.13'"),
        ({"lambdaArchitecture": "riscv"}, "lambdaArchitecture", "'arm64'"),
        ({"reservedConcurrency": {"simulators": 1}}, "reservedConcurrency", "'simulator'"),
        ({"reservedConcurrency": {"simulator": 0}}, "reservedConcurrency", "greater than or equal to 1"),
        ({"reservedConcurrency": {"labels": 9}}, "reservedConcurrency", "below ingestionMaximumConcurrency"),
        ({"machineClasses": {"pumps": {"limits": {"pressure": {"watch": 1}}}}}, "machineClasses", "the channels are"),
        ({"machineClasses": {"pumps": {"isoGroup": "group 9"}}}, "machineClasses", "group 2 rigid"),
        ({"machineClasses": {"pumps": {"limits": {"vibration": {}}}}}, "machineClasses", "give watch, act or both"),
        ({"historicalReachDays": 2, "allowedLatenessHours": 49}, "historicalReachDays", "allowedLatenessHours, 49"),
        ({"maximumCatchUpMinutes": 1, "samplingIntervalSeconds": 120}, "maximumCatchUpMinutes", "never advance"),
        ({"alarmEmails": ["nobody"]}, "alarmEmails", "pattern"),
        ({"protectData": "yes"}, "protectData", "not of type boolean"),
        ({"tags": {"Line": [3]}}, "tags", "valid string"),
        ({"tags": {"Line;": "3"}}, "tags", "pattern"),
    ],
)
def test_a_value_that_cannot_work_is_refused_before_anything_is_registered(config, key, says):
    registered = Evaluation()
    with pytest.raises(SettingsError) as refused:
        evaluate_stack_afresh(config=config, into=registered)
    assert registered.registrations == []
    (problem,) = [problem for problem in refused.value.problems if problem[0] == f"mlops-industrial:{key}"]
    assert says in " ".join(problem)
    assert f"pulumi config {'rm' if 'no such key' in problem[1] else 'set'}" in problem[2]
    assert key in str(refused.value)


def test_the_remedy_is_the_command_for_that_kind_of_key():
    faults = {"lambdaMemoryMb": 1, "machineIds": ["a b"], "tags": {"a;": "b"}, "aws:s3UsePathStyle": "yes"}
    commands = []
    for key, value in faults.items():
        with pytest.raises(SettingsError) as refused:
            evaluate_stack(config={key: value})
        commands.append(refused.value.problems[0][2].partition("Change it: ")[2])
    assert commands == [
        "pulumi config set lambdaMemoryMb VALUE",
        "pulumi config set --path 'machineIds[0]' VALUE",
        "pulumi config set --path 'tags.KEY' VALUE",
        "pulumi config set aws:s3UsePathStyle VALUE",
    ]


def test_every_fault_is_named_at_once():
    with pytest.raises(SettingsError) as refused:
        evaluate_stack(config={"lambdaTimeoutSeconds": 901, "lambdaMemoryMb": 1, "colour": "red", "tags": "none"})
    assert {problem[0].partition(":")[2] for problem in refused.value.problems} == {
        "lambdaTimeoutSeconds", "lambdaMemoryMb", "colour", "tags",
    }  # fmt: skip


def test_each_key_of_the_provider_is_passed_on_or_refused_with_words():
    arguments = set(inspect.signature(aws.ProviderArgs.__init__).parameters) - {"__self__", "default_tags"}
    passed_on = set(ProviderSettings.model_fields)
    assert passed_on.isdisjoint(to_snake(key) for key in REFUSED)
    assert passed_on | {to_snake(key) for key in REFUSED} >= arguments >= passed_on


def test_provider_keys_reach_the_provider():
    keys = {
        "region": "eu-central-1", "profile": "plant", "allowedAccountIds": [12345678901], "maxRetries": 7,
        "useFipsEndpoint": True, "ignoreTags": {"keyPrefixes": ["acme:"]}, "httpsProxy": "http://proxy:3128",
        "assumeRoles": [{"roleArn": "arn:aws:iam::123456789012:role/deploy"}],
    }  # fmt: skip
    (provider,) = (
        evaluate_stack(config={f"aws:{key}": value for key, value in keys.items()}).of("providers:aws").values()
    )
    reached = {key: value for key, value in provider.inputs.items() if key != "defaultTags"}
    texts = {key: reached[key] if isinstance(value, str) else json.loads(reached[key]) for key, value in keys.items()}
    assert texts == keys | {"allowedAccountIds": ["012345678901"]}, "a number has lost the zero that it began with"


def test_the_local_stack_speaks_to_the_emulator_alone(evaluated):
    (provider,) = evaluated("local").of("providers:aws").values()
    assert "http://127.0.0.1:4566" in provider.inputs["endpoints"]
    assert (provider.inputs["accessKey"], provider.inputs["s3UsePathStyle"]) == ("test", "true")


def test_the_project_file_and_the_settings_know_the_same_keys():
    assert set(key_schemas()) == {field.alias for field in StackSettings.model_fields.values()}


def test_the_defaults_are_accepted_as_they_stand():
    settings_of(mqttTopicPrefix=own_topic_prefix())


@pytest.mark.parametrize("stack", ["dev", "local", "prod"])
def test_each_stack_file_sets_only_keys_that_differ_from_the_default(stack):
    file = yaml.safe_load((PROJECT_FILE.parent / f"Pulumi.{stack}.yaml").read_text())["config"]
    schemas = key_schemas()
    for key, value in file.items():
        namespace, _, name = key.partition(":")
        if namespace == "mlops-industrial":
            assert value != schemas[name]["default"], key


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 minute)", "rate(5 minutes)", "rate(1 hour)", "rate(6 hours)", "rate(1 day)", "rate(14 days)",
        "at(2030-02-28T23:59:59)",
        "cron(0 6 * * ? *)", "cron(0/15 * * * ? *)", "cron(0 8-18 ? * MON-FRI *)", "cron(0 0 L * ? *)",
        "cron(0 0 15W * ? *)", "cron(0 0 ? * 6L *)", "cron(0 0 ? * 2#1 *)",
        "cron(0 0 1,15 JAN,jul ? 2030)",
        "cron(*/10 * * * ? 2026-2030)", "cron(0 0 LW * ? *)",
    ],
)  # fmt: skip
def test_expressions_that_scheduler_accepts_are_accepted(expression):
    assert schedule_problem(expression) is None


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("rate(1 minutes)", "rate(1 minute)"),
        ("rate(5 minute)", "rate(5 minutes)"),
        ("rate(0 minutes)", "below 1"),
        ("rate(1.5 hours)", "is none of"),
        ("rate(-1 hours)", "is none of"),
        ("rate(1 week)", "is none of"),
        ("rate(5 minutes) ", "is none of"),
        ("rate( 5 minutes)", "is none of"),
        ("", "is none of"),
        ("0 6 * * ? *", "is none of"),
        ("at(2030-02-30T00:00:00)", "does not exist"),
        ("at(2030-02-28 00:00:00)", "is none of"),
        ("at(2030-02-28T00:00:00Z)", "is none of"),
        ("cron(0 6 * * ?)", "5 fields"),
        ("cron(0 6 * * * *)", "exactly one"),
        ("cron(0 6 ? * ? *)", "exactly one"),
        ("cron(60 6 * * ? *)", "'60' for its minutes"),
        ("cron(0 24 * * ? *)", "'24' for its hours"),
        ("cron(0 6 32 * ? *)", "'32' for its day of month"),
        ("cron(0 6 * 13 ? *)", "'13' for its month"),
        ("cron(0 6 ? * 8 *)", "'8' for its day of week"),
        ("cron(0 6 ? * 0 *)", "'0' for its day of week"),
        ("cron(0 6 * * ? 1969)", "'1969' for its year"),
        ("cron(0 6 * FOO ? *)", "'FOO' for its month"),
        ("cron(0 6 * * ? *,)", "for its year"),
        ("cron(0/0 6 * * ? *)", "for its minutes"),
        ("cron(? 6 * * ? *)", "'?' for its minutes"),
        ("cron(10-5-3 6 * * ? *)", "for its minutes"),
        ("cron(0  6 * * ? *)", "7 fields"),
        ("cron(0 0 ? * 2#6 *)", "for its day of week"),
    ],
)
def test_expressions_that_scheduler_refuses_are_refused_with_the_reason(expression, says):
    assert says in schedule_problem(expression)


@pytest.mark.parametrize(
    ("expression", "shortest", "longest"),
    [
        ("rate(6 hours)", 6, 6),
        ("rate(1 day)", 24, 24),
        ("cron(5 * * * ? *)", 1, 1),
        ("cron(0/15 * * * ? *)", 0.25, 0.25),
        ("cron(0 6,8 * * ? *)", 2, 22),
        ("cron(0 8-18 ? * MON-FRI *)", 1, 62),
        ("cron(0 0 ? * FRI-MON *)", 24, 96),
        ("cron(0 0 1 * ? *)", 28 * 24, 31 * 24),
    ],
)
def test_what_lies_between_two_firings_of_a_schedule(expression, shortest, longest):
    assert intervals(expression) == Intervals(timedelta(hours=shortest), timedelta(hours=longest))


@pytest.mark.parametrize("expression", ["at(2030-02-28T23:59:59)", "cron(0 0 L * ? *)", "cron(0 0 ? * 2#1 *)"])
def test_what_fires_once_or_on_special_days_is_not_judged(expression):
    assert intervals(expression) is None
