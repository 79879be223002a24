"""How much history is computed again in little time: a state machine that has many runs of processing side by side."""

import pulumi

from infra.access import LakeAccess, SharedFunctions
from infra.account import current_account
from infra.backfill_steps import backfill_definition
from infra.naming import namespace
from infra.policies import allow, objects
from infra.state_machine import state_machine
from mlops_core.lake import BACKFILLS_PREFIX


class BackfillArgs(LakeAccess, SharedFunctions):
    """What the state machine of a backfill is made of."""

    function_arn: pulumi.Input[str]
    """The processing function, which does each step."""
    maximum_concurrency: int
    """How many units are under way at once."""


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
        account, physical = current_account(self), f"{namespace()}-{name}"
        definition = backfill_definition(
            args["function_arn"],
            args["bucket_name"],
            account.integration,
            maximum_concurrency=args["maximum_concurrency"],
        )
        self.state_machine_arn, self.log_group_name = state_machine(
            name,
            self,
            account,
            args.get("functions", {}),
            definition=definition,
            statements=[
                allow("RunSteps", ["lambda:InvokeFunction"], [args["function_arn"]]),
                allow("ReadUnits", ["s3:GetObject"], objects(args["bucket_arn"], f"{BACKFILLS_PREFIX}*")),
                # A Distributed Map runs each unit as an execution of its own.
                allow("RunUnits", ["states:StartExecution"], [account.arn("states", f"stateMachine:{physical}")]),
                allow(
                    "SeeUnits",
                    ["states:DescribeExecution", "states:StopExecution"],
                    [account.arn("states", f"execution:{physical}/*")],
                ),
            ],
        )
        self.register_outputs({"state_machine_arn": self.state_machine_arn, "log_group_name": self.log_group_name})
