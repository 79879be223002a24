"""How others hear of alarms: an event bus with each change of an episode, and the function that fills it.

The table of alarms is the outbox: its stream starts the function, again and again until the bus has taken the change.
"""

import pulumi
import pulumi_aws as aws

from infra.access import FunctionSize, LabelHistoryAccess, SharedFunctions
from infra.function import PythonFunction, function_name
from infra.policies import allow

_DAY = 24 * 60 * 60  # for as long as the stream keeps a change


class AlarmEventsArgs(LabelHistoryAccess, FunctionSize, SharedFunctions):
    """What alarm events are made of."""

    alarms_arn: pulumi.Input[str]
    alarms_stream_arn: pulumi.Input[str]
    """The table of alarms, and the stream of its changes."""
    dead_letter_queue_arn: pulumi.Input[str]
    """Receives changes that could not be published for a day."""


class AlarmEvents(pulumi.ComponentResource):
    """The event bus of a stack's alarms; rules on it decide who hears what (source `mlops.alarms`).

    Example:
        >>> events = AlarmEvents("alarm-events", {
        ...     "alarms_arn": alerting.alarms.arn, "alarms_stream_arn": alerting.alarms.stream_arn,
        ...     "label_history_table": labels.name, "label_history_arn": labels.arn,
        ...     "dead_letter_queue_arn": dead_letters.arn, "timeout_seconds": 30, "memory_mb": 256,
        ... })
        >>> pulumi.export("event_bus_name", events.bus.name)

    """

    bus: aws.cloudwatch.EventBus

    def __init__(self, name: str, args: AlarmEventsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:alerting:AlarmEvents", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.bus = aws.cloudwatch.EventBus(f"{name}-bus", description="Changes of alarm episodes", opts=child)
        self.function = PythonFunction(
            function_name(name, "alarm_events"),
            {
                **args.get("functions", {}),
                "dead_letter_queue_arn": args["dead_letter_queue_arn"],
                "function": "alarm_events",
                "settings": {
                    "event_bus_name": self.bus.name,
                    "label_history_table": args["label_history_table"],
                },
                "statements": [
                    allow(
                        "ReadChanges",
                        ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
                        [args["alarms_stream_arn"]],
                    ),
                    allow(
                        "ListChanges", ["dynamodb:ListStreams"], [pulumi.Output.concat(args["alarms_arn"], "/stream/*")]
                    ),
                    allow("PublishChanges", ["events:PutEvents"], [self.bus.arn]),
                    allow("KeepVerdicts", ["dynamodb:PutItem"], [args["label_history_arn"]]),
                ],
                "timeout_seconds": args["timeout_seconds"],
                "memory_mb": args["memory_mb"],
            },
            child,
        )
        aws.lambda_.EventSourceMapping(
            f"{name}-source",
            event_source_arn=args["alarms_stream_arn"],
            function_name=self.function.arn,
            starting_position="TRIM_HORIZON",
            batch_size=10,
            bisect_batch_on_function_error=True,
            maximum_record_age_in_seconds=_DAY,
            destination_config={"on_failure": {"destination_arn": args["dead_letter_queue_arn"]}},
            opts=child,
        )
        self.register_outputs({"bus_name": self.bus.name, "function_name": self.function.name})
