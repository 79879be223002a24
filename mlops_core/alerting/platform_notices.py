"""The words of every message about the platform itself: training that failed, functions, queues, the health of a model.

They are templates and constants, since Step Functions and CloudWatch send them without any code of ours.
"""

from typing import Final

__all__ = [
    "CHAMPION_REFUSED",
    "DEAD_LETTERS",
    "FUNCTION_FAILED",
    "NO_REASON",
    "OLD_MESSAGES",
    "SILENT_CHANNELS",
    "TRAINING_FAILED_SUBJECT",
    "TRAINING_FAILED_TEXT",
]

TRAINING_FAILED_SUBJECT: Final = "No new model could be made"

TRAINING_FAILED_TEXT: Final = "{}: {} | The model that served goes on serving. | Execution {}"
"""The blanks are the error, its message and the execution's name; each is `{}`, which States.Format fills."""

NO_REASON: Final = "no reason was given"
"""Stands for the message of an error that has none."""

FUNCTION_FAILED: Final = "a run failed in the last five minutes"
"""Follows the function's name and a colon."""

OLD_MESSAGES: Final = (
    "{held}: the oldest message has waited for a quarter of an hour; nothing takes it, or not fast enough"
)

DEAD_LETTERS: Final = "Messages or events failed for good; they are kept for 14 days"

SILENT_CHANNELS: Final = "Sensors have fallen silent; a notice names them, as does: mlops status"

CHAMPION_REFUSED: Final = (
    "The champion may not serve, an earlier model or none does; the reason stands in: mlops models list"
)
