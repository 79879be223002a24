"""Scores as earlier programs kept them: an item of a table a machine."""

from typing import Any

from mlops_core.alerting import Score
from mlops_core.records import canonical_json
from mlops_core.time import utc_text


def score_item(score: Score) -> dict[str, Any]:
    """Return the item of a score."""
    prediction = score.prediction
    return {
        "machine_id": {"S": prediction.machine_id},
        "window_end": {"S": utc_text(prediction.window_end)},
        "revision": {"N": str(score.revision)},
        "sequence": {"N": str(score.sequence)},
        "failure_probability": {"N": repr(prediction.failure_probability)},
        "model_version": {"S": prediction.model_version},
        "prediction": {"S": canonical_json(prediction).decode().rstrip()},
        "alarm": {"S": score.alarm.state.value},
        "alarm_since": {"S": utc_text(score.alarm.since)},
        "calm_predictions": {"N": str(score.alarm.calm)},
        "hot_predictions": {"N": str(score.alarm.hot)},
    }
