"""An alarm as a function opens it: what tests of answers, events and pages begin with."""

from datetime import datetime
from typing import Any

from mlops_core.alerting.episodes import Alarm, AlarmSource, Episode, Stage


def raised(
    machine_id: str,
    *,
    opened: datetime,
    now: datetime | None = None,
    source: AlarmSource = AlarmSource.LIMIT,
    subject: str = "vibration",
    stage: Stage = Stage.WATCH,
    evidence: str = "{}",
    **fields: Any,
) -> Alarm:
    """An alarm whose episode opened so, written down at `now` or then."""
    episode = Episode(machine_id=machine_id, source=source, subject=subject, stage=stage, opened=opened, **fields)
    empty = Alarm(machine_id=machine_id, source=source, subject=subject)
    return empty.following(episode=episode, evidence=evidence, now=now or opened)
