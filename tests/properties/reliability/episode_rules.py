"""What must hold of alarm episodes at every write: none is lost, none is doubled, and what is noted was announced."""

import json
from datetime import datetime
from typing import Any, NamedTuple

from handlers.stores import Alarms, predictions
from mlops_core.alerting import AlarmState, MachineAlarm, Score
from mlops_core.alerting.episode_notices import episode_notice
from mlops_core.alerting.episodes import Alarm, AlarmSource, Episode, Stage, StepKind
from mlops_core.alerting.limit_alarms import limit_state
from mlops_core.condition.limits import ChannelLimits, judge
from tests.properties.reliability.messages import Publication, ReadingFact
from tests.properties.reliability.reference import moment
from tests.properties.reliability.tables import Written

Found = tuple[bool, str, str]
"""Whether something holds, the invariant, and what was found."""


class Label(NamedTuple):
    """What a person found of an episode, as training reads it."""

    machine_id: str
    opened: datetime
    source: str
    verdict: str
    failure_mode: str | None


class EpisodeRules:
    """Follows the alarms of one stack from write to write."""

    def __init__(self) -> None:
        self._opened: set[str] = set()
        self._alarming: set[tuple[str, datetime]] = set()
        self.changes: set[str] = set()
        self.verdicts: dict[str, Label] = {}
        self.texts: dict[str, set[str]] = {}

    def of_scores(self, old: bytes | None, new: bytes) -> list[Found]:
        """What one write of the fleet's scores has to hold to."""
        before, after = {} if old is None else predictions._decode(old), predictions._decode(new)
        found: list[Found] = []
        for machine_id, score in after.items():
            if score.alarm.state is not AlarmState.NORMAL:
                self._alarming.add((machine_id, score.alarm.since))
            known = before.get(machine_id)
            if known is None or known == score:
                continue
            what, is_later = f"{known} to {score}", score.prediction.window_end > known.prediction.window_end
            is_evidence = score.alarm.hot > max(known.alarm.hot, 1) or score.alarm.calm > known.alarm.calm
            found += [
                (_row(known) <= _row(score), "I9 the scores of a machine never go back", what),
                (is_later or not is_evidence, "I2 an hour is evidence once", what),
            ]
        return found

    def of_write(self, written: Written, sent: list[tuple[str, str]]) -> list[Found]:
        """What one write of the table of alarms has to hold to; `sent`: the messages to people so far."""
        after = Alarms.decode(written.item)
        before = None if written.old is None else Alarms.decode(written.old)
        found: list[Found] = []
        if after.episode is not None:
            found = self._of_episode(before.episode if before else None, after.episode)
            self._of_change(before.episode if before else None, after.episode, after.sequence)
            texts = self.texts.setdefault(after.episode.announcement, set())
            texts.add(episode_notice(after.episode).text)
        if before is not None and after.source is AlarmSource.ANOMALY and before.evidence != after.evidence:
            older, newer = (moment(json.loads(alarm.evidence)["until"]) for alarm in (before, after))
            found.append((older < newer, "I2 a feature row is judged once", f"{before.evidence} to {after.evidence}"))
        if "announced" in written.assigned:
            texts = self.texts.get(after.announced, set())
            is_told = any(text in texts for _, text in sent)
            found.append((is_told, "I5 what is noted as announced was sent", f"{after.announced}"))
        return found

    def _of_change(self, before: Episode | None, after: Episode, sequence: int) -> None:
        if before is None or before.steps != after.steps:
            self.changes.add(f"{after.id}#{sequence}")
        if after.verdict is not None:
            label = Label(after.machine_id, after.opened, after.source, after.verdict, after.failure_mode)
            self.verdicts[after.id] = label

    def _of_episode(self, before: Episode | None, after: Episode) -> list[Found]:
        what = f"{before} to {after}"
        if before is None or before.id != after.id:
            is_new = after.id not in self._opened
            self._opened.add(after.id)
            opened = [step.kind for step in after.steps].count(StepKind.OPENED)
            is_kept = (after.machine_id, after.opened) in self._alarming
            of_model = after.source is AlarmSource.FAILURE_MODEL
            return [
                (is_kept or not of_model, "I12 an episode follows the score that is stored", what),
                (before is None or not before.is_open, "I1 an open episode is not lost", what),
                (is_new and opened == 1, "I2 an episode is opened once", what),
            ]
        return [
            (after.stage.urgency >= before.stage.urgency, "I10 the stage of an episode never falls", what),
            (after.steps[: len(before.steps)] == before.steps, "I10 the life of an episode is only added to", what),
            (before.verdict in {None, after.verdict}, "I10 a verdict stays", what),
            (before.is_open or not after.is_open, "I10 an episode that has ended stays so", what),
        ]


def label_of(row: dict[str, Any]) -> Label:
    """What training reads of a verdict, but for the moment at which it was given."""
    return Label(**{name: row[name] for name in Label._fields})


def follows(alarm: Alarm | None, state: MachineAlarm) -> bool:
    """Whether a machine's stored alarm is what its stored score makes of it, once a run has judged it."""
    episode = alarm.episode if alarm else None
    if state.state is AlarmState.NORMAL:
        return episode is None or not episode.is_open
    if episode is None:
        return False
    if episode.is_open:
        return episode.stage.urgency >= Stage(state.state).urgency
    return episode.was_closed_by_person and episode.opened >= state.since


def _row(score: Score) -> tuple[datetime, int]:
    return score.prediction.window_end, score.revision


def is_judged(publication: Publication, alarms: dict[Any, Any], limits: ChannelLimits | None) -> bool:
    """Whether a reading beyond a limit, acknowledged, has left what it says in the alarm of its channel."""
    fact = publication.fate
    if limits is None or not isinstance(fact, ReadingFact) or not limits.is_beyond(fact.value, limits.first):
        return True
    at = moment(fact.event_timestamp)
    if publication.received_ms - at.timestamp() * 1000 > 3_600_000:
        return True  # late data
    item = alarms.get((fact.machine_id, f"{AlarmSource.LIMIT}#{fact.channel}"))
    if item is None:
        return False
    state = limit_state(Alarms.decode(item))
    return judge(state, [(at, fact.value)], limits) == state


def stored_alarms(alarms: dict[Any, Any]) -> list[Alarm]:
    """Every alarm of the table, in order of its keys."""
    return [Alarms.decode(alarms[key]) for key in sorted(alarms)]
