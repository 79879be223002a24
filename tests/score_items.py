"""Scores as earlier programs kept them: an item of a table a machine."""

from typing import Any

from handlers.stores.predictions import prediction_json
from mlops_core.alerting import Score
from mlops_core.time import utc_text


def score_item(score: Score) -> dict[str, Any]:
    """Return the item of a score."""
    told = score.prediction
    return {
        "machine_id": {"S": told.machine_id},
        "window_end": {"S": utc_text(told.window_end)},
        "revision": {"N": str(score.revision)},
        "sequence": {"N": str(score.sequence)},
        "failure_probability": {"N": repr(told.failure_probability)},
        "model_version": {"S": told.model_version},
        "prediction": {"S": prediction_json(told)},
        "alarm": {"S": score.alarm.state.value},
        "alarm_since": {"S": utc_text(score.alarm.since)},
        "calm_predictions": {"N": str(score.alarm.calm)},
        "hot_predictions": {"N": str(score.alarm.hot)},
    }
