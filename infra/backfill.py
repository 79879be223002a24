"""How much history is computed again in little time: a state machine that has many runs of processing side by side."""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from infra.account import Account, current_account
from infra.backfill_steps import backfill_definition
from infra.function import FunctionDefaults
from infra.naming import execution_log_group_name, namespace
from infra.policies import Statement, allow, compact_json, document, trust, use_key
from infra.state_machine_policies import deliver_log, send_traces
from mlops_core.lake import BACKFILLS_PREFIX


class BackfillArgs(TypedDict):
    """What the state machine of a backfill is made of."""

    bucket_name: pulumi.Input[str]
    bucket_arn: pulumi.Input[str]
    """The data lake, which holds the lists of what is to be done."""
    function_arn: pulumi.Input[str]
    """The processing function, which does each step."""
    maximum_concurrency: int
    """How many units are under way at once."""
    functions: NotRequired[FunctionDefaults]


class Backfill(pulumi.ComponentResource):
    """The state machine over the hours and shards of a range; `mlops backfill` starts it.

    Its role may invoke the processing function, read lists of units, and start, see and stop the executions of its own
    Distributed Maps.

    Example:
        >>> backfill = Backfill("backfill", {
        ...     "bucket_name": lake.bucket_name, "bucket_arn": lake.bucket_arn, "function_arn": report.arn,
        ...     "maximum_concurrency": 10,
        ... })
        >>> pulumi.export("backfill_state_machine_arn", backfill.state_machine_arn)

    """

    state_machine_arn: pulumi.Output[str]
    log_group_name: pulumi.Output[str]

    def __init__(self, name: str, args: BackfillArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:processing:Backfill", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        functions: FunctionDefaults = {**args.get("functions", {})}
        account = current_account(self)
        physical = f"{namespace()}-{name}"
        logs = aws.cloudwatch.LogGroup(
            f"{name}-executions",
            name=execution_log_group_name(name),
            retention_in_days=functions.get("log_retention_days", 30),
            kms_key_id=functions.get("kms_key_arn"),
            opts=child,
        )
        machine_arn = account.arn("states", f"stateMachine:{physical}")
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=trust("states.amazonaws.com", account=account.id, sources=[machine_arn]),
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-policy",
            role=role.name,
            policy=document(_statements(args, functions, account, physical)),
            opts=child,
        )
        definition = backfill_definition(
            args["function_arn"],
            args["bucket_name"],
            account.integration,
            maximum_concurrency=args["maximum_concurrency"],
        )
        machine = aws.sfn.StateMachine(
            name,
            name=physical,
            role_arn=role.arn,
            type="STANDARD",
            definition=compact_json(definition),
            logging_configuration={
                "level": "ALL",
                # Hours, shards and counts: no reading passes between the steps.
                "include_execution_data": True,
                "log_destination": pulumi.Output.concat(logs.arn, ":*"),
            },
            tracing_configuration={"enabled": functions.get("tracing", False)},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.state_machine_arn = machine.arn
        self.log_group_name = logs.name
        self.register_outputs({"state_machine_arn": self.state_machine_arn, "log_group_name": self.log_group_name})


def _statements(args: BackfillArgs, functions: FunctionDefaults, account: Account, physical: str) -> list[Statement]:
    lists = pulumi.Output.concat(args["bucket_arn"], f"/{BACKFILLS_PREFIX}*")
    statements = [
        allow("RunSteps", ["lambda:InvokeFunction"], [args["function_arn"]]),
        allow("ReadUnits", ["s3:GetObject"], [lists]),
        # A Distributed Map runs each unit as an execution of its own.
        allow("RunUnits", ["states:StartExecution"], [account.arn("states", f"stateMachine:{physical}")]),
        allow(
            "SeeUnits",
            ["states:DescribeExecution", "states:StopExecution"],
            [account.arn("states", f"execution:{physical}/*")],
        ),
        deliver_log(account),
    ]
    if (key := functions.get("kms_key_arn")) is not None:
        statements.append(use_key(key))
    if functions.get("tracing", False):
        statements.append(send_traces())
    return statements
