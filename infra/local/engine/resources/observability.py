"""Log groups, alarms, dashboards and the keys that encrypt."""

from collections.abc import Mapping

from infra.local.engine.resources.kind import FollowUp, Kind, arn, named_outputs

_DASHBOARD = {"id": "{dashboardName}", "dashboardArn": arn("cloudwatch", "dashboard/{dashboardName}", region="")}
_COMPOSITE = {"id": "{alarmName}", "arn": arn("cloudwatch", "alarm:{alarmName}")}
_METRIC = {key: f"Metric.{key[0].upper()}{key[1:]}" for key in ("metricName", "namespace", "dimensions")}

KINDS: Mapping[str, Kind] = {
    "aws:cloudwatch/logGroup:LogGroup": Kind(
        "logs",
        "create_log_group",
        named_outputs("logs", "log-group:"),
        named="name",
        rename={"name": "logGroupName"},
        ignore=frozenset({"skipDestroy"}),
        then={
            "retentionInDays": FollowUp(
                "put_retention_policy",
                lambda days, made: {"logGroupName": made.inputs["name"], "retentionInDays": int(days)},
            )
        },
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Kind(
        "cloudwatch",
        "put_metric_alarm",
        named_outputs("cloudwatch", "alarm:"),
        named="name",
        rename={
            "name": "AlarmName",
            "metricQueries": "Metrics",
            "metricQueries.metric": "MetricStat",
            **{f"metricQueries.metric.{key}": place for key, place in _METRIC.items()},
        },
    ),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": Kind(
        "cloudwatch", "put_composite_alarm", _COMPOSITE, named="alarmName"
    ),
    "aws:cloudwatch/dashboard:Dashboard": Kind("cloudwatch", "put_dashboard", _DASHBOARD, named="dashboardName"),
    "aws:kms/key:Key": Kind(
        "kms",
        "create_key",
        {
            "id": "{response[KeyMetadata][KeyId]}",
            "keyId": "{response[KeyMetadata][KeyId]}",
            "arn": "{response[KeyMetadata][Arn]}",
        },
        ignore=frozenset({"deletionWindowInDays"}),
        then={
            "enableKeyRotation": FollowUp(
                "enable_key_rotation", lambda _, made: {"KeyId": made.response["KeyMetadata"]["KeyId"]}
            )
        },
    ),
    "aws:kms/alias:Alias": Kind(
        "kms",
        "create_alias",
        {"id": "{name}", "arn": arn("kms", "{name}"), "targetKeyArn": "{targetKeyId}"},
        named="name",
        rename={"name": "AliasName"},
    ),
}
