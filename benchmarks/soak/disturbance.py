"""What disturbs a stack: faults in its functions' SDK, functions that may not run or write, impatient queues."""

import io
import json
import zipfile
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from benchmarks.soak.faulty_sdk import DELIVERED, MIXED
from infra.local.engine.emulator import Endpoint
from ops.stack import Stack

_LAYER = "faulty-sdk"
_DENIAL = "denied-for-a-while"


class Disturbance:
    """Faults in functions of one stack, as long as the block lasts; `seen` counts them by kind.

    rates: the part of calls that fail, for each function. kinds: what the faults are, and in which proportion.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        stack: Stack,
        log: Path,
        *,
        rates: Mapping[str, float],
        kinds: Mapping[str, int] = MIXED,
    ) -> None:
        self._functions = endpoint.client("lambda")
        self._iam = endpoint.client("iam")
        self._stack = stack
        self._log = log.resolve()
        self._rates = rates
        self._kinds = kinds
        self._before: dict[str, dict[str, Any]] = {}
        self._windows: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.write_text("")
        layer = self._functions.publish_layer_version(LayerName=_LAYER, Content={"ZipFile": _layer()})
        for function, rate in self._rates.items():
            name = self._name(function)
            found = self._functions.get_function_configuration(FunctionName=name)
            variables = found["Environment"]["Variables"]
            layers = [each["Arn"] for each in found["Layers"]]
            self._before[name] = {
                "Handler": found["Handler"],
                "Layers": layers,
                "Environment": {"Variables": variables},
            }
            faults = {
                "FAULTS_HANDLER": found["Handler"],
                "FAULTS_RATE": str(rate),
                "FAULTS_KINDS": json.dumps(self._kinds),
                "FAULTS_LOG": str(self._log),
            }
            self._functions.update_function_configuration(
                FunctionName=name,
                Handler="faulty_sdk.handler",
                Layers=[*layers, layer["LayerVersionArn"]],
                Environment={"Variables": {**variables, **faults}},
            )
        return self

    def __exit__(self, *_: object) -> None:
        for name, configuration in self._before.items():
            self._functions.update_function_configuration(FunctionName=name, **configuration)

    @contextmanager
    def throttled(self, function: str) -> Generator[None]:
        """A function that may not run: no concurrency is left for it."""
        name = self._name(function)
        self._functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        try:
            yield
        finally:
            self._functions.delete_function_concurrency(FunctionName=name)
            self._windows["function throttled for seconds"] += 1

    @contextmanager
    def denied(self, function: str, action: str) -> Generator[None]:
        """A function whose role may not do one thing."""
        role = self._functions.get_function_configuration(FunctionName=self._name(function))["Role"].split("/")[-1]
        statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._iam.put_role_policy(RoleName=role, PolicyName=_DENIAL, PolicyDocument=document)
        try:
            yield
        finally:
            self._iam.delete_role_policy(RoleName=role, PolicyName=_DENIAL)
            self._windows["write denied by IAM for seconds"] += 1

    def seen(self) -> Counter[str]:
        """Faults by kind; not those that no call met."""
        return self._lines() - Counter({DELIVERED: self._lines()[DELIVERED]}) + self._windows

    def delivered(self) -> int:
        """Messages that queues handed to functions, those handed more than once as often as that."""
        return self._lines()[DELIVERED]

    def _lines(self) -> Counter[str]:
        counted: Counter[str] = Counter()
        for line in self._log.read_text().splitlines():
            number, _, what = line.partition("\t")
            counted[what] += int(number)
        return counted

    def _name(self, function: str) -> str:
        return self._stack.outputs.function_name(function)


@contextmanager
def impatient(stack: Stack, seconds: int) -> Generator[None]:
    """Queues that deliver again after so many seconds what is not acknowledged, even if it is being worked on."""
    attribute = "VisibilityTimeout"
    before = {
        url: stack.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[attribute])["Attributes"]
        for url in (stack.outputs.ingestion_queue_url, stack.outputs.label_queue_url)
    }
    for url in before:
        stack.sqs.set_queue_attributes(QueueUrl=url, Attributes={attribute: str(seconds)})
    try:
        yield
    finally:
        for url, attributes in before.items():
            stack.sqs.set_queue_attributes(QueueUrl=url, Attributes={attribute: attributes[attribute]})


def _layer() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.write(Path(__file__).with_name("faulty_sdk.py"), "python/faulty_sdk.py")
    return archive.getvalue()
