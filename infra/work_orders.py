"""How alarms become work orders: destinations outside of AWS that receive changes of alarms, by EventBridge.

EventBridge calls each endpoint, and again for a day where it does not answer; what it gives up is kept in a queue. The
credential of a destination is read from Secrets Manager while the stack is deployed, and is kept by EventBridge.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from infra.account import current_account
from infra.monitoring import QueueAlarms
from infra.policies import Statement, allow, compact_json, document, trust
from infra.queues import undelivered_queue
from infra.work_order_targets import WorkOrderTarget

SOURCE = "mlops.alarms"  # of the events, as the function that publishes them says it
RETRY_FOR_SECONDS = 24 * 60 * 60
RETRIES = 185


class WorkOrdersArgs(TypedDict):
    """What work orders are made of."""

    bus: aws.cloudwatch.EventBus
    """The bus that carries changes of alarms."""
    targets: Sequence[Any]
    """The recipients, each a WorkOrderTarget or a mapping of its keys; at least one."""
    alarm_topic_arn: NotRequired[pulumi.Input[str] | None]
    """Topic of the alarms on failed deliveries."""


class WorkOrders(pulumi.ComponentResource):
    """A rule, a connection and an API destination for each target, and one queue for what could not be delivered.

    Example:
        >>> WorkOrders("work-orders", {"bus": events.bus, "targets": [WorkOrderTarget(
        ...     name="cmms", endpoint="https://cmms.example.com/api/work-orders", secret_name="cmms-token",
        ... )]})

    """

    def __init__(self, name: str, args: WorkOrdersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:alerting:WorkOrders", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        targets = [WorkOrderTarget.model_validate(target) for target in args["targets"]]
        queue = undelivered_queue(f"{name}-undelivered", self)
        rules = {target.name: self._rule(f"{name}-{target.name}", args["bus"], target) for target in targets}
        keep = Statement(
            Sid="RulesKeepWhatTheyCouldNotDeliver",
            Effect="Allow",
            Principal={"Service": "events.amazonaws.com"},
            Action=["sqs:SendMessage"],
            Resource=[queue.arn],
            Condition={"ArnEquals": {"aws:SourceArn": [rule.arn for rule in rules.values()]}},
        )
        policy = aws.sqs.QueuePolicy(
            f"{name}-undelivered-policy", queue_url=queue.url, policy=document([keep]), opts=self._child
        )
        for target in targets:
            self._deliver(f"{name}-{target.name}", target, rules[target.name], queue.arn, policy)
        if (topic := args.get("alarm_topic_arn")) is not None:
            QueueAlarms(f"{name}-alarms", {"topic_arn": topic, "buffers": {}, "dead_letter_queue": queue}, self._child)
        self.register_outputs({"undelivered_queue_url": queue.url})

    def _rule(self, name: str, bus: aws.cloudwatch.EventBus, target: WorkOrderTarget) -> aws.cloudwatch.EventRule:
        pattern: dict[str, Any] = {
            "source": [SOURCE],
            "detail": {"change": list(target.changes), "episode": {"stage": list(target.stages)}},
        }
        return aws.cloudwatch.EventRule(
            f"{name}-rule",
            description=f"Changes of alarms for {target.name}",
            event_bus_name=bus.name,
            event_pattern=compact_json(pattern),
            opts=self._child,
        )

    def _deliver(
        self,
        name: str,
        target: WorkOrderTarget,
        rule: aws.cloudwatch.EventRule,
        undelivered_arn: pulumi.Input[str],
        policy: aws.sqs.QueuePolicy,
    ) -> None:
        secret = aws.secretsmanager.get_secret_version_output(
            secret_id=target.secret_name, opts=pulumi.InvokeOutputOptions(parent=self)
        )
        connection = aws.cloudwatch.EventConnection(
            f"{name}-connection",
            name=f"{pulumi.get_stack()}-{name}",  # 64 characters at most
            description=f"How {target.name} knows us",
            authorization_type="API_KEY",
            auth_parameters={
                "api_key": {"key": target.header, "value": pulumi.Output.secret(secret.secret_string)},
            },
            opts=self._child,
        )
        destination = aws.cloudwatch.EventApiDestination(
            f"{name}-destination",
            name=f"{pulumi.get_stack()}-{name}",
            connection_arn=connection.arn,
            invocation_endpoint=target.endpoint,
            http_method=target.method,
            invocation_rate_limit_per_second=target.calls_per_second,
            opts=self._child,
        )
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=trust("events.amazonaws.com", account=current_account(self).id, sources=[rule.arn]),
            opts=self._child,
        )
        may_call = aws.iam.RolePolicy(
            f"{name}-policy",
            role=role.name,
            policy=document([allow("CallDestination", ["events:InvokeApiDestination"], [destination.arn])]),
            opts=self._child,
        )
        aws.cloudwatch.EventTarget(
            f"{name}-target",
            rule=rule.name,
            event_bus_name=rule.event_bus_name,
            arn=destination.arn,
            role_arn=role.arn,
            input_transformer=_transformer(target.body) if target.body else None,
            input_path=None if target.body else "$.detail",
            retry_policy={"maximum_event_age_in_seconds": RETRY_FOR_SECONDS, "maximum_retry_attempts": RETRIES},
            dead_letter_config={"arn": undelivered_arn},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[may_call, policy]),
        )


def _transformer(body: Mapping[str, Any]) -> aws.cloudwatch.EventTargetInputTransformerArgsDict:
    """Return EventBridge's input transformer for a body in which `$.detail...` is replaced by a value of the event."""
    paths: dict[str, str] = {}

    def placeholder(quoted: re.Match[str]) -> str:
        return f"<{paths.setdefault(quoted[1], f'v{len(paths)}')}>"

    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    template = re.sub(r'"(\$\.detail[^"\\]*)"', placeholder, text)
    return {"input_paths": {name: path for path, name in paths.items()}, "input_template": template}
