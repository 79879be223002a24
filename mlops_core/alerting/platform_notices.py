"""The words of every message about the platform itself: training that failed, functions, queues, the health of a model.

They are templates and constants, since Step Functions and CloudWatch send them without any code of ours.
"""

from typing import Final

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

MESSAGES_LOST: Final = "The broker dropped messages: a rule was throttled, or its error action failed too"

SILENT_CHANNELS: Final = "Sensors have fallen silent; a notice names them, as does: mlops status"

CHAMPION_REFUSED: Final = (
    "The champion may not serve, an earlier model or none does; for the reason see: mlops models list"
)

PROCESSING_STALLED: Final = "For {hours} hours no run of processing has brought the watermark near the present"

THROTTLED: Final = "Invocations of functions were throttled: concurrency is used up"

TRAINING_RUN_FAILED: Final = "An execution of training failed or timed out"

READINGS_REFUSED: Final = "More than a tenth of what machines sent in a quarter of an hour was refused"

API_ERRORS: Final = "The HTTP API answered with errors of the server"

DAMAGED_DATA: Final = "Stored data are damaged; a notice names them, as does: mlops doctor"


def with_runbook(meaning: str, page: str) -> str:
    """Return the text of an alarm: its meaning, and its page under docs/alarms, which says what to do."""
    return f"{meaning}. What to do: docs/alarms/{page}.md"
