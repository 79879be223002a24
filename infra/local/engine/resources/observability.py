"""Log groups, alarms, dashboards and the keys that encrypt."""

from collections.abc import Mapping
from typing import Any

from infra.local.engine.resources.kind import Created, FollowUp, Kind, arn, named_outputs


def _retention(value: float, created: Created) -> dict[str, Any]:
    return {"logGroupName": created.inputs["name"], "retentionInDays": int(value)}


def _dashboard(created: Created) -> dict[str, Any]:
    name = created.inputs["dashboardName"]
    return {"id": name, "dashboardArn": arn("cloudwatch", f"dashboard/{name}", region="")}


def _composite(created: Created) -> dict[str, Any]:
    name = created.inputs["alarmName"]
    return {"id": name, "arn": arn("cloudwatch", f"alarm:{name}")}


def _key(created: Created) -> dict[str, Any]:
    key = created.response["KeyMetadata"]
    return {"id": key["KeyId"], "keyId": key["KeyId"], "arn": key["Arn"]}


def _rotation(_: bool, created: Created) -> dict[str, Any]:
    return {"KeyId": created.response["KeyMetadata"]["KeyId"]}


_METRIC = {key: f"Metric.{key[0].upper()}{key[1:]}" for key in ("metricName", "namespace", "dimensions")}

KINDS: Mapping[str, Kind] = {
    "aws:cloudwatch/logGroup:LogGroup": Kind(
        "logs",
        "create_log_group",
        named_outputs("logs", "log-group:"),
        named="name",
        rename={"name": "logGroupName"},
        ignore=frozenset({"skipDestroy"}),
        then={"retentionInDays": FollowUp("put_retention_policy", _retention)},
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
        "cloudwatch", "put_composite_alarm", _composite, named="alarmName"
    ),
    "aws:cloudwatch/dashboard:Dashboard": Kind("cloudwatch", "put_dashboard", _dashboard, named="dashboardName"),
    "aws:kms/key:Key": Kind(
        "kms",
        "create_key",
        _key,
        ignore=frozenset({"deletionWindowInDays"}),
        then={"enableKeyRotation": FollowUp("enable_key_rotation", _rotation)},
    ),
    "aws:kms/alias:Alias": Kind(
        "kms",
        "create_alias",
        lambda created: {
            "id": created.inputs["name"],
            "arn": arn("kms", created.inputs["name"]),
            "targetKeyArn": created.inputs["targetKeyId"],
        },
        named="name",
        rename={"name": "AliasName"},
    ),
}
