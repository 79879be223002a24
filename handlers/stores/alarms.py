"""The table of alarms: one item a machine, source and subject, moved forward by compare and set on its sequence."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from handlers.stores.items import Item, OnDamaged, Table, log_damaged, refuse_damaged
from mlops_core.alerting import Answer, NoSuchEpisodeError, answered_alarm
from mlops_core.alerting.episodes import Alarm, AlarmSource, Episode
from mlops_core.errors import MlopsError
from mlops_core.telemetry import is_machine_id
from mlops_core.time import utc_text

KEPT_AFTER_CLOSING: Final = timedelta(days=30)
"""An alarm without an open episode is deleted after this; until then it guards against late data."""
MOST_ATTEMPTS: Final = 8
"""How often a change that others overtook is judged anew."""


class AlarmContendedError(MlopsError):
    """Other processes replaced an alarm each time that this one had judged it."""

    def __init__(self, alarm: Alarm) -> None:
        super().__init__(f"The alarm {alarm.machine_id} {alarm.key} was replaced {MOST_ATTEMPTS} times", "Try again")


class Alarms(Table[Alarm]):
    """The table (keys `machine_id`, `alarm`)."""

    keys = ("machine_id", "alarm")

    @staticmethod
    def decode(item: Item) -> Alarm:
        """Return the alarm of an item."""
        source, _, subject = item["alarm"]["S"].partition("#")
        return Alarm(
            machine_id=item["machine_id"]["S"],
            source=AlarmSource(source),
            subject=subject,
            episode=Episode.model_validate_json(item["episode"]["S"]) if "episode" in item else None,
            evidence=item["evidence"]["S"],
            announced=item.get("announced", {}).get("S", ""),
            claimed_until=datetime.fromisoformat(item["claimed_until"]["S"]) if "claimed_until" in item else None,
            sequence=int(item["sequence"]["N"]),
        )

    def load(self, machine_id: str, source: AlarmSource, subject: str = "") -> Alarm:
        """Return an alarm; one that was never stored has sequence 0. Raises DamagedItemError."""
        empty = Alarm(machine_id=machine_id, source=source, subject=subject)
        return self._one(_key(empty)) or empty

    def load_all(self, source: AlarmSource | None = None, *, on_damaged: OnDamaged = log_damaged) -> list[Alarm]:
        """Return every alarm (of one source), in order of machine, source and subject. Few machines have any.

        Damaged items go to `on_damaged`.
        """
        chosen: dict[str, Any] = {}
        if source is not None:
            chosen = {
                "FilterExpression": "begins_with(alarm, :source)",
                "ExpressionAttributeValues": {":source": {"S": f"{source}#"}},
            }
        return sorted(self._decoded(self._items(**chosen), on_damaged), key=lambda alarm: (alarm.machine_id, alarm.key))

    def of_machine(self, machine_id: str) -> list[Alarm]:
        """Return the alarms of one machine. Raises DamagedItemError."""
        return list(self._decoded(self._of_machine(machine_id), refuse_damaged))

    def answer(self, episode_id: str, answer: Answer, *, principal: str, now: datetime) -> Episode:
        """Store a person's answer to an episode; returns the episode after it.

        Raises NoSuchEpisodeError, AnswerRefusedError, AlarmContendedError.
        """
        machine_id = episode_id.partition(".")[0]
        stored = self.of_machine(machine_id) if is_machine_id(machine_id) else []
        alarm = next((each for each in stored if each.episode is not None and each.episode.id == episode_id), None)
        if alarm is None:
            raise NoSuchEpisodeError(episode_id)
        for _ in range(MOST_ATTEMPTS):
            after = answered_alarm(alarm, episode_id=episode_id, answer=answer, principal=principal, now=now)
            if after.episode is not None and (after == alarm or self.save(after, now=now)):
                return after.episode
            alarm = self.load(alarm.machine_id, alarm.source, alarm.subject)
        raise AlarmContendedError(alarm)

    def save(self, alarm: Alarm, *, now: datetime) -> bool:
        """Store an alarm in the place of the one it follows; False where another process has stored one there since.

        What was announced is not written: a message that was sent meanwhile stays noted. Nor is a claim of another
        process, where this one has made none.
        """
        kept: dict[str, dict[str, str] | None] = {
            "episode": {"S": alarm.episode.model_dump_json()} if alarm.episode else None,
            "expires": None if alarm.is_open else {"N": str(int((now + KEPT_AFTER_CLOSING).timestamp()))},
            "evidence": {"S": alarm.evidence},
            "sequence": {"N": str(alarm.sequence)},
        }
        if alarm.claimed_until is not None:
            kept["claimed_until"] = {"S": utc_text(alarm.claimed_until)}
        assigned = {name: value for name, value in kept.items() if value is not None}
        removed = [f"#{name}" for name in kept if name not in assigned]
        update = f"SET {', '.join(f'#{name} = :{name}' for name in assigned)}"
        before = {":before": {"N": str(alarm.sequence - 1)}} if alarm.sequence > 1 else {}
        return self._update(
            alarm,
            f"{update} REMOVE {', '.join(removed)}" if removed else update,
            "#sequence = :before" if before else "attribute_not_exists(machine_id)",
            names=kept,
            values={f":{name}": value for name, value in assigned.items()} | before,
        )

    def claim(self, alarm: Alarm, *, until: datetime) -> bool:
        """Claim an announcement that its writer has not made in time.

        False where another process was faster, or has made it.
        """
        if alarm.episode is None:
            return False
        seen = {":seen": {"S": utc_text(alarm.claimed_until)}} if alarm.claimed_until else {}
        claimable = "#claimed_until = :seen" if seen else "attribute_not_exists(#claimed_until)"
        return self._update(
            alarm,
            "SET #claimed_until = :until",
            "attribute_exists(machine_id)"
            f" AND {claimable} AND (attribute_not_exists(#announced) OR #announced <> :announcement)",
            names=["claimed_until", "announced"],
            values={":until": {"S": utc_text(until)}, ":announcement": {"S": alarm.episode.announcement}} | seen,
        )

    def release(self, alarm: Alarm, *, at: datetime) -> None:
        """Let anybody announce from `at` on what this process claimed and could not."""
        if alarm.claimed_until is not None:
            self._update(
                alarm,
                "SET #claimed_until = :until",
                "#claimed_until = :mine",
                names=["claimed_until"],
                values={":until": {"S": utc_text(at)}, ":mine": {"S": utc_text(alarm.claimed_until)}},
            )

    def note_announced(self, alarm: Alarm) -> None:
        """Note what was announced. Where the episode has changed meanwhile, its next announcement stays due.

        Nothing is noted over the announcement of a later change, which another process may have made before this note.
        """
        if alarm.episode is not None:
            self._update(
                alarm,
                "SET #announced = :announced, #announced_sequence = :sequence",
                "attribute_exists(machine_id)"
                " AND (attribute_not_exists(#announced_sequence) OR #announced_sequence < :sequence)",
                names=["announced", "announced_sequence"],
                values={
                    ":announced": {"S": alarm.episode.announcement},
                    ":sequence": {"N": str(alarm.sequence)},
                },
            )

    def _update(
        self, alarm: Alarm, update: str, condition: str, *, names: Iterable[str], values: Mapping[str, Any]
    ) -> bool:
        answer = self._written(
            self._client.update_item,
            Key=_key(alarm),
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeNames={f"#{name}": name for name in names},
            ExpressionAttributeValues=values,
        )
        return answer is not None


def _key(alarm: Alarm) -> dict[str, Any]:
    return {"machine_id": {"S": alarm.machine_id}, "alarm": {"S": alarm.key}}
