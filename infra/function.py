"""A Lambda function in Python with all that is its own: code, role, log group and alarm."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict, cast

import pulumi
import pulumi_aws as aws

from contract.functions import FUNCTIONS, Function
from infra.naming import log_group_name, namespace
from infra.packaging import Target
from infra.policies import Statement, allow, document, trust, use_key
from infra.sources import function_archive
from mlops_core.alerting import FUNCTION_FAILED, with_runbook


class FunctionDefaults(TypedDict, total=False):
    """What the functions of a stack have in common."""

    target: Target
    """Python and processor (default: 3.13 on arm64)."""
    layers: Mapping[str, pulumi.Input[str]]
    """ARNs of layers by name, of which each function takes those of its row in contract.functions (default: none)."""
    log_retention_days: int
    """How long its log group keeps what it logs (default: 30)."""
    log_level: str
    """Least severe level that is logged (default: INFO)."""
    tracing: bool
    """Trace every run with X-Ray (default: pass a caller's trace through)."""
    kms_key_arn: pulumi.Input[str] | None
    """Key that encrypts environment and logs, and whatever the function reads and writes."""
    dead_letter_queue_arn: pulumi.Input[str] | None
    """Queue that takes an asynchronous invocation after its last attempt has failed."""
    alarm_topic_arn: pulumi.Input[str] | None
    """Topic that is notified when a run fails; without it there is no alarm."""
    time_zone: str
    """IANA time zone of its schedule, and of times in its notices (default: UTC)."""
    reserved_concurrency: Mapping[str, int]
    """Most runs at once by function, taken from the account's limit (default: no reservations)."""


class PythonFunctionArgs(FunctionDefaults):
    """What one function is made of."""

    function: str
    """Which one: a name of contract.functions."""
    settings: Mapping[str, Any]
    """Fields of its settings model, beside those of its logs and metrics; plain values are checked by the model."""
    statements: Sequence[Statement]
    """What it may do beside writing its own log."""
    timeout_seconds: int
    memory_mb: int
    invokes_itself: NotRequired[bool]
    """Whether it may have itself invoked again, to go on with what one run could not finish (default: no)."""


class PythonFunction(pulumi.ComponentResource):
    """A function whose role may do what its statements say, and write to its own log group, and nothing else.

    Its environment is an instance of its settings model, so what the handler would refuse is refused here.

    Example:
        >>> promotion = PythonFunction("promotion", {
        ...     "function": "promotion", "settings": {"data_lake_bucket": lake.bucket_name},
        ...     "statements": [allow("ReadModels", ["s3:GetObject"], ["arn:aws:s3:::acme-lake/models/*"])],
        ...     "timeout_seconds": 30, "memory_mb": 256,
        ... })
        >>> pulumi.export("promotion_function_arn", promotion.arn)

    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    role_arn: pulumi.Output[str]
    log_group_name: pulumi.Output[str]

    def __init__(self, name: str, args: PythonFunctionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:compute:PythonFunction", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=log_group_name(name),
            retention_in_days=args.get("log_retention_days", 30),
            kms_key_id=args.get("kms_key_arn"),
            opts=child,
        )
        role = aws.iam.Role(f"{name}-role", assume_role_policy=trust("lambda.amazonaws.com"), opts=child)
        policy = aws.iam.RolePolicy(
            f"{name}-policy",
            role=role.name,
            policy=document([_write_log(logs.arn), *_common_statements(args), *args["statements"]]),
            opts=child,
        )
        function = self._function(name, args, role=role, policy=policy, logs=logs)
        if args.get("invokes_itself", False):
            # A policy of its own: the function's ARN exists only after the function, which waits for its first policy.
            aws.iam.RolePolicy(
                f"{name}-itself-policy",
                role=role.name,
                policy=document([allow("GoOn", ["lambda:InvokeFunction"], [function.arn])]),
                opts=child,
            )
        if (topic := args.get("alarm_topic_arn")) is not None:
            self._alarm(f"{name}-errors", function, topic)
        self.name = function.name
        self.arn = function.arn
        self.role_arn = role.arn
        self.log_group_name = logs.name
        self.register_outputs(
            {"name": self.name, "arn": self.arn, "role_arn": self.role_arn, "log_group_name": self.log_group_name}
        )

    def _function(
        self,
        name: str,
        args: PythonFunctionArgs,
        *,
        role: aws.iam.Role,
        policy: aws.iam.RolePolicy,
        logs: aws.cloudwatch.LogGroup,
    ) -> aws.lambda_.Function:
        target = args.get("target") or Target.of("3.13", "arm64")
        level, dead_letters = args.get("log_level", "INFO"), args.get("dead_letter_queue_arn")
        function, layers = FUNCTIONS[args["function"]], args.get("layers", {})
        common = {
            "powertools_service_name": function.service,
            "powertools_metrics_namespace": namespace(),  # stacks that share an account count apart
            "powertools_log_level": level,
            "time_zone": args.get("time_zone", "UTC"),
        }
        return aws.lambda_.Function(
            name,
            code=function_archive(function.handler),
            handler=function.handler,
            runtime=target.runtime,
            architectures=[target.architecture],
            role=role.arn,
            layers=[layers[layer] for layer in function.layers if layer in layers],
            timeout=args["timeout_seconds"],
            memory_size=args["memory_mb"],
            environment={"variables": variables(function, {**common, **args["settings"]})},
            kms_key_arn=args.get("kms_key_arn"),
            reserved_concurrent_executions=args.get("reserved_concurrency", {}).get(function.name),
            logging_config={
                "log_format": "JSON",
                "log_group": logs.name,
                # Lambda takes a line without a level, as metrics are, for INFO: less severe lines the function itself
                # leaves out (handlers/logs.py). INFO of the system is the line on duration and memory of each run.
                "application_log_level": "DEBUG" if level == "DEBUG" else "INFO",
                "system_log_level": "INFO",
            },
            tracing_config={"mode": "Active" if args.get("tracing", False) else "PassThrough"},
            dead_letter_config=None if dead_letters is None else {"target_arn": dead_letters},
            # The first run must find its permissions.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )

    def _alarm(self, name: str, function: aws.lambda_.Function, topic_arn: pulumi.Input[str]) -> None:
        aws.cloudwatch.MetricAlarm(
            name,
            alarm_description=pulumi.Output.concat(function.name, ": ", with_runbook(FUNCTION_FAILED, "function")),
            namespace="AWS/Lambda",
            metric_name="Errors",
            dimensions={"FunctionName": function.name},
            statistic="Sum",
            period=300,
            evaluation_periods=1,
            comparison_operator="GreaterThanThreshold",
            threshold=0,
            treat_missing_data="notBreaching",
            alarm_actions=[topic_arn],
            ok_actions=[topic_arn],
            opts=pulumi.ResourceOptions(parent=self),
        )


def function_name(component: str, function: str) -> str:
    """The name of a component's function in the program: `{component}-{what contract.functions calls it}`."""
    return f"{component}-{FUNCTIONS[function].resource}"


def variables(function: Function, settings: Mapping[str, object]) -> dict[str, pulumi.Input[str]]:
    """The environment variables from which the handler reads `settings`, fields of its model.

    An output, whose value is not known yet, is stood in for while the model checks the others. Raises ValidationError.
    """
    outputs = {
        field: cast("pulumi.Output[str]", value)
        for field, value in settings.items()
        if isinstance(value, pulumi.Output)
    }
    plain = function.settings.model_validate({**settings, **dict.fromkeys(outputs, "an-output")})
    return {
        **plain.variables(),
        **{function.settings.variable(field): value for field, value in outputs.items()},
    }


def _write_log(log_group_arn: pulumi.Output[str]) -> Statement:
    # Lambda names the streams, so they can only be given by the group that they are in.
    streams = pulumi.Output.concat(log_group_arn, ":log-stream:*")
    return allow("WriteOwnLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [streams])


def _common_statements(args: PythonFunctionArgs) -> list[Statement]:
    statements: list[Statement] = []
    if (key := args.get("kms_key_arn")) is not None:
        statements.append(use_key(key))
    if (dead_letters := args.get("dead_letter_queue_arn")) is not None:
        statements.append(allow("KeepFailedEvents", ["sqs:SendMessage"], [dead_letters]))
    if args.get("tracing", False):
        # X-Ray knows no resources for these two actions: https://docs.aws.amazon.com/service-authorization/
        statements.append(allow("SendTraces", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"]))
    return statements
