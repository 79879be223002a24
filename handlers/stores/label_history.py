"""The history of functional failures, which labels training rows: one item per machine and moment of failure."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from handlers.stores.numbers import number
from mlops_core.telemetry import FailureEvent, utc_text

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

# Of two events for one machine and moment the larger (measured_value, event_code) stays, whichever came first.
_NEW_OR_LARGER = (
    "attribute_not_exists(machine_id) OR measured_value < :measured_value"
    " OR (measured_value = :measured_value AND event_code < :event_code)"
)
_ASSIGN = "SET event_code = :event_code, measured_value = :measured_value, threshold = :threshold"


class LabelHistory:
    """The table of failures (keys `machine_id`, `event_timestamp`)."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def load_all(self) -> list[dict[str, object]]:
        """Return every failure as a row of the frame FAILURES."""
        pages = self._client.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True)
        return [_failure(item) for page in pages for item in page["Items"]]

    def record(self, event: FailureEvent) -> bool:
        """Record a failure; False where it is there already. Other attributes, such as its return to service, stay."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key={
                    "machine_id": {"S": event.machine_id},
                    "event_timestamp": {"S": utc_text(event.event_timestamp)},
                },
                UpdateExpression=_ASSIGN,
                ConditionExpression=_NEW_OR_LARGER,
                ExpressionAttributeValues={
                    ":event_code": {"S": event.event_code},
                    ":measured_value": {"N": number(event.measured_value)},
                    ":threshold": {"N": number(event.threshold)},
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True


def _failure(item: Mapping[str, Any]) -> dict[str, object]:
    returned = item.get("returned_to_service_at")
    return {
        "machine_id": item["machine_id"]["S"],
        "event_timestamp": datetime.fromisoformat(item["event_timestamp"]["S"]),
        "event_code": item["event_code"]["S"],
        "measured_value": float(item["measured_value"]["N"]),
        "threshold": float(item["threshold"]["N"]),
        "returned_to_service_at": datetime.fromisoformat(returned["S"]) if returned else None,
    }
