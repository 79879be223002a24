"""The security rules that each stack is held to, over what the program registers, and for each rule what breaks it.

A rule gives the names of the resources that it finds wanting. Numbers are those of checkov's rules (CKV_AWS_...) of the
same meaning; what has none is ours, because checkov knows nothing of it.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from tests.infra.evaluation import ACCOUNT, Evaluation, Registration
from tests.infra.policy_documents import POLICIES, TRUSTED_BY, allowances, is_ours_alone, services

Inputs = Mapping[str, Any]


class Rule(NamedTuple):
    """One rule: what it is for, what it finds wanting, and inputs that must make it find something."""

    kind: str
    """Type of the resources that it looks at, as the end of Pulumi's."""
    fails: Callable[[Evaluation, Registration], bool]
    breaks: Inputs
    """Inputs of such a resource that break the rule, laid over those of one that meets it."""

    def failures(self, evaluation: Evaluation) -> set[str]:
        return {each.name for each in evaluation.of(self.kind).values() if self.fails(evaluation, each)}


def needs(kind: str, holds: Callable[[Inputs], Any], **breaks: Any) -> Rule:
    """A rule that looks at nothing but the inputs of one resource."""
    return Rule(kind, lambda _, each: not holds(each.inputs), breaks)


def beside(kind: str, holds: Callable[[Inputs], Any]) -> Rule:
    """A rule for buckets, whose settings are resources of their own that name the bucket."""

    def fails(evaluation: Evaluation, bucket: Registration) -> bool:
        name = bucket.arn.rpartition(":")[2]
        return not any(each.inputs["bucket"] == name and holds(each.inputs) for each in evaluation.of(kind).values())

    return Rule("s3/bucket:Bucket", fails, {"bucket": "a-bucket-that-nothing-else-names"})


def grants(kind: str, is_harmless: Callable[[Inputs], Any], **breaks: Any) -> Rule:
    """A rule for every statement that allows something in the policies of one type."""
    key, statement = POLICIES[kind], {"Effect": "Allow", "Sid": "Broken", **breaks}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return needs(kind, lambda inputs: all(map(is_harmless, allowances(inputs.get(key)))), **{key: document})


def _default_encryption(inputs: Inputs) -> Any:
    return inputs["rules"][0]["applyServerSideEncryptionByDefault"]


def _receives_access_logs(evaluation: Evaluation, bucket: Registration) -> bool:
    name = bucket.arn.rpartition(":")[2]
    return any(each.inputs["targetBucket"] == name for each in evaluation.of("BucketLogging").values())


def _is_not_logged(evaluation: Evaluation, bucket: Registration) -> bool:
    logged = not beside("BucketLogging", lambda _: True).fails(evaluation, bucket)
    return not logged and not _receives_access_logs(evaluation, bucket)


def _shows_a_secret(inputs: Inputs) -> bool:
    return any(
        re.search(r"SECRET|PASSWORD|TOKEN|CREDENTIAL|ACCESS_KEY", name) or re.search(r"\bA[KS]IA[A-Z0-9]{16}\b", value)
        for name, value in inputs["environment"]["variables"].items()
    )


def _forgets_what_fails(evaluation: Evaluation, function: Registration) -> bool:
    """Whether an event can be lost: whoever calls a function over HTTP waits for the answer and sees the failure."""
    answers = {each.inputs["integrationUri"] for each in evaluation.of("integration:Integration").values()}
    return not function.inputs.get("deadLetterConfig") and function.arn not in answers


def _may_only_send_to_one_queue(evaluation: Evaluation, rule: Registration) -> bool:
    """Whether each action's role may send to the action's queue and do nothing else (but use the key)."""
    roles = {each.arn: each.name for each in evaluation.of("iam/role:Role").values()}
    policies = evaluation.of("iam/rolePolicy:RolePolicy")
    for action in (*rule.inputs["sqs"], rule.inputs["errorAction"]["sqs"]):
        policy = policies[roles[action["roleArn"]].removesuffix("role") + "policy"].inputs["policy"]
        allowed = [(s["Action"], s["Resource"]) for s in allowances(policy) if s["Sid"] != "UseEncryptionKey"]
        queue = action["queueUrl"].rpartition("/")[2]
        if [(actions, [on.rpartition(":")[2] for on in arns]) for actions, arns in allowed] != [
            (["sqs:SendMessage"], [queue])
        ]:
            return False
    return True


def _device_statement_is_narrow(statement: Inputs) -> bool:
    """Whether a device may but connect as itself and publish to topics that bear its own name."""
    itself = "${iot:Connection.Thing.ThingName}"
    return set(statement["Action"]) <= {"iot:Connect", "iot:Publish"} and all(
        f"/{itself}" in arn and "*" not in arn.removesuffix(f"/{itself}/*") for arn in statement["Resource"]
    )


# What lets its holder give itself more, change what others run, or read what is nobody's business here.
_DANGEROUS = re.compile(
    r"iam:|sts:|organizations:|secretsmanager:|ssm:|lambda:(?!InvokeFunction$)|kms:(?!Decrypt$|GenerateDataKey$)"
    r"|s3:(?!GetObject$|PutObject$|ListBucket$)|dynamodb:(Delete|Create|Update(?!Item$))|iot:(?!Publish$)"
)
# Actions for which AWS knows no resource to name: https://docs.aws.amazon.com/service-authorization/latest/reference/
_WITHOUT_RESOURCES = re.compile(
    r"xray:(Put(TraceSegments|TelemetryRecords)|GetSampling(Rules|Targets))"
    r"|logs:((Create|Get|Update|Delete|List)LogDeliver(y|ies)|PutResourcePolicy|Describe(ResourcePolicies|LogGroups))"
)


def _names_what_it_acts_on(statement: Inputs) -> bool:
    return "*" not in statement["Resource"] or all(map(_WITHOUT_RESOURCES.fullmatch, statement["Action"]))


ANYBODY = {"Principal": "*", "Action": ["s3:GetObject"], "Resource": ["*"]}
A_SERVICE = {"Principal": {"Service": "iot.amazonaws.com"}, "Action": ["sns:Publish"], "Resource": ["*"]}
_READINGS_ROLE = f"arn:aws:iam::{ACCOUNT}:role/ingestion-rules-readings-role-0a1b2c"
_BUCKET, _FUNCTION, _ROLE_POLICY = "s3/bucket:Bucket", "lambda/function:Function", "iam/rolePolicy:RolePolicy"

RULES: Mapping[str, Rule] = {
    "18 access to buckets is logged": Rule(_BUCKET, _is_not_logged, {"bucket": "one-without-logs"}),
    "19 buckets are encrypted": beside("ServerSideEncryptionConfiguration", _default_encryption),
    "145 buckets are encrypted with our key": beside(
        "ServerSideEncryptionConfiguration", lambda inputs: _default_encryption(inputs)["sseAlgorithm"] == "aws:kms"
    ),
    "20 57 buckets know no ACLs": beside(
        "BucketOwnershipControls", lambda inputs: inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    ),
    "21 buckets are versioned": beside(
        "BucketVersioning", lambda inputs: inputs["versioningConfiguration"] == {"status": "Enabled"}
    ),
    "53 54 55 56 CKV2_6 buckets are closed to the public": beside(
        "BucketPublicAccessBlock", lambda inputs: [v for k, v in inputs.items() if k != "bucket"] == [True] * 4
    ),
    "300 CKV2_61 abandoned uploads end": beside(
        "BucketLifecycleConfiguration",
        lambda inputs: any(rule.get("abortIncompleteMultipartUpload") for rule in inputs["rules"]),
    ),
    "CKV2_62 buckets tell of new objects": beside("BucketNotification", lambda inputs: inputs["eventbridge"]),
    "buckets speak TLS only": beside("bucketPolicy:BucketPolicy", lambda inputs: "RefusePlainText" in inputs["policy"]),
    "70 buckets are open to nobody in general": grants("s3/bucketPolicy:BucketPolicy", is_ours_alone, **ANYBODY),
    "45 no secret stands in an environment": Rule(
        _FUNCTION, lambda _, each: _shows_a_secret(each.inputs), {"environment": {"variables": {"API_TOKEN": "1"}}}
    ),
    "50 runs are traced": needs(_FUNCTION, lambda i: i["tracingConfig"]["mode"] == "Active", tracingConfig={"mode": 0}),
    "115 runs at once are bounded": needs(
        _FUNCTION, lambda i: i.get("reservedConcurrentExecutions", 0) > 0, reservedConcurrentExecutions=-1
    ),
    "116 events that fail are kept": Rule(_FUNCTION, _forgets_what_fails, {"deadLetterConfig": None}),
    "173 environments are encrypted with our key": needs(_FUNCTION, lambda i: i.get("kmsKeyArn"), kmsKeyArn=None),
    "363 runtimes are supported": needs(
        _FUNCTION, lambda i: i["runtime"] in {f"python3.{minor}" for minor in range(11, 15)}, runtime="python3.8"
    ),
    "258 no function has a URL": Rule("lambda/functionUrl:FunctionUrl", lambda *_: True, {}),
    "301 364 functions are invoked for our resources alone": needs(
        "lambda/permission:Permission",
        lambda i: ".amazonaws.com" in i["principal"] and i.get("sourceAccount") == ACCOUNT and i.get("sourceArn"),
        sourceArn=None,
    ),
    "28 tables can be restored": needs(
        "dynamodb/table:Table", lambda i: i["pointInTimeRecovery"]["enabled"], pointInTimeRecovery={"enabled": False}
    ),
    "119 tables are encrypted with our key": needs(
        "dynamodb/table:Table", lambda i: i.get("serverSideEncryption"), serverSideEncryption=None
    ),
    "tables refuse to be deleted": needs(
        "dynamodb/table:Table", lambda i: i["deletionProtectionEnabled"], deletionProtectionEnabled=False
    ),
    "27 queues are encrypted": needs(
        "sqs/queue:Queue", lambda i: i.get("kmsMasterKeyId") or i.get("sqsManagedSseEnabled"),
        kmsMasterKeyId=None, sqsManagedSseEnabled=False,
    ),
    "72 168 387 queues are open to nobody in general": grants("sqs/queue:Queue", is_ours_alone, **ANYBODY),
    "26 topics are encrypted": needs("sns/topic:Topic", lambda i: i.get("kmsMasterKeyId"), kmsMasterKeyId=None),
    "169 385 topics are open to nobody in general": grants("sns/topicPolicy:TopicPolicy", is_ours_alone, **ANYBODY),
    "topics speak TLS only": needs(
        "sns/topicPolicy:TopicPolicy", lambda i: "RefusePlainText" in i["policy"], policy='{"Statement": []}'
    ),
    "60 61 roles are assumed by services": grants(
        "iam/role:Role", lambda s: set(s["Principal"]) == {"Service"} and services(s) <= TRUSTED_BY,
        Principal={"AWS": "*"}, Action=["sts:AssumeRole"],
    ),
    "roles are assumed for our resources alone": grants("iam/role:Role", is_ours_alone, **A_SERVICE),
    "62 63 CKV2_40 roles are granted actions by name": grants(
        _ROLE_POLICY, lambda s: not any("*" in action for action in s["Action"]), Action=["s3:*"], Resource=["arn"]
    ),
    "286 287 288 289 roles cannot raise themselves or change code": grants(
        _ROLE_POLICY, lambda s: not any(map(_DANGEROUS.match, s["Action"])), Action=["iam:PassRole"], Resource=["arn"]
    ),
    "290 355 roles are granted resources by name": grants(
        _ROLE_POLICY, _names_what_it_acts_on, Action=["s3:PutObject"], Resource=["*"]
    ),
    "284 executions are traced": needs(
        "sfn/stateMachine:StateMachine", lambda i: i["tracingConfiguration"]["enabled"],
        tracingConfiguration={"enabled": False},
    ),
    "285 executions are logged": needs(
        "sfn/stateMachine:StateMachine", lambda i: i.get("loggingConfiguration", {}).get("level") == "ALL",
        loggingConfiguration={"level": "OFF"},
    ),
    "66 338 logs are kept for a year": needs(
        "cloudwatch/logGroup:LogGroup", lambda i: i.get("retentionInDays", 0) >= 365, retentionInDays=7
    ),
    "158 logs are encrypted with our key": needs(
        "cloudwatch/logGroup:LogGroup", lambda i: i.get("kmsKeyId"), kmsKeyId=None
    ),
    "319 alarms tell somebody": needs(
        "MetricAlarm", lambda i: i.get("actionsEnabled", True) and i.get("alarmActions"), alarmActions=[]
    ),
    "76 requests are logged": needs("Stage", lambda i: i.get("accessLogSettings"), accessLogSettings=None),
    "requests are throttled": needs(
        "apigatewayv2/stage:Stage",
        lambda i: all(i["defaultRouteSettings"].get(f"throttling{what}Limit", 0) > 0 for what in ("Rate", "Burst")),
        defaultRouteSettings={"throttlingRateLimit": 0, "throttlingBurstLimit": 0},
    ),
    "309 routes ask who calls": needs(
        "apigatewayv2/route:Route", lambda i: i["authorizationType"] == "AWS_IAM", authorizationType="NONE"
    ),
    "297 schedules are encrypted with our key": needs(
        "schedule:Schedule", lambda i: i.get("kmsKeyArn"), kmsKeyArn=None
    ),
    "7 keys rotate": needs("kms/key:Key", lambda i: i.get("enableKeyRotation"), enableKeyRotation=False),
    "33 CKV2_64 keys are open to nobody in general": grants("kms/key:Key", is_ours_alone, **ANYBODY),
    "rules of the broker keep what they cannot deliver": needs(
        "iot/topicRule:TopicRule", lambda i: i.get("errorAction", {}).get("sqs"), errorAction={}
    ),
    "rules of the broker send with a role for their one queue": Rule(
        "iot/topicRule:TopicRule", lambda evaluation, each: not _may_only_send_to_one_queue(evaluation, each),
        {"sqs": [{"queueUrl": "https://sqs/1/another", "roleArn": _READINGS_ROLE}]},
    ),
    "devices speak as themselves and listen to nothing": grants(
        "iot/policy:Policy", _device_statement_is_narrow, Action=["iot:Subscribe"], Resource=["*"]
    ),
}  # fmt: skip


def broken(rule: Rule, evaluation: Evaluation) -> Evaluation:
    """The evaluation with one resource, of those that meet the rule, as the rule forbids it.

    Some may be forbidden nothing (a function that answers callers loses no event), and which is registered first is
    chance: those are passed over, unless there is no other.
    """
    failing = rule.failures(evaluation)
    victims = [each for each in evaluation.of(rule.kind).values() if each.name not in failing]
    spoilt = evaluation
    for victim in victims or [Registration(f"aws:{rule.kind}", "made-up", "", {}, {}, "")]:
        others = [each for each in evaluation.registrations if each is not victim]
        spoilt = Evaluation([*others, replace(victim, inputs={**victim.inputs, **rule.breaks})])
        if rule.failures(spoilt) > failing:
            break
    return spoilt
