"""One resource of every type that the laptop run knows, wired as a real program wires them."""

import json

import pulumi
import pulumi_aws as aws

config = pulumi.Config()
provider = aws.Provider("aws", region="us-east-1", default_tags={"tags": {"project": "sample"}})
options = pulumi.ResourceOptions(provider=provider)
account = aws.get_caller_identity(opts=pulumi.InvokeOptions(provider=provider)).account_id


def document(*statements: dict[str, object]) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allowed(service: str, action: str, **resource: object) -> pulumi.Output[str]:
    return document({"Effect": "Allow", "Principal": {"Service": service}, "Action": action, **resource})


def trust(service: str) -> pulumi.Output[str]:
    return allowed(service, "sts:AssumeRole")


class Lake(pulumi.ComponentResource):
    def __init__(self, name: str) -> None:
        super().__init__("sample:index:Lake", name, None, options)
        child = pulumi.ResourceOptions(parent=self)
        self.bucket = aws.s3.Bucket(f"{name}-bucket", tags={"own": "yes"}, opts=child)
        bucket = self.bucket.bucket
        aws.s3.BucketVersioning(
            f"{name}-versions", bucket=bucket, versioning_configuration={"status": "Enabled"}, opts=child
        )
        aws.s3.BucketPublicAccessBlock(
            f"{name}-private",
            bucket=bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        aws.s3.BucketOwnershipControls(
            f"{name}-owner", bucket=bucket, rule={"object_ownership": "BucketOwnerEnforced"}, opts=child
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket,
            rules=[
                {"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}, "bucket_key_enabled": True}
            ],
            opts=child,
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket,
            rules=[
                {
                    "id": "raw",
                    "status": "Enabled",
                    "filter": {"prefix": "raw/"},
                    "transitions": [{"days": 30, "storage_class": "STANDARD_IA"}],
                    "expiration": {"days": 365},
                    "noncurrent_version_expiration": {"noncurrent_days": 7},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
                }
            ],
            opts=child,
        )
        aws.s3.BucketPolicy(
            f"{name}-tls",
            bucket=bucket,
            policy=document(
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [self.bucket.arn, pulumi.Output.concat(self.bucket.arn, "/*")],
                    "Condition": {"StringEquals": {"aws:PrincipalTag/never": "matches"}},
                }
            ),
            opts=child,
        )
        self.register_outputs({"bucket": bucket})


lake = Lake("lake")
aws.s3.BucketNotification("notification", bucket=lake.bucket.bucket, eventbridge=True, opts=options)
aws.s3.BucketLogging(
    "logging", bucket=lake.bucket.bucket, target_bucket=lake.bucket.bucket, target_prefix="access/", opts=options
)
key = aws.kms.Key("key", description="sample", enable_key_rotation=True, deletion_window_in_days=7, opts=options)
aws.kms.Alias("alias", name="alias/sample", target_key_id=key.key_id, opts=options)
dead = aws.sqs.Queue("dead", message_retention_seconds=1209600, sqs_managed_sse_enabled=True, opts=options)
queue = aws.sqs.Queue(
    "queue",
    visibility_timeout_seconds=2,
    redrive_policy=pulumi.Output.json_dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 5}),
    opts=options,
)
aws.sqs.RedriveAllowPolicy(
    "redrive",
    queue_url=dead.url,
    redrive_allow_policy=pulumi.Output.json_dumps({"redrivePermission": "byQueue", "sourceQueueArns": [queue.arn]}),
    opts=options,
)
aws.sqs.QueuePolicy(
    "queue-policy",
    queue_url=queue.url,
    policy=allowed("iot.amazonaws.com", "sqs:SendMessage", Resource=queue.arn),
    opts=options,
)
table = aws.dynamodb.Table(
    "table",
    billing_mode="PAY_PER_REQUEST",
    hash_key="machine_id",
    range_key="event_timestamp",
    attributes=[{"name": "machine_id", "type": "S"}, {"name": "event_timestamp", "type": "S"}],
    point_in_time_recovery={"enabled": True},
    server_side_encryption={"enabled": True},
    ttl={"attribute_name": "expires_at", "enabled": True},
    deletion_protection_enabled=False,
    opts=options,
)
log_group = aws.cloudwatch.LogGroup("logs", name="/aws/lambda/sample", retention_in_days=14, opts=options)
role = aws.iam.Role("function-role", assume_role_policy=trust("lambda.amazonaws.com"), opts=options)
policy = aws.iam.RolePolicy(
    "function-policy",
    role=role.name,
    policy=document(
        {
            "Sid": "PutRaw",
            "Effect": "Allow",
            "Action": "s3:PutObject",
            "Resource": pulumi.Output.concat(lake.bucket.arn, "/raw/*"),
        },
        {
            "Sid": "ReadQueue",
            "Effect": "Allow",
            "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage"],
            "Resource": queue.arn,
        },
    ),
    opts=options,
)
layer_object = aws.s3.BucketObjectv2(
    "layer-object",
    bucket=lake.bucket.bucket,
    key="layers/data.zip",
    source=pulumi.AssetArchive({"python/sample_layer.py": pulumi.StringAsset("VALUE = 'from the layer'\n")}),
    opts=options,
)
layer = aws.lambda_.LayerVersion(
    "layer",
    layer_name="sample-layer",
    s3_bucket=layer_object.bucket,
    s3_key=layer_object.key,
    compatible_runtimes=["python3.13"],
    opts=options,
)
SOURCE = """
import os, sys
class TooWarmError(Exception): pass

def handler(event, context):
    import boto3, sample_layer
    if event.get("fail"):
        raise TooWarmError("too warm")
    if "Records" in event:
        key = f"raw/{len(event['Records'])}-{context.aws_request_id}"
        boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key=key, Body=event["Records"][0]["body"])
        return {"batchItemFailures": []}
    if event.get("deny"):
        boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key="other/key", Body=b"")
    return {"layer": sample_layer.VALUE, "prefix": sys.prefix, "environment": sorted(os.environ)}
"""
function = aws.lambda_.Function(
    "function",
    runtime="python3.13",
    handler="sample.handler",
    code=pulumi.AssetArchive({"sample.py": pulumi.StringAsset(SOURCE)}),
    role=role.arn,
    layers=[layer.arn],
    timeout=30,
    memory_size=256,
    architectures=["arm64"],
    environment={"variables": {"BUCKET": lake.bucket.bucket}},
    logging_config={"log_format": "JSON", "log_group": log_group.name},
    opts=pulumi.ResourceOptions(provider=provider, depends_on=[policy]),
)
aws.lambda_.EventSourceMapping(
    "mapping",
    event_source_arn=queue.arn,
    function_name=function.name,
    batch_size=50,
    maximum_batching_window_in_seconds=2,
    function_response_types=["ReportBatchItemFailures"],
    scaling_config={"maximum_concurrency": 2},
    opts=options,
)
aws.lambda_.Permission(
    "permission", action="lambda:InvokeFunction", function=function.name, principal="iot.amazonaws.com", opts=options
)
aws.lambda_.FunctionEventInvokeConfig(
    "invoke-config",
    function_name=function.name,
    maximum_retry_attempts=0,
    maximum_event_age_in_seconds=60,
    opts=options,
)
rule_role = aws.iam.Role("rule-role", assume_role_policy=trust("iot.amazonaws.com"), opts=options)
aws.iot.TopicRule(
    "rule",
    name="sample_rule",
    enabled=True,
    sql="SELECT encode(*, 'base64') AS payload_base64, topic() AS topic FROM 'sample/+/temperature'",
    sql_version="2016-03-23",
    sqs=[{"queue_url": queue.url, "role_arn": rule_role.arn, "use_base64": False}],
    error_action={"sqs": {"queue_url": dead.url, "role_arn": rule_role.arn, "use_base64": False}},
    opts=options,
)
aws.iot.Policy(
    "device-policy",
    policy=document(
        {
            "Effect": "Allow",
            "Action": ["iot:Connect"],
            "Resource": ["arn:aws:iot:us-east-1:000000000000:client/${iot:Connection.Thing.ThingName}"],
        }
    ),
    opts=options,
)
aws.iot.ThingGroup("devices", properties={"description": "Machines"}, opts=options)
schedule_role = aws.iam.Role("schedule-role", assume_role_policy=trust("scheduler.amazonaws.com"), opts=options)
group = aws.scheduler.ScheduleGroup("group", opts=options)
aws.scheduler.Schedule(
    "schedule",
    group_name=group.name,
    schedule_expression="rate(1 hour)",
    flexible_time_window={"mode": "OFF"},
    target={
        "arn": function.arn,
        "role_arn": schedule_role.arn,
        "input": json.dumps({"scheduled": True}),
        "retry_policy": {"maximum_retry_attempts": 2, "maximum_event_age_in_seconds": 300},
        "dead_letter_config": {"arn": dead.arn},
    },
    opts=options,
)
database = aws.glue.CatalogDatabase("database", name="sample_lake", opts=options)
aws.glue.CatalogTable(
    "raw-table",
    name="raw",
    database_name=database.name,
    table_type="EXTERNAL_TABLE",
    parameters={"projection.enabled": "true"},
    partition_keys=[{"name": "date", "type": "string"}],
    storage_descriptor={
        "location": lake.bucket.bucket.apply(lambda bucket: f"s3://{bucket}/raw/"),
        "columns": [{"name": "machine_id", "type": "string"}],
        "input_format": "org.apache.hadoop.mapred.TextInputFormat",
        "output_format": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "ser_de_info": {"serialization_library": "org.openx.data.jsonserde.JsonSerDe", "parameters": {"a": "b"}},
    },
    opts=options,
)
bus = aws.cloudwatch.EventBus("bus", description="Changes", opts=options)
connection = aws.cloudwatch.EventConnection(
    "connection",
    authorization_type="API_KEY",
    auth_parameters={"api_key": {"key": "Authorization", "value": "Bearer x"}},
    opts=options,
)
aws.cloudwatch.EventApiDestination(
    "destination",
    connection_arn=connection.arn,
    invocation_endpoint="https://cmms.example.com/work-orders",
    http_method="POST",
    opts=options,
)
topic = aws.sns.Topic("alarms", kms_master_key_id=key.arn, opts=options)
aws.sns.TopicPolicy(
    "alarms-policy",
    arn=topic.arn,
    policy=allowed("cloudwatch.amazonaws.com", "sns:Publish", Resource=topic.arn),
    opts=options,
)
aws.sns.TopicSubscription("alarms-queue", topic=topic.arn, protocol="sqs", endpoint=dead.arn, opts=options)
alarm = aws.cloudwatch.MetricAlarm(
    "alarm",
    comparison_operator="GreaterThanThreshold",
    evaluation_periods=1,
    namespace="AWS/Lambda",
    metric_name="Errors",
    dimensions={"FunctionName": function.name},
    period=60,
    statistic="Sum",
    threshold=0.5,
    alarm_actions=[topic.arn],
    treat_missing_data="notBreaching",
    opts=options,
)
aws.cloudwatch.CompositeAlarm(
    "composite-alarm",
    alarm_name="either",
    alarm_rule=pulumi.Output.format('ALARM("{0}") OR ALARM("{0}")', alarm.name),
    opts=options,
)
aws.cloudwatch.MetricAlarm(
    "math-alarm",
    comparison_operator="GreaterThanThreshold",
    evaluation_periods=1,
    threshold=1,
    metric_queries=[
        {"id": "rate", "expression": "errors / 2", "label": "rate", "return_data": True},
        {
            "id": "errors",
            "metric": {
                "namespace": "AWS/Lambda",
                "metric_name": "Errors",
                "period": 60,
                "stat": "Sum",
                "dimensions": {"FunctionName": function.name},
            },
        },
    ],
    opts=options,
)
aws.cloudwatch.Dashboard("dashboard", dashboard_name="sample", dashboard_body=json.dumps({"widgets": []}), opts=options)
rule = aws.cloudwatch.EventRule("rule", event_pattern=json.dumps({"source": ["sample"]}), opts=options)
aws.cloudwatch.EventTarget("target", rule=rule.name, arn=function.arn, opts=options)
aws.sfn.StateMachine(
    "machine",
    role_arn=role.arn,
    definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
    opts=options,
)
api = aws.apigatewayv2.Api("api", protocol_type="HTTP", opts=options)
integration = aws.apigatewayv2.Integration(
    "integration",
    api_id=api.id,
    integration_type="AWS_PROXY",
    integration_uri=function.arn,
    payload_format_version="2.0",
    opts=options,
)
aws.apigatewayv2.Route(
    "route",
    api_id=api.id,
    route_key="GET /",
    authorization_type="AWS_IAM",
    target=pulumi.Output.concat("integrations/", integration.id),
    opts=options,
)
aws.apigatewayv2.Stage("stage", api_id=api.id, name="$default", auto_deploy=True, opts=options)
pulumi.export("account", account)
pulumi.export("bucket", lake.bucket.bucket)
pulumi.export("function", function.name)
pulumi.export("role", role.name)
pulumi.export("queue_url", queue.url)
pulumi.export("dead_letter_url", dead.url)
pulumi.export("table_arn", table.arn)
pulumi.export("machines", config.require_object("machines"))
pulumi.export("greeting", pulumi.Output.secret(config.require("greeting")))
