"""Anomalies as alarms: what a machine's newest features make of its stored alarm, without any label.

An episode is WATCH (days: plan an inspection). It opens once the baseline's persistence of rows in a row were above the
limit, and ends with the third in a row that was calm: at or below 0.8 of it. The limit stands for a rate of false
episodes, so an anomaly never says ACT: how soon a machine fails is for limits and for a model of failures to say.
"""

from datetime import datetime

from pydantic import AwareDatetime, BaseModel

from mlops_core.alerting.episodes import Alarm, Episode, Stage
from mlops_core.condition import Anomaly
from mlops_core.condition.baseline import CALM_ROWS
from mlops_core.prognosis.reasons import phrase


class _Evidence(BaseModel, frozen=True):
    """How many rows in a row were beyond the limit, or calm, up to `until`; since when they were beyond."""

    until: AwareDatetime | None = None
    beyond: int = 0
    calm: int = 0
    since: AwareDatetime | None = None


def anomaly_alarm(
    alarm: Alarm, anomaly: Anomaly, *, window_end: datetime, persistence: int, version: str, now: datetime
) -> Alarm:
    """Return the alarm that follows from a machine's newest features; itself where nothing does.

    A row that is not newer than the last one is no further evidence. A machine that is normal, and was, is not stored.
    """
    known = _Evidence.model_validate_json(alarm.evidence) if alarm.evidence else _Evidence()
    is_seen = known.until is not None and window_end <= known.until
    is_quiet = not (anomaly.is_beyond or alarm.is_open or known.beyond)
    if is_seen or is_quiet:
        return alarm
    after = _next(known, window_end, anomaly)
    episode = alarm.episode
    if episode is not None and episode.is_open and after.calm >= CALM_ROWS:
        episode = episode.ended(window_end)
    elif not alarm.is_open and after.beyond >= persistence and not _was_closed_by_hand(episode, after):
        episode = Episode(
            machine_id=alarm.machine_id,
            source=alarm.source,
            stage=Stage.WATCH,
            opened=window_end,
            reasons=anomaly_reasons(anomaly, since=after.since or window_end, version=version),
        )
    return alarm.following(episode=episode, evidence=after.model_dump_json(exclude_none=True), now=now)


def anomaly_reasons(anomaly: Anomaly, *, since: datetime, version: str) -> tuple[str, ...]:
    """Return why a machine is unusual, the strongest first."""
    name, value, usual = anomaly.strongest
    parts = ", ".join(f"{channel} {share:.0%}" for channel, share in anomaly.shares[:3] if share >= 0.05)
    times = anomaly.score / (1.0 - anomaly.score)
    how = f"{times:.1f} times as far from its own normal as its limit allows, by {parts} (baseline {version})"
    return (
        f"it is unlike itself since {since:%Y-%m-%d %H:%M} UTC: {how}",
        f"{phrase(name)} is {value:.3g}, normal for this machine is {usual:.3g}",
    )


def _next(known: _Evidence, window_end: datetime, anomaly: Anomaly) -> _Evidence:
    if not anomaly.is_beyond:
        return _Evidence(until=window_end, calm=known.calm + 1 if anomaly.is_calm else 0)
    return _Evidence(until=window_end, beyond=known.beyond + 1, since=known.since or window_end)


def _was_closed_by_hand(episode: Episode | None, after: _Evidence) -> bool:
    """Whether a person closed the episode of this very stretch: it stays closed until the machine was normal again."""
    return episode is not None and after.since is not None and episode.opened >= after.since
