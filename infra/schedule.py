"""A function, or a state machine, that EventBridge Scheduler starts, with the role by which it does."""

from typing import NotRequired

import pulumi
import pulumi_aws as aws

from infra.account import current_account
from infra.function import FunctionDefaults
from infra.policies import allow, document, trust, use_key

_GROUP = "default"


class FunctionScheduleArgs(FunctionDefaults):
    """What a schedule is made of.

    Of what functions have in common it takes their time zone, in which cron(...) and at(...) are meant, the queue of
    what failed, for an invocation that Lambda did not accept in time, and the key.
    """

    function_arn: pulumi.Input[str]
    """What is started."""
    action: NotRequired[str]
    """How it is started: `states:StartExecution`, or `lambda:InvokeFunction` (default)."""
    expression: str
    """rate(...), cron(...) or at(...)."""
    maximum_event_age_seconds: int
    """How long an invocation that Lambda does not accept is tried again (60 to 86400)."""
    enabled: NotRequired[bool]
    """Whether it runs (default: yes)."""


class FunctionSchedule(pulumi.ComponentResource):
    """A schedule that starts one function with an empty event, by a role that may start that function alone.

    Example:
        >>> nightly = FunctionSchedule("nightly", {
        ...     "function_arn": report.arn, "expression": "cron(0 2 * * ? *)", "maximum_event_age_seconds": 3600,
        ... })
        >>> pulumi.export("schedule_name", nightly.name)

    """

    name: pulumi.Output[str]
    role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: FunctionScheduleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:compute:FunctionSchedule", name, None, opts)
        dead_letters, key = args.get("dead_letter_queue_arn"), args.get("kms_key_arn")
        account = current_account(self)
        child = pulumi.ResourceOptions(parent=self)
        action = args.get("action", "lambda:InvokeFunction")
        statements = [allow(action.partition(":")[2], [action], [args["function_arn"]])]
        if dead_letters is not None:
            statements.append(allow("KeepRefusedInvocations", ["sqs:SendMessage"], [dead_letters]))
        if key is not None:
            statements.append(use_key(key))
        # Scheduler names the schedule's group as the source, not the schedule.
        group = account.arn("scheduler", f"schedule-group/{_GROUP}")
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=trust("scheduler.amazonaws.com", account=account.id, sources=[group]),
            opts=child,
        )
        policy = aws.iam.RolePolicy(f"{name}-policy", role=role.name, policy=document(statements), opts=child)
        target: aws.scheduler.ScheduleTargetArgsDict = {
            "arn": args["function_arn"],
            "role_arn": role.arn,
            "input": "{}",
            "retry_policy": {
                "maximum_event_age_in_seconds": args["maximum_event_age_seconds"],
                "maximum_retry_attempts": 10,
            },
            "dead_letter_config": None if dead_letters is None else {"arn": dead_letters},
        }
        schedule = aws.scheduler.Schedule(
            name,
            group_name=_GROUP,
            schedule_expression=args["expression"],
            schedule_expression_timezone=args.get("time_zone", "UTC"),
            flexible_time_window={"mode": "OFF"},
            state="ENABLED" if args.get("enabled", True) else "DISABLED",
            kms_key_arn=key,
            target=target,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.name = schedule.name
        self.role_arn = role.arn
        self.register_outputs({"name": self.name, "role_arn": self.role_arn})
