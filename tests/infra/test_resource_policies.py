"""What buckets, keys and topics let whom do, whatever a role may."""

import pytest

from tests.infra.evaluation import ACCOUNT, REGION, statements

LAKE = "arn:aws:s3:::data-lake-0a1b2c"


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_buckets_are_private_and_speak_tls_only(evaluated, stack):
    evaluation = evaluated(stack)
    buckets = {each.name for each in evaluation.of("s3/bucket:Bucket").values()}
    assert buckets == ({"data-lake"} if stack == "dev" else {"data-lake", "data-lake-access-logs"})
    for bucket in buckets:
        block = evaluation.of("BucketPublicAccessBlock")[f"{bucket}-public-access"].inputs
        assert all(block[key] for key in block if key != "bucket")
        assert len(block) == 5
        policy = statements(evaluation.of("s3/bucketPolicy:BucketPolicy")[f"{bucket}-policy"].inputs["policy"])
        assert policy["RefusePlainText"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert policy["RefuseOldTls"]["Condition"] == {"NumericLessThan": {"s3:TlsVersion": "1.2"}}
        for sid in ("RefusePlainText", "RefuseOldTls"):
            arn = f"arn:aws:s3:::{bucket}-0a1b2c"
            assert (policy[sid]["Effect"], policy[sid]["Resource"]) == ("Deny", [arn, f"{arn}/*"])
        allowed = {sid for sid, statement in policy.items() if statement["Effect"] == "Allow"}
        assert allowed == ({"DeliverAccessLogs"} if bucket.endswith("access-logs") else set())
        assert evaluation.of("BucketVersioning")[f"{bucket}-versioning"].inputs["versioningConfiguration"] == {
            "status": "Enabled"
        }


def test_what_was_received_cannot_be_overwritten(evaluated):
    policy = evaluated("dev").of("s3/bucketPolicy:BucketPolicy")["data-lake-policy"].inputs["policy"]
    refusal = statements(policy)["ReceivedIsWrittenOnce"]
    assert (refusal["Effect"], refusal["Principal"], refusal["Action"]) == ("Deny", "*", ["s3:PutObject"])
    assert refusal["Resource"] == [f"{LAKE}/{prefix}/*" for prefix in ("raw", "replaced", "events", "quarantine")]
    assert refusal["Condition"] == {
        "Null": {"s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }


def test_access_logs_are_delivered_for_the_lake_of_this_account_alone(evaluated):
    policy = evaluated("prod").of("s3/bucketPolicy:BucketPolicy")["data-lake-access-logs-policy"].inputs["policy"]
    delivery = statements(policy)["DeliverAccessLogs"]
    assert delivery["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert delivery["Condition"] == {
        "ArnEquals": {"aws:SourceArn": LAKE},
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
    }


def test_the_key_is_open_to_our_account_our_logs_and_our_alarms_alone(evaluated):
    (key,) = evaluated("prod").of("kms/key:Key").values()
    policy = statements(key.inputs["policy"])
    assert {sid: statement["Principal"] for sid, statement in policy.items()} == {
        "LetPoliciesOfTheAccountCount": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "EncryptLogs": {"Service": f"logs.{REGION}.amazonaws.com"},
        "LetAlarmsReachTheirTopic": {"Service": "cloudwatch.amazonaws.com"},
    }
    ours = [
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/{service}/mlops-industrial-prod-*"
        for service in ("lambda", "apigateway", "vendedlogs/states")
    ]
    assert policy["EncryptLogs"]["Condition"] == {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": ours}}
    assert policy["LetAlarmsReachTheirTopic"]["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    assert key.inputs["enableKeyRotation"] is True


def test_alarms_of_this_account_alone_publish_to_the_topic(evaluated):
    policies = evaluated("prod").of("sns/topicPolicy:TopicPolicy")
    assert set(policies) == {"alarms-policy", "notices-policy"}
    assert set(statements(policies["notices-policy"].inputs["policy"])) == {"RefusePlainText"}
    by_sid = statements(policies["alarms-policy"].inputs["policy"])
    assert by_sid["AlarmsPublish"]["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert by_sid["AlarmsPublish"]["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    assert by_sid["RefusePlainText"]["Effect"] == "Deny"
