"""The table of predictions: the newest score of each machine, moved forward by compare and set on its sequence."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from handlers.stores.items import OnDamaged, log_damaged, readable
from handlers.stores.numbers import number
from mlops_core.alerting import AlarmState, MachineAlarm, Score
from mlops_core.prognosis import Prediction
from mlops_core.records import canonical_json, record_from_json
from mlops_core.time import utc_text

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class Predictions:
    """The table of scores (key `machine_id`)."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def load_all(self, *, on_damaged: OnDamaged = log_damaged) -> dict[str, Score]:
        """Return every machine's score, by machine; damaged items go to `on_damaged`."""
        pages = self._client.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True)
        items = (item for page in pages for item in page["Items"])
        scores = readable(items, _score, table=self._table, keys=("machine_id",), on_damaged=on_damaged)
        return {score.prediction.machine_id: score for score in scores}

    def save(self, score: Score) -> bool:
        """Put a score in the place of the one before it; False where another run has put one there since."""
        told = score.prediction
        item = {
            "machine_id": {"S": told.machine_id},
            "window_end": {"S": utc_text(told.window_end)},
            "revision": {"N": str(score.revision)},
            "sequence": {"N": str(score.sequence)},
            "failure_probability": {"N": number(told.failure_probability)},
            "model_version": {"S": told.model_version},
            "prediction": {"S": prediction_json(told)},
            "alarm": {"S": score.alarm.state.value},
            "alarm_since": {"S": utc_text(score.alarm.since)},
            "calm_predictions": {"N": str(score.alarm.calm)},
            "hot_predictions": {"N": str(score.alarm.hot)},
        }
        try:
            self._client.put_item(
                TableName=self._table,
                Item=item,
                ConditionExpression="attribute_not_exists(machine_id) OR #sequence = :before",
                ExpressionAttributeNames={"#sequence": "sequence"},
                ExpressionAttributeValues={":before": {"N": str(score.sequence - 1)}},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True


def prediction_json(prediction: Prediction) -> str:
    """Return a prediction as JSON: the same text for the same prediction."""
    return canonical_json(prediction).decode().rstrip()


def _score(item: dict[str, Any]) -> Score:
    since = datetime.fromisoformat(item["alarm_since"]["S"])
    return Score(
        prediction=record_from_json(Prediction, item["prediction"]["S"].encode()),
        revision=int(item["revision"]["N"]),
        alarm=MachineAlarm(
            _OLD_STATES.get(item["alarm"]["S"]) or AlarmState(item["alarm"]["S"]),
            since,
            calm=int(item["calm_predictions"]["N"]),
            hot=int(item.get("hot_predictions", {"N": "0"})["N"]),
        ),
        sequence=int(item["sequence"]["N"]),
    )


_OLD_STATES: Final = {"ALARM": AlarmState.ACT}
"""What items say that were written when an alarm had one stage."""
