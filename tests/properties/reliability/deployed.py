"""What the Pulumi program deploys between the broker and the functions, so that the fakes do just that and no more."""

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pulumi.runtime.mocks import Mocks

from infra.local.engine.monitor import RecordingMonitor, plain
from infra.local.engine.program import program_at, run_program

PROGRAM = Path(__file__).parent / "ingestion_program"
QUEUE_URL = "https://sqs/"


class Deployed(NamedTuple):
    """Topic rules as (SQL, queue, queue of the error action); how often each queue delivers; who reports failures."""

    rules: tuple[tuple[str, str, str], ...]
    deliveries: dict[str, int]
    reports_failures: dict[str, bool]


class _Echo(Mocks):
    """Answers a registration with what was registered, a name, an ARN and a URL."""

    def call(self, args: Any) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:  # noqa: ARG002
        return {"accountId": "000000000000", "arn": "arn:aws:iam::000000000000:root", "region": "eu-west-1"}, []

    def new_resource(self, args: Any) -> tuple[str | None, dict[str, Any]]:
        return args.name, {
            "name": args.name,
            **plain(args.inputs),
            "arn": f"arn:{args.name}",
            "url": f"{QUEUE_URL}{args.name}",
        }


@cache
def deployed() -> Deployed:
    """Evaluate the program once."""
    monitor = RecordingMonitor(_Echo())
    run_program(
        monitor, program_at(PROGRAM), project="mlops-industrial", stack="dev", config={"aws:region": "eu-west-1"}
    )
    by_type: dict[str, list[Any]] = {}
    for each in monitor.registrations:
        by_type.setdefault(each.type.rsplit(":", 1)[1], []).append(each)
    return Deployed(
        rules=tuple(
            sorted(
                (rule.inputs["sql"], _queue(rule.inputs["sqs"][0]), _queue(rule.inputs["errorAction"]["sqs"]))
                for rule in by_type["TopicRule"]
            )
        ),
        deliveries={
            queue.name: json.loads(queue.inputs["redrivePolicy"])["maxReceiveCount"]
            for queue in by_type["Queue"]
            if "redrivePolicy" in queue.inputs
        },
        reports_failures={
            mapping.inputs["eventSourceArn"].removeprefix("arn:"): "ReportBatchItemFailures"
            in mapping.inputs["functionResponseTypes"]
            for mapping in by_type["EventSourceMapping"]
        },
    )


def _queue(action: dict[str, Any]) -> str:
    return action["queueUrl"].removeprefix(QUEUE_URL)
