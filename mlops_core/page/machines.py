"""What the page says of one machine, and which machine comes first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from mlops_core.alerting import Score
from mlops_core.alerting.episodes import AlarmSource, Episode
from mlops_core.condition import KnownMachine, OperatingState
from mlops_core.page.document import Event, Life, Machine, Reason
from mlops_core.page.episodes import episode_events

_RISING: Final = 1.0  # a reason whose factor on the odds of failure is above this speaks for failure


def urgency(machine: Machine) -> tuple[int, int, float, str]:
    """Sort key, worst first: to be stopped or repaired, to be planned, silent, off or new, running."""
    if machine.stage == "ACT" or machine.state == "FAILED":
        group = 0
    elif machine.stage == "WATCH":
        group = 1
    else:
        group = {"SILENT": 2, "RUNNING": 4}.get(machine.state, 3)
    hours = machine.life.p10 if machine.life else float("inf")
    return (group, machine.stage != "ACT", hours, machine.id)


def machine_entry(
    known: KnownMachine, now: datetime, score: Score | None, episodes: Sequence[Episode], history: Sequence[Event]
) -> Machine:
    """Return a machine as the page shows it, without its trends.

    Args:
        known: what tables and readings say of it.
        now: the present instant.
        score: its newest score, None where it has none.
        episodes: its alarm episodes that are open, or ended within the span of the page.
        history: its failures and repairs within that span.

    """
    open_episodes = [episode for episode in episodes if episode.is_open]
    state, since = known.state
    stages = [episode.stage for episode in open_episodes if episode.source is not AlarmSource.SILENCE]
    speaks = score is not None and state is OperatingState.RUNNING
    is_at_work = state in {OperatingState.RUNNING, OperatingState.NEW}
    prediction = score.prediction if score else None
    return Machine.model_validate(
        {
            "id": known.machine_id,
            "state": state.replace("_", " "),
            "since": since,
            "stage": max(stages, key=lambda stage: stage.urgency).value if stages and is_at_work else None,
            "note": "Too little history for a prediction" if state is OperatingState.NEW else "",
            "life": _life(score) if score and speaks else None,
            "failure_probability": prediction.failure_probability if speaks and prediction else None,
            "zone": known.zone,
            "trust": "unlike all it has learned" if speaks and prediction and prediction.unusual_features else None,
            "last": known.last_seen_by,
            "reasons": _reasons(open_episodes, score if speaks else None, now) or _silence(known, state),
            "events": [*episode_events(episodes), *history],
        }
    )


def _silence(known: KnownMachine, state: OperatingState) -> list[Reason]:
    if state is not OperatingState.SILENT:
        return []
    seen = known.last_seen_by
    text = "Nothing was ever heard of it" if seen is None else "No sensor of it is heard any more"
    return [Reason(text=text, since=seen)]


def _life(score: Score) -> Life:
    hours = score.prediction
    return Life(p10=hours.rul_hours_p10, p50=hours.rul_hours_p50, p90=hours.rul_hours_p90)


def _reasons(episodes: Sequence[Episode], score: Score | None, now: datetime) -> list[Reason]:
    """The reasons of open episodes, the most urgent first; of a machine without any, nothing is made up."""
    ranked = sorted(episodes, key=lambda episode: (-episode.stage.urgency, episode.opened))
    given = [Reason(text=text, since=episode.opened) for episode in ranked for text in episode.reasons]
    if given or score is None or not episodes:
        return given[:3]
    rising = [reason for reason in score.prediction.reasons if reason.odds_factor > _RISING]
    return [Reason(text=reason.text, since=now) for reason in rising[:3]]
