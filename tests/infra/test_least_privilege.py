"""What each role may do, and who may assume it: the whole of it, so that a permission more fails as one less does."""

import json
import re

import pytest
from pydantic import ValidationError

from tests.infra.evaluation import ACCOUNT, CHANGED, CHANGED_OTHERWISE, REGION, evaluate_stack, settings_of, statements
from tests.infra.permissions import DEV, TRUST


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
