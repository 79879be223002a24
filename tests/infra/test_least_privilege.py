"""What each role may do, and who may assume it: the whole of it, so that a permission more fails as one less does."""

import json
import re

import pytest
from pydantic import ValidationError

from tests.infra.evaluation import ACCOUNT, CHANGED, CHANGED_OTHERWISE, REGION, evaluate_stack, settings_of, statements

LAKE = "arn:aws:s3:::data-lake-0a1b2c"
QUEUES = f"arn:aws:sqs:{REGION}:{ACCOUNT}:mlops-industrial-dev"
TABLES = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table"
ALARMS_TABLE = f"{TABLES}/alerting-alarms-0a1b2c"
LABELS_TABLE = f"{TABLES}/ingestion-label-history-0a1b2c"
READ_MACHINES = ({"dynamodb:Scan"}, {f"{TABLES}/machines-0a1b2c"})
FUNCTIONS = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/mlops-industrial-dev"
RULES = f"arn:aws:iot:{REGION}:{ACCOUNT}:rule/mlops_industrial_dev_ingestion_rules"
RECEIVE = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
BEGINNINGS = f"{LAKE}/processed/beginnings.parquet"
DOCUMENTS = {BEGINNINGS, f"{LAKE}/processed/checkpoint.json", f"{LAKE}/processed/layout.json"}
NEWEST = f"{LAKE}/processed/newest.npz"
PROCESSED = {*DOCUMENTS, NEWEST, *(f"{LAKE}/processed/{each}/*" for each in ("buckets", "features", "backfills"))}
DEAD_LETTERS = ({"sqs:SendMessage"}, {f"{QUEUES}-ingestion-dead-letters"})


def own_log(function):
    return {"logs:CreateLogStream", "logs:PutLogEvents"}, {f"{LOGS}-{function}:log-stream:*"}


FEATURES_TABLE = f"{TABLES}/processing-realtime-features-0a1b2c"
STATE_MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:mlops-industrial-dev-training"
BACKFILL = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:mlops-industrial-dev-processing-backfill"
DELIVER_LOG = (
    {f"logs:{verb}LogDelivery" for verb in ("Create", "Get", "Update", "Delete")}
    | {f"logs:{action}" for action in ("ListLogDeliveries", "DescribeLogGroups")}
    | {f"logs:{verb}" for verb in ("PutResourcePolicy", "DescribeResourcePolicies")},
    {"*"},
)
TELL_PEOPLE = ({"sns:Publish"}, {f"arn:aws:sns:{REGION}:{ACCOUNT}:notices-0a1b2c"})
MODELS = {"ReadModels": ({"s3:GetObject"}, {f"{LAKE}/models/*"}), "ListModels": ({"s3:ListBucket"}, {LAKE})}
JUDGES = MODELS | {"ReadModels": ({"s3:GetObject"}, {f"{LAKE}/models/*", f"{LAKE}/baselines/*"})}
MEASURED = {"ReadChannels": ({"s3:GetObject"}, {f"{LAKE}/channels/*"})}
READ_ROWS = {"ReadTrainingSet": ({"s3:GetObject"}, {f"{LAKE}/training/*"})}
# Those that Lambda invokes again where they fail, and gives up on in the end.
ASYNCHRONOUS = {
    "training-baseline-policy": {
        "WriteOwnLog": own_log("training-baseline"),
        "ReadFeatures": ({"s3:GetObject"}, {f"{LAKE}/processed/features/*"}),
        "ListFeaturesAndBaselines": ({"s3:ListBucket"}, {LAKE}),
        "ReadLabels": ({"dynamodb:Scan"}, {f"{TABLES}/ingestion-label-history-0a1b2c"}),
        "ReadMachines": READ_MACHINES,
        "KeepBaselines": ({"s3:GetObject", "s3:PutObject"}, {f"{LAKE}/baselines/*"}),
    },
    "training-set-policy": {
        "WriteOwnLog": own_log("training-set"),
        "ReadFeatures": ({"s3:GetObject"}, {f"{LAKE}/processed/features/*", BEGINNINGS}),
        "KeepBeginnings": ({"s3:PutObject"}, {BEGINNINGS}),
        **MEASURED,
        "ListFeatures": ({"s3:ListBucket"}, {LAKE}),
        "ReadLabels": ({"dynamodb:Scan"}, {LABELS_TABLE}),
        "ReadMachines": READ_MACHINES,
        "WriteTrainingSet": ({"s3:PutObject"}, {f"{LAKE}/training/*"}),
    },
    "training-fit-policy": {
        "WriteOwnLog": own_log("training-fit"),
        **READ_ROWS,
        **MEASURED,
        "StoreModel": ({"s3:PutObject"}, {f"{LAKE}/models/*/*"}),
    },
    "trial-weekly-policy": {
        "WriteOwnLog": own_log("trial-weekly"),
        "KeepFailedEvents": DEAD_LETTERS,
        "ListStored": ({"s3:ListBucket"}, {LAKE}),
        "ReadStored": (
            {"s3:GetObject"},
            {f"{LAKE}/{kind}/*" for kind in ("models", "baselines", "predictions", "processed/features")},
        ),
        "ReadLabels": ({"dynamodb:Scan"}, {LABELS_TABLE}),
        "KeepTrials": ({"s3:PutObject"}, {f"{LAKE}/trials/*"}),
        "TellPeople": TELL_PEOPLE,
    },
    "page-fleet-policy": {
        "WriteOwnLog": own_log("page-fleet"),
        "KeepFailedEvents": DEAD_LETTERS,
        "ListStored": ({"s3:ListBucket"}, {LAKE}),
        "ReadStored": (
            {"s3:GetObject"},
            {f"{LAKE}/processed/{kept}" for kept in ("checkpoint.json", "newest.npz", "features/*")}
            | {f"{LAKE}/{kept}/*" for kept in ("raw", "compacted", "fleet", "models", "quarantine", "channels")},
        ),
        "ReadTables": (
            {"dynamodb:Scan"},
            {
                ALARMS_TABLE,
                FEATURES_TABLE,
                LABELS_TABLE,
                f"{TABLES}/machines-0a1b2c",
                f"{TABLES}/ingestion-machine-state-0a1b2c",
                f"{TABLES}/scoring-predictions-0a1b2c",
            },
        ),
        "KeepPage": ({"s3:PutObject"}, {f"{LAKE}/pages/fleet.html"}),
    },
    "training-judge-policy": {
        "WriteOwnLog": own_log("training-judge"),
        **READ_ROWS,
        **MODELS,
        "WriteVerdict": ({"s3:PutObject"}, {f"{LAKE}/training/*"}),
    },
    "training-promote-policy": {
        "WriteOwnLog": own_log("training-promote"),
        **MODELS,
        "MoveChampion": ({"s3:PutObject"}, {f"{LAKE}/models/champion.json"}),
    },
    "scoring-fleet-policy": {
        "WriteOwnLog": own_log("scoring-fleet"),
        **JUDGES,
        **MEASURED,
        "ReadNewest": ({"s3:GetObject"}, {NEWEST}),
        "ReadFeatures": ({"dynamodb:Scan"}, {FEATURES_TABLE}),
        "ReadOlderScores": ({"dynamodb:Scan"}, {f"{TABLES}/scoring-predictions-0a1b2c"}),
        "ReadLabels": ({"dynamodb:Scan"}, {LABELS_TABLE}),
        "ReadMachines": READ_MACHINES,
        "KeepHistory": ({"s3:PutObject"}, {f"{LAKE}/predictions/*"}),
        "KeepScores": ({"s3:GetObject", "s3:PutObject"}, {f"{LAKE}/fleet/*"}),
        "KeepAlarms": ({"dynamodb:GetItem", "dynamodb:Scan", "dynamodb:UpdateItem"}, {ALARMS_TABLE}),
        "TellPeople": TELL_PEOPLE,
        "ReadCheckpoint": ({"s3:GetObject"}, {f"{LAKE}/processed/checkpoint.json"}),
        "KeepFreshness": ({"s3:GetObject", "s3:PutObject"}, {f"{LAKE}/freshness/channels.json"}),
    },
}


# Actions and resources by Sid, of every role's policy.
DEV = {
    "ingestion-simulator-policy": {
        "WriteOwnLog": own_log("ingestion-simulator"),
        "KeepFailedEvents": DEAD_LETTERS,
        "KeepMachineState": ({"dynamodb:GetItem", "dynamodb:PutItem"}, {f"{TABLES}/ingestion-machine-state-0a1b2c"}),
        "PublishTelemetry": (
            {"iot:Publish"},
            {
                f"arn:aws:iot:{REGION}:{ACCOUNT}:topic/industrial/dev/machine/{machine}/{topic}"
                for machine in ("PUMP-A01", "PUMP-A02", "FAN-B01", "FAN-B02", "COMPRESSOR-C01")
                for topic in ("temperature", "vibration", "event/failure")
            },
        ),
        "RecordReturns": ({"dynamodb:UpdateItem"}, {f"{TABLES}/ingestion-label-history-0a1b2c"}),
    },
    "ingestion-readings-policy": {
        "WriteOwnLog": own_log("ingestion-readings"),
        **MEASURED,
        "KeepFailedEvents": DEAD_LETTERS,
        "ReceiveMessages": (RECEIVE, {f"{QUEUES}-ingestion-readings"}),
        "StoreRaw": ({"s3:PutObject"}, {f"{LAKE}/raw/*"}),
        "StoreQuarantine": ({"s3:PutObject"}, {f"{LAKE}/quarantine/*"}),
        "ReadMachines": READ_MACHINES,
        "KeepAlarms": ({"dynamodb:GetItem", "dynamodb:Scan", "dynamodb:UpdateItem"}, {ALARMS_TABLE}),
        "TellPeople": TELL_PEOPLE,
    },
    "ingestion-labels-policy": {
        "WriteOwnLog": own_log("ingestion-labels"),
        "KeepFailedEvents": DEAD_LETTERS,
        "ReceiveMessages": (RECEIVE, {f"{QUEUES}-ingestion-labels"}),
        "StoreEvents": ({"s3:PutObject"}, {f"{LAKE}/events/*"}),
        "StoreQuarantine": ({"s3:PutObject"}, {f"{LAKE}/quarantine/*"}),
        "RecordLabels": (
            {"dynamodb:Query", "dynamodb:UpdateItem"},
            {f"{TABLES}/ingestion-label-history-0a1b2c"},
        ),
        "KeepAlarms": ({"dynamodb:GetItem", "dynamodb:UpdateItem"}, {ALARMS_TABLE}),
        "TellPeople": TELL_PEOPLE,
    },
    "processing-features-policy": {
        "WriteOwnLog": own_log("processing-features"),
        **MEASURED,
        "KeepFailedEvents": DEAD_LETTERS,
        "ListRawAndProcessed": ({"s3:ListBucket"}, {LAKE}),
        "ReadRaw": ({"s3:GetObject"}, {f"{LAKE}/raw/*"}),
        "ListEarlierDocuments": ({"s3:ListBucketVersions"}, {LAKE}),
        "ReadEarlierDocuments": ({"s3:GetObjectVersion"}, DOCUMENTS),
        "SetDamageAside": ({"s3:PutObject"}, {f"{LAKE}/damaged/*"}),
        "TellPeople": TELL_PEOPLE,
        "KeepReplaced": ({"s3:GetObject", "s3:PutObject"}, {f"{LAKE}/replaced/*"}),
        "Compact": ({"s3:GetObject", "s3:PutObject"}, {f"{LAKE}/compacted/*"}),
        "RemoveCompactedRaw": ({"s3:DeleteObject"}, {f"{LAKE}/raw/*"}),
        "ReadOwnOutputs": ({"s3:GetObject"}, PROCESSED),
        "WriteProcessed": ({"s3:PutObject"}, PROCESSED),
        "ServeFeatures": ({"dynamodb:PutItem", "dynamodb:Scan"}, {f"{TABLES}/processing-realtime-features-0a1b2c"}),
        "ReadReturns": ({"dynamodb:Scan"}, {f"{TABLES}/ingestion-label-history-0a1b2c"}),
        "ReadMachines": READ_MACHINES,
    },
    "ingestion-schedule-policy": {
        "InvokeFunction": ({"lambda:InvokeFunction"}, {f"{FUNCTIONS}:ingestion-simulator-0a1b2c"}),
        "KeepRefusedInvocations": DEAD_LETTERS,
    },
    "processing-features-itself-policy": {
        "GoOn": ({"lambda:InvokeFunction"}, {f"{FUNCTIONS}:processing-features-0a1b2c"}),
    },
    "processing-schedule-policy": {
        "InvokeFunction": ({"lambda:InvokeFunction"}, {f"{FUNCTIONS}:processing-features-0a1b2c"}),
        "KeepRefusedInvocations": DEAD_LETTERS,
    },
    **{name: {**own, "KeepFailedEvents": DEAD_LETTERS} for name, own in ASYNCHRONOUS.items()},
    "inference-api-policy": {
        "WriteOwnLog": own_log("inference-api"),
        **JUDGES,
        **MEASURED,
        "ReadFeatures": ({"dynamodb:GetItem", "dynamodb:Scan"}, {FEATURES_TABLE}),
        "ReadAlarms": ({"dynamodb:GetItem", "dynamodb:Scan"}, {ALARMS_TABLE}),
        "ReadLabels": ({"dynamodb:Query", "dynamodb:Scan"}, {LABELS_TABLE}),
        "ReadMachines": ({"dynamodb:GetItem", "dynamodb:Scan"}, {f"{TABLES}/machines-0a1b2c"}),
        "ReadFreshness": ({"s3:GetObject"}, {f"{LAKE}/freshness/channels.json"}),
        "ReadRanking": ({"s3:GetObject"}, {f"{LAKE}/fleet/ranking.json.gz"}),
    },
    "maintenance-api-policy": {
        "WriteOwnLog": own_log("maintenance-api"),
        "KnowMachines": ({"dynamodb:GetItem"}, {FEATURES_TABLE}),
        "RecordLabels": ({"dynamodb:UpdateItem"}, {f"{TABLES}/ingestion-label-history-0a1b2c"}),
    },
    "alarm-answers-api-policy": {
        "WriteOwnLog": own_log("alarm-answers-api"),
        "AnswerAlarms": ({"dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem"}, {ALARMS_TABLE}),
    },
    "alarm-events-publisher-policy": {
        "WriteOwnLog": own_log("alarm-events-publisher"),
        "KeepFailedEvents": DEAD_LETTERS,
        "ReadChanges": (
            {f"dynamodb:{action}" for action in ("DescribeStream", "GetRecords", "GetShardIterator")},
            {f"{ALARMS_TABLE}/stream/2026-11-20T06:00:00.000"},
        ),
        "ListChanges": ({"dynamodb:ListStreams"}, {f"{ALARMS_TABLE}/stream/*"}),
        "PublishChanges": (
            {"events:PutEvents"},
            {f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/alarm-events-bus-0a1b2c"},
        ),
        "KeepVerdicts": ({"dynamodb:PutItem"}, {f"{TABLES}/ingestion-label-history-0a1b2c"}),
    },
    "training-policy": {
        "RunSteps": (
            {"lambda:InvokeFunction"},
            {f"{FUNCTIONS}:training-{step}-0a1b2c" for step in ("baseline", "set", "fit", "judge", "promote")},
        ),
        "TellPeople": TELL_PEOPLE,
        "DeliverLog": DELIVER_LOG,
    },
    "processing-backfill-policy": {
        "RunSteps": ({"lambda:InvokeFunction"}, {f"{FUNCTIONS}:processing-features-0a1b2c"}),
        "ReadUnits": ({"s3:GetObject"}, {f"{LAKE}/processed/backfills/*"}),
        "RunUnits": ({"states:StartExecution"}, {BACKFILL}),
        "SeeUnits": (
            {"states:DescribeExecution", "states:StopExecution"},
            {f"{BACKFILL.replace(':stateMachine:', ':execution:')}/*"},
        ),
        "DeliverLog": DELIVER_LOG,
    },
    "training-schedule-policy": {
        "StartExecution": ({"states:StartExecution"}, {STATE_MACHINE}),
        "KeepRefusedInvocations": DEAD_LETTERS,
    },
    "page-schedule-policy": {
        "InvokeFunction": ({"lambda:InvokeFunction"}, {f"{FUNCTIONS}:page-fleet-0a1b2c"}),
        "KeepRefusedInvocations": DEAD_LETTERS,
    },
    "trial-schedule-policy": {
        "InvokeFunction": ({"lambda:InvokeFunction"}, {f"{FUNCTIONS}:trial-weekly-0a1b2c"}),
        "KeepRefusedInvocations": DEAD_LETTERS,
    },
    "ingestion-rules-readings-policy": {"SendToQueue": ({"sqs:SendMessage"}, {f"{QUEUES}-ingestion-readings"})},
    "ingestion-rules-failures-policy": {"SendToQueue": ({"sqs:SendMessage"}, {f"{QUEUES}-ingestion-labels"})},
    "ingestion-rules-errors-policy": {"SendToQueue": DEAD_LETTERS},
}
TRUST = {
    "ingestion-rules-readings-role": (
        "iot",
        {f"{RULES}_readings"},
    ),
    "ingestion-rules-failures-role": ("iot", {f"{RULES}_failure"}),
    "ingestion-rules-errors-role": (
        "iot",
        {f"{RULES}_{kind}" for kind in ("readings", "failure")},
    ),
    "ingestion-schedule-role": ("scheduler", {f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/default"}),
    "processing-schedule-role": ("scheduler", {f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/default"}),
    "training-schedule-role": ("scheduler", {f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/default"}),
    "page-schedule-role": ("scheduler", {f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/default"}),
    "trial-schedule-role": ("scheduler", {f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/default"}),
    "training-role": ("states", {STATE_MACHINE}),
    "processing-backfill-role": ("states", {BACKFILL}),
}


def granted(evaluation):
    return {
        name: {
            sid: (set(statement["Action"]), set(statement["Resource"]))
            for sid, statement in statements(policy.inputs["policy"]).items()
        }
        for name, policy in evaluation.of("iam/rolePolicy:RolePolicy").items()
    }


def test_each_role_may_do_exactly_what_is_written_here(evaluated):
    assert granted(evaluated("dev")) == DEV


def test_listing_is_limited_to_what_processing_reads(evaluated):
    policy = evaluated("dev").of("RolePolicy")["processing-features-policy"].inputs["policy"]
    condition = statements(policy)["ListRawAndProcessed"]["Condition"]
    prefixes = ["raw/*", "compacted/*", "replaced/*", "damaged/*", "processed/*"]
    assert condition == {"StringLike": {"s3:prefix": prefixes}}


@pytest.mark.parametrize(
    ("function", "more"),
    [
        ("inference-api", ["freshness/channels.json", "fleet/ranking.json.gz"]),
        (
            "scoring-fleet",
            ["processed/checkpoint.json", "freshness/channels.json", "processed/newest.npz", "fleet/*"],
        ),
    ],
)
def test_listing_is_limited_to_what_serving_reads(evaluated, function, more):
    policy = evaluated("dev").of("RolePolicy")[f"{function}-policy"].inputs["policy"]
    assert statements(policy)["ListModels"]["Condition"] == {
        "StringLike": {"s3:prefix": ["models/*", "baselines/*", *more]}
    }


def test_a_key_and_traces_add_one_statement_each(evaluated):
    evaluation = evaluated("prod")
    (key,) = evaluation.of("kms/key:Key").values()
    use_key = ({"kms:Decrypt", "kms:GenerateDataKey"}, {key.arn})
    # X-Ray is the one service here that has no resource to name.
    traces = ({"xray:PutTraceSegments", "xray:PutTelemetryRecords"}, {"*"})
    functions = {each.inputs["role"].rpartition("/")[2] for each in evaluation.of("lambda/function:Function").values()}
    for name, statement in granted(evaluation).items():
        added = {} if name.endswith("-itself-policy") else {"UseEncryptionKey": use_key}
        if f"{name.removesuffix('policy')}role-0a1b2c" in functions:
            added["SendTraces"] = traces
        if name in {"training-policy", "processing-backfill-policy"}:  # a state machine decides on sampling too
            added["SendTraces"] = (traces[0] | {"xray:GetSamplingRules", "xray:GetSamplingTargets"}, {"*"})
        assert {sid: statement[sid] for sid in statement.keys() - DEV[name].keys()} == added


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_nothing_is_allowed_by_wildcard_but_what_aws_cannot_name(evaluated, stack):
    for policy, by_sid in granted(evaluated(stack)).items():
        for sid, (actions, resources) in by_sid.items():
            assert all(re.fullmatch(r"[a-z0-9-]+:[A-Za-z]+", action) for action in actions), (policy, sid)
            if sid not in {"SendTraces", "DeliverLog"}:
                # Only what is named at run time ends in a wildcard: objects below a prefix, streams of one log group.
                assert all(re.fullmatch(r"[^*]+(/\*|/\*/\*|:log-stream:\*)?", resource) for resource in resources), (
                    policy,
                    sid,
                )


def test_the_delivery_of_execution_logs_which_names_no_resource_is_limited_to_the_region(evaluated):
    policy = evaluated("prod").of("RolePolicy")["training-policy"].inputs["policy"]
    assert statements(policy)["DeliverLog"]["Condition"] == {"StringEquals": {"aws:RequestedRegion": REGION}}


def test_no_action_is_repeated_on_the_same_resource(evaluated):
    for policy, by_sid in granted(evaluated("prod")).items():
        pairs = [(action, on) for actions, resources in by_sid.values() for action in actions for on in resources]
        assert len(set(pairs)) == len(pairs), policy


def test_each_role_has_one_policy_and_one_more_to_go_on_by_itself_and_is_used(evaluated):
    evaluation = evaluated("dev")
    roles = {role.removesuffix("-role") for role in evaluation.of("iam/role:Role")}
    policies = {policy.removesuffix("-policy") for policy in evaluation.of("iam/rolePolicy:RolePolicy")}
    assert policies == roles | {"processing-features-itself"}
    users = json.dumps([each.inputs for each in evaluation.aws if not each.type.startswith("aws:iam/")])
    for role in evaluation.of("iam/role:Role").values():
        assert role.arn in users, role.name


def test_roles_are_assumed_by_their_service_and_on_our_behalf_alone(evaluated):
    for name, role in evaluated("dev").of("iam/role:Role").items():
        (statement,) = statements(role.inputs["assumeRolePolicy"]).values()
        assert statement["Action"] == ["sts:AssumeRole"]
        if name in TRUST:
            service, sources = TRUST[name]
            assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}
            assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
            assert set(statement["Condition"]["ArnEquals"]["aws:SourceArn"]) == sources
        else:
            assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
            assert "Condition" not in statement


def test_the_simulator_may_publish_for_its_machines_under_its_prefix_alone():
    evaluation = evaluate_stack(config=CHANGED_OTHERWISE)
    _, topics = granted(evaluation)["ingestion-simulator-policy"]["PublishTelemetry"]
    assert topics == {
        f"arn:aws:iot:{REGION}:{ACCOUNT}:topic/plant/line-3/M1/{topic}"
        for topic in ("temperature", "vibration", "event/failure")
    }


def test_the_largest_fleet_that_settings_accept_fits_an_inline_policy_and_an_environment():
    def is_accepted(machines):
        try:
            settings_of(machineIds=machines, mqttTopicPrefix="industrial/prod/machine")
        except ValidationError:
            return False
        return True

    fleet = [f"MACHINE-{number:03}" for number in range(100)]
    largest = max(count for count in range(1, 100) if is_accepted(fleet[:count]))
    assert 20 < largest < 100
    evaluation = evaluate_stack("prod", config={"machineIds": fleet[:largest]})
    policy = evaluation.of("RolePolicy")["ingestion-simulator-policy"].inputs["policy"]
    assert len(policy) <= 10_240
    simulator = evaluation.of("lambda/function:Function")["ingestion-simulator"]
    assert len(json.dumps(simulator.inputs["environment"]["variables"])) <= 4096


def test_events_may_be_read_where_they_are_features_and_nowhere_else():
    def reads(evaluation, role: str) -> set[str]:
        statements = json.loads(evaluation.of("RolePolicy")[role].inputs["policy"])["Statement"]
        resources = [each for one in statements if "s3:GetObject" in one["Action"] for each in one["Resource"]]
        return {each.partition("/")[2] for each in resources if "/events/" in each}

    roles = ("processing-features-policy", "training-set-policy")
    counted = evaluate_stack(config=CHANGED)
    assert {role: reads(counted, role) for role in roles} == {key: {"events/*", "processed/events/*"} for key in roles}
    assert [reads(evaluate_stack(config={}), role) for role in roles] == [set(), set()]
    environment = counted.of("lambda/function:Function")["processing-features"].inputs["environment"]["variables"]
    assert environment["EVENT_FEATURES"] == '["error"]'
    assert counted.outputs["event_features"] == ["error"]
