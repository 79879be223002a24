"""What people set, right and wrong: refused with words, warned of with words, or accepted; nothing else.

The wrong ones are what AWS refuses half-way through a deployment, or what works and is not what anybody wants. The
right ones are what companies have, typed as `pulumi config set` stores it.
"""

import json

import pulumi
import pytest

from infra.settings import SettingsError
from tests.infra.evaluation import evaluate_settings

MANY = [f"MACHINE-{number:04}" for number in range(40)]
DEFAULT_CHANNELS = [
    {"name": "temperature", "payloadField": "temperature_celsius", "unit": "degC", "minimum": -50, "maximum": 500},
    {"name": "vibration", "payloadField": "vibration_rms", "unit": "mm/s", "minimum": 0, "maximum": 1000},
]


def tags(count):
    return {f"Tag{number}": "x" for number in range(count)}


# (configuration, the key that is named, part of the message)
REFUSED = [
    # Tags.
    ({"tags": {"aws:CostCenter": "1"}}, "tags", "keeps the prefix aws:"),
    ({"tags": {"AWS:CostCenter": "1"}}, "tags", "keeps the prefix aws:"),
    ({"tags": {"Department": "a", "department": "b"}}, "tags", "ignores case"),
    ({"tags": tags(48)}, "tags", "51 tags with ours"),
    ({"tags": {"a" * 129: "x"}}, "tags", "at most 128"),
    ({"tags": {"Note": "x" * 257}}, "tags", "at most 256"),
    ({"tags": {"Line": "\N{FACTORY}"}}, "tags", "pattern"),
    ({"tags": {"": "x"}}, "tags", "pattern"),
    ({"tags": {"Line": ["3"]}}, "tags", "valid string"),
    ({"tags": "CostCenter=4711"}, "tags", "not of type object"),
    ({"owner": "a;b"}, "owner", "pattern"),
    # Names and regions.
    ({"dataLakeBucketName": "acme-s3alias"}, "dataLakeBucketName", "-s3alias"),
    ({"dataLakeBucketName": "xn--acme"}, "dataLakeBucketName", "xn--"),
    ({"dataLakeBucketName": "sthree-acme"}, "dataLakeBucketName", "sthree-"),
    ({"dataLakeBucketName": "acme--x-s3"}, "dataLakeBucketName", "--x-s3"),
    ({"dataLakeBucketName": "acme.lake"}, "dataLakeBucketName", "pattern"),
    ({"dataLakeBucketName": "Acme"}, "dataLakeBucketName", "pattern"),
    ({"dataLakeBucketName": "ab"}, "dataLakeBucketName", "pattern"),
    ({"aws:region": "us-east1"}, "aws:region", "pattern"),
    ({"aws:region": "eu-central"}, "aws:region", "pattern"),
    ({"aws:region": "US-EAST-1"}, "aws:region", "pattern"),
    ({"mqttTopicPrefix": "$aws/plant"}, "mqttTopicPrefix", "pattern"),
    ({"mqttTopicPrefix": "spBv1.0/plant"}, "mqttTopicPrefix", "pattern"),
    ({"mqttTopicPrefix": "plant/#"}, "mqttTopicPrefix", "pattern"),
    # The provider.
    ({"aws:defaultTags": {"tags": {"a": "b"}}}, "aws:defaultTags", "use the key tags"),
    ({"aws:assumeRole": {"roleArn": "arn:aws:iam::1:role/x"}}, "aws:assumeRole", "assumeRoles"),
    ({"aws:skipRequestingAccountId": True}, "aws:skipRequestingAccountId", "out of every ARN"),
    ({"aws:insecure": True}, "aws:insecure", "customCaBundle"),
    ({"aws:maxRetry": 3}, "aws:maxRetry", "Did you mean maxRetries?"),
    ({"aws:maxRetries": "many"}, "aws:maxRetries", "not of type integer"),
    ({"aws:allowedAccountIds": ["acme"]}, "aws:allowedAccountIds", "pattern"),
    # Schedules.
    ({"processingScheduleExpression": "rate(1 hours)"}, "processingScheduleExpression", "rate(1 hour)"),
    ({"processingScheduleExpression": "cron(5 * * * *)"}, "processingScheduleExpression", "5 fields"),
    ({"processingScheduleExpression": "*/5 * * * *"}, "processingScheduleExpression", "is none of"),
    ({"trainingScheduleExpression": "rate(1 week)"}, "trainingScheduleExpression", "is none of"),
    ({"trainingScheduleExpression": "at(2030-02-30T06:00:00)"}, "trainingScheduleExpression", "does not exist"),
    ({"timeZone": "Mars/Olympus"}, "timeZone", "no time zone of IANA"),
    ({"timeZone": "UTC+1"}, "timeZone", "no time zone of IANA"),
    # Times that do not go together.
    ({"rawRetentionDays": 1, "allowedLatenessHours": 48}, "rawRetentionDays", "looks back 72 hours"),
    ({"rawRetentionDays": 30, "featureLengthsHours": [2400]}, "rawRetentionDays", "looks back 2448 hours"),
    ({"allowedLatenessHours": 1_000_000}, "rawRetentionDays", "looks back"),
    ({"allowedLatenessHours": 1_000_000, "rawRetentionDays": 0}, "historicalReachDays", "is shorter than"),
    ({"timeWindowHours": 100_000}, "timeWindowHours", "less than or equal to 744"),
    ({"featureHopMinutes": 7}, "featureHopMinutes", "does not divide"),
    ({"silentAfterHours": 720}, "silentAfterHours", "less than 720"),
    # Sizes and shares.
    ({"lambdaMemoryMb": 64}, "lambdaMemoryMb", "128"),
    ({"lambdaTimeoutSeconds": 1000}, "lambdaTimeoutSeconds", "900"),
    ({"inferenceTimeoutSeconds": 60}, "inferenceTimeoutSeconds", "30"),
    ({"lambdaMemoryMb": 256.5}, "lambdaMemoryMb", "integer"),
    ({"lakeShards": 1000}, "lakeShards", "100"),
    ({"ingestionBatchSize": 100_000}, "ingestionBatchSize", "10000"),
    ({"reservedConcurrency": {"ingest": 1}}, "reservedConcurrency", "none of the functions"),
    ({"reservedConcurrency": {"ingestion": 5}}, "reservedConcurrency", "below ingestionMaximumConcurrency"),
    ({"logRetentionDays": 100}, "logRetentionDays", "90, 120"),
    ({"lambdaPython": "3.11"}, "lambdaPython", "numpy has no wheels"),
    ({"logLevel": "info"}, "logLevel", "'INFO'"),
    # Machines and people.
    ({"machineIds": MANY}, "machineIds", "do not fit"),
    ({"machineIds": []}, "machineIds", "set simulatorEnabled to false"),
    ({"machineIds": ["PUMP A"]}, "machineIds", "is not a machine id"),
    ({"alarmEmails": ["ops"]}, "alarmEmails", "pattern"),
    ({"alarmEmails": "ops@example.com"}, "alarmEmails", "not of type array"),
    ({"machineID": ["A"]}, "machineID", "Did you mean machineIds?"),
]  # fmt: skip

WARNED = [
    ({"mqttTopicPrefix": "plant/line"}, "does not name the stack"),
    ({"alarmsEnabled": True}, "alarmEmails: nobody is notified of alarms"),
    ({"alarmEmails": ["ops@example.com"]}, "alarmEmails: there are no alarms"),
    ({"protectData": True}, "noticeEmails: nobody is notified of machines"),
    ({"trainingScheduleExpression": "at(2020-01-31T06:00:00)"}, "at(2020-01-31T06:00:00) runs once"),
    ({"reservedConcurrency": {"ingestion": 700, "inference": 700}}, "reservedConcurrency: 1400 in all"),
    ({"processingScheduleExpression": "rate(6 hours)", "featureLengthsHours": [6], "featuresStaleAfterHours": 1},
     "featuresStaleAfterHours 1: runs of processing lie 6 h apart"),
    ({"processingScheduleExpression": "cron(0 8-18 ? * MON-FRI *)"},
     "featuresStaleAfterHours 12: runs of processing lie 62 h"),
    ({"processingScheduleExpression": "rate(6 hours)", "alarmsEnabled": True}, "processingLateAfterHours 3"),
    ({"simulatorScheduleExpression": "rate(6 hours)", "maximumCatchUpMinutes": 5}, "maximumCatchUpMinutes 5"),
    ({"processingScheduleExpression": "rate(1 minute)", "processingTimeoutSeconds": 900},
     "processingTimeoutSeconds 900"),
    ({"lambdaPython": "host"}, "lambdaPython host"),
    ({"lambdaArchitecture": "host"}, "lambdaArchitecture host"),
    ({"ingestionBatchWindowSeconds": 300}, "ingestionBatchWindowSeconds 300"),
]  # fmt: skip

ACCEPTED = [
    # What the command line makes of a number and a truth value.
    {"tags": {"CostCenter": 4711, "Critical": True, "Share": 0.5}},
    {"machineIds": ["101", "102"]},
    {"aws:allowedAccountIds": [123456789012]},
    # What companies put on everything.
    {"tags": tags(47)},
    {"tags": {"owner": "line 3", "project": "x", "Kostenstelle Ä": "Größe", "a:b/c=d+e@f_g-h": ""}},
    {"owner": "maintenance@example.com"},
    # Their accounts, proxies and policies.
    {"aws:profile": "plant"},
    {"aws:assumeRoles": [{"roleArn": "arn:aws:iam::123456789012:role/deploy", "externalId": "x"}]},
    {"aws:assumeRoleWithWebIdentity": {"roleArn": "arn:aws:iam::123456789012:role/x", "webIdentityTokenFile": "/t"}},
    {"aws:forbiddenAccountIds": ["123456789012"]},
    {"aws:ignoreTags": {"keyPrefixes": ["acme:"], "keys": ["LastScanned"]}},
    {"aws:useFipsEndpoint": True},
    {"aws:useDualstackEndpoint": True},
    {"aws:maxRetries": 10, "aws:retryMode": "adaptive"},
    {"aws:httpProxy": "http://proxy:3128", "aws:httpsProxy": "http://proxy:3128", "aws:noProxy": "169.254.169.254"},
    {"aws:customCaBundle": "/etc/ssl/corporate.pem"},
    {"aws:skipRegionValidation": True},
    {"aws:sharedConfigFiles": ["/etc/aws/config"], "aws:sharedCredentialsFiles": ["/etc/aws/credentials"]},
    {"aws:token": "session"},
    {"aws:endpoints": [{"s3": "https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com"}]},
    # Regions and partitions.
    *({"aws:region": region} for region in (
        "us-east-1", "eu-central-1", "ap-southeast-7", "mx-central-1", "us-gov-west-1", "cn-north-1", "us-iso-east-1",
        "eusc-de-east-1",
    )),
    # Names.
    {"dataLakeBucketName": "acme-lake-2030"},
    {"dataLakeBucketName": "0" * 63},
    {"mqttTopicPrefix": "acme/plant-1/dev/machine"},
    # Schedules of the original, and of a plant.
    {"processingScheduleExpression": "cron(0/30 * * * ? *)", "processingTimeoutSeconds": 900},
    {"trainingScheduleExpression": "cron(0 6 ? * MON-FRI *)"},
    {"trainingScheduleExpression": "cron(0 6 L * ? *)"},
    {"processingScheduleExpression": "rate(6 hours)", "featuresStaleAfterHours": 13},
    {"timeZone": "America/Argentina/Buenos_Aires"},
    # Sizes at their ends.
    {"featureLengthsHours": [1, 6, 24, 168]},
    {"featureLengthsHours": [2400], "rawRetentionDays": 0},
    {"lambdaMemoryMb": 10240, "lambdaTimeoutSeconds": 900},
    {"ingestionBatchSize": 10, "ingestionBatchWindowSeconds": 0},
    {"reservedConcurrency": {"ingestion": 10, "inference": 890}},
    {"reservedConcurrency": {}},
    {"lakeShards": 100},
    {"lambdaPython": "3.14"},
    # Machines and people.
    {"machineIds": [], "simulatorEnabled": False},
    {"machineIds": MANY[:25]},
    {"channels": [*DEFAULT_CHANNELS, {"name": "pressure", "unit": "bar", "minimum": 0, "maximum": 25}]},
    {"alarmsEnabled": True, "alarmEmails": ["ops@example.com", "night@example.com"]},
    {"protectData": True, "alarmsEnabled": True, "alarmEmails": ["a@example.com"], "noticeEmails": ["b@example.com"]},
    {"customerManagedKey": True},
    {"logLevel": "DEBUG", "logRetentionDays": 3653},
]  # fmt: skip


@pytest.fixture
def warnings(monkeypatch):
    messages = []
    monkeypatch.setattr(pulumi.log, "warn", messages.append)
    return messages


def name(case):
    return json.dumps(case)[:70] if isinstance(case, dict) else ""


@pytest.mark.parametrize(("config", "key", "says"), REFUSED, ids=name)
def test_what_cannot_work_is_refused_with_the_key_and_the_reason(warnings, config, key, says):
    with pytest.raises(SettingsError) as refused:
        evaluate_settings(config)
    qualified = key if ":" in key else f"mlops-industrial:{key}"
    assert says in " ".join(" ".join(problem) for problem in refused.value.problems if problem[0] == qualified)
    assert "pulumi config" in str(refused.value)


@pytest.mark.parametrize(("config", "says"), WARNED, ids=name)
def test_what_is_rarely_meant_is_accepted_and_warned_of(warnings, config, says):
    evaluate_settings(config)
    assert any(says in warning for warning in warnings), warnings


@pytest.mark.parametrize("config", ACCEPTED, ids=name)
def test_what_is_right_is_accepted_without_a_word(warnings, config):
    evaluate_settings(config)
    assert warnings == []


def test_as_many_were_tried_as_a_person_would():
    assert len(REFUSED) + len(WARNED) >= 62
    assert len(ACCEPTED) >= 45
