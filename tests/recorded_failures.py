"""A failure as sensors announce it: what tests of labels, training sets and pages begin with."""

from datetime import datetime

from mlops_core.telemetry import FailureEvent


def failure_of(machine_id: str, at: datetime, *, received_at: datetime | None = None) -> FailureEvent:
    """A failure, received when it happened or at `received_at`."""
    return FailureEvent(
        machine_id=machine_id,
        event_timestamp=at,
        event_code="WEAR",
        measured_value=12.0,
        threshold=11.2,
        received_at=received_at or at,
    )
