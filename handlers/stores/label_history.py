"""The history that labels training rows: functional failures, and the work that made machines as good as new.

One item per machine, moment and kind. A failure's sort key is its moment; a repair's has `#repair` behind it, so that
both may stand at one moment, and that of a verdict on an alarm episode `#verdict#` and what raised it. Sensors and
technicians may speak of the same failure, in any order and any number of times: what they write is the same in the end.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from handlers.stores.items import Item, OnDamaged, Table, log_damaged, number
from mlops_core.alerting.episodes import Episode, StepKind
from mlops_core.errors import MlopsError
from mlops_core.telemetry import FailureEvent, MaintenanceKind, MaintenanceRecord
from mlops_core.time import utc_text

# Of two events for one machine and moment the larger (measured_value, event_code) stays, whichever came first. What a
# technician alone has recorded has no measured value.
_NEW_OR_LARGER = (
    "attribute_not_exists(measured_value) OR measured_value < :measured_value"
    " OR (measured_value = :measured_value AND event_code < :event_code)"
)
_ASSIGN = "SET event_code = :event_code, measured_value = :measured_value, threshold = :threshold"
_RETURN = ", returned_to_service_at = :returned_to_service_at"

REPORTED: Final = "REPORTED"
"""The event code of a failure that no sensor announced."""

_REPAIR: Final = "#repair"
_VERDICT: Final = "#verdict#"


class MaintenanceConflictError(MlopsError):
    """Something else was recorded of the same machine, moment and kind."""

    def __init__(self, record: MaintenanceRecord) -> None:
        super().__init__(
            f"Another return to service or note is on record with the {record.kind} of {record.machine_id} at"
            f" {utc_text(record.at)}",
            "Record it as a correction to replace what is on record",
        )


@dataclass(frozen=True)
class LabelEntry:
    """One item. `recorded_at` is None where no technician has had a hand in it."""

    machine_id: str
    event_timestamp: datetime
    kind: MaintenanceKind
    event_code: str | None = None
    measured_value: float | None = None
    threshold: float | None = None
    returned_to_service_at: datetime | None = None
    note: str | None = None
    recorded_by: str | None = None
    caller: str | None = None
    recorded_at: datetime | None = None

    @property
    def ran_again_at(self) -> datetime | None:
        """When the machine returned to service; of a repair without one, at once."""
        if self.returned_to_service_at is None and self.kind is MaintenanceKind.REPAIR:
            return self.event_timestamp
        return self.returned_to_service_at


def last_return(entries: Iterable[LabelEntry]) -> datetime | None:
    """Return when a machine was last returned to service, according to its entries."""
    return max((entry.ran_again_at for entry in entries if entry.ran_again_at is not None), default=None)


class LabelHistory(Table[LabelEntry]):
    """The table (keys `machine_id`, `event_timestamp`)."""

    keys = ("machine_id", "event_timestamp")

    @staticmethod
    def decode(item: Item) -> LabelEntry:
        """Return the failure or repair of an item."""
        moment, is_repair, _ = item["event_timestamp"]["S"].partition(_REPAIR)
        return LabelEntry(
            machine_id=item["machine_id"]["S"],
            event_timestamp=datetime.fromisoformat(moment),
            kind=MaintenanceKind.REPAIR if is_repair else MaintenanceKind.FAILURE,
            measured_value=_number(item, "measured_value"),
            threshold=_number(item, "threshold"),
            returned_to_service_at=_moment(item, "returned_to_service_at"),
            recorded_at=_moment(item, "recorded_at"),
            **{name: item.get(name, {}).get("S") for name in ("event_code", "note", "recorded_by", "caller")},
        )

    def entries(self, *, on_damaged: OnDamaged = log_damaged) -> Iterator[LabelEntry]:
        """Every failure and repair, in no order; damaged items go to `on_damaged`."""
        return self._entries(self._items(), on_damaged)

    def of_machine(self, machine_id: str) -> list[LabelEntry]:
        """Return the failures and repairs of one machine, in order of time."""
        return list(self._entries(self._of_machine(machine_id), log_damaged))

    def _entries(self, items: Iterable[Item], on_damaged: OnDamaged) -> Iterator[LabelEntry]:
        return self._decoded((item for item in items if not _is_verdict(item)), on_damaged)

    def load_all(self) -> list[dict[str, object]]:
        """Return every failure as a row of the frame FAILURES."""
        columns = ("machine_id", "event_timestamp", "event_code", "measured_value", "threshold")
        return self._rows(MaintenanceKind.FAILURE, (*columns, "returned_to_service_at"))

    def load_repairs(self) -> list[dict[str, object]]:
        """Return every repair as a row of the frame MAINTENANCE."""
        rows = self._rows(MaintenanceKind.REPAIR, ("machine_id", "event_timestamp", "returned_to_service_at"))
        return [{**row, "renews": True} for row in rows]

    def load_returns(self) -> list[tuple[str, datetime]]:
        """Return machine and moment of every return to service, the rows of the frame RETURNS."""
        return [(entry.machine_id, at) for entry in self.entries() if (at := entry.ran_again_at) is not None]

    def record(self, event: FailureEvent, *, returned_to_service_at: datetime | None = None) -> bool:
        """Record a failure that sensors announced; False where it is there already. What a technician added stays."""
        values: dict[str, Any] = {
            ":event_code": {"S": event.event_code},
            ":measured_value": {"N": number(event.measured_value)},
            ":threshold": {"N": number(event.threshold)},
        }
        if returned_to_service_at is not None:
            values[":returned_to_service_at"] = {"S": utc_text(returned_to_service_at)}
        answer = self._written(
            self._client.update_item,
            Key={"machine_id": {"S": event.machine_id}, "event_timestamp": {"S": utc_text(event.event_timestamp)}},
            UpdateExpression=_ASSIGN if returned_to_service_at is None else _ASSIGN + _RETURN,
            ConditionExpression=_NEW_OR_LARGER,
            ExpressionAttributeValues=values,
        )
        return answer is not None

    def record_maintenance(
        self,
        record: MaintenanceRecord,
        *,
        recorded_at: datetime,
        caller: str | None = None,
        correct: bool = False,
        event_code: str | None = None,
    ) -> bool:
        """Record what a technician reports; False where all of it is on record already.

        What a record does not say, it leaves as it is. `caller` is who was authorised to write, `event_code` what
        failed. Raises MaintenanceConflictError where it contradicts what is on record, unless it is meant to `correct`
        that.
        """
        fields = _fields(record)
        if event_code is not None:
            fields["event_code"] = event_code
        signature = {"recorded_by": record.recorded_by, "caller": caller, "recorded_at": utc_text(recorded_at)}
        signed = {name: value for name, value in signature.items() if value is not None}
        default = {"event_code": REPORTED} if record.kind is MaintenanceKind.FAILURE and event_code is None else {}
        assignments = [f"#{name} = :{name}" for name in fields]
        assignments += [f"#{n} = :{n}" if correct else f"#{n} = if_not_exists(#{n}, :{n})" for n in signed]
        assignments += [f"#{name} = if_not_exists(#{name}, :{name})" for name in default]
        agrees = " AND ".join(f"(attribute_not_exists(#{name}) OR #{name} = :{name})" for name in fields)
        condition: dict[str, Any] = {"ConditionExpression": agrees} if agrees and not correct else {}
        values = fields | signed | default
        answer = self._written(
            self._client.update_item,
            Key=_key(record),
            UpdateExpression=f"SET {', '.join(assignments)}",
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues={f":{name}": {"S": value} for name, value in values.items()},
            ReturnValues="ALL_OLD",
            **condition,
        )
        if answer is None:
            raise MaintenanceConflictError(record)
        before = answer.get("Attributes", {})
        stood = all(before.get(name) == {"S": value} for name, value in fields.items())
        return not ("recorded_at" in before and stood)

    def record_verdict(self, episode: Episode) -> None:
        """Record what a person found of an episode; one without a verdict is passed over. The same again is no more."""
        given = next((step for step in reversed(episode.steps) if step.kind is StepKind.VERDICT), None)
        if given is None or episode.verdict is None:
            return
        fields: dict[str, str | None] = {
            "machine_id": episode.machine_id,
            "event_timestamp": f"{utc_text(episode.opened)}{_VERDICT}{episode.source}#{episode.subject}",
            "verdict": episode.verdict,
            "failure_mode": episode.failure_mode,
            "decided_at": utc_text(given.at),
            "note": given.note,
            "recorded_by": given.stated_name,
            "caller": given.by,
            "recorded_at": utc_text(given.at),
        }
        item: dict[str, Any] = {name: {"S": value} for name, value in fields.items() if value is not None}
        self._client.put_item(TableName=self._table, Item=item)

    def load_verdicts(self) -> list[dict[str, object]]:
        """Return every verdict as a row of the frame VERDICTS."""
        return [_verdict(item) for item in self._items() if _is_verdict(item)]

    def withdraw(self, record: MaintenanceRecord) -> bool:
        """Take back what technicians alone recorded of a machine, kind and moment; False where there is no such item.

        A failure that sensors announced stays, with whatever was added to it.
        """
        answer = self._written(
            self._client.delete_item,
            Key=_key(record),
            ConditionExpression="attribute_exists(recorded_at) AND attribute_not_exists(measured_value)",
        )
        return answer is not None

    def _rows(self, kind: MaintenanceKind, columns: tuple[str, ...]) -> list[dict[str, object]]:
        entries = (entry for entry in self.entries() if entry.kind is kind)
        return [{column: getattr(entry, column) for column in columns} for entry in entries]


def _key(record: MaintenanceRecord) -> dict[str, Any]:
    suffix = _REPAIR if record.kind is MaintenanceKind.REPAIR else ""
    return {"machine_id": {"S": record.machine_id}, "event_timestamp": {"S": f"{utc_text(record.at)}{suffix}"}}


def _fields(record: MaintenanceRecord) -> dict[str, str]:
    """Return the attributes that only a correction may change."""
    returned = record.returned_to_service_at
    fields = {"returned_to_service_at": None if returned is None else utc_text(returned), "note": record.note}
    return {name: value for name, value in fields.items() if value is not None}


def _is_verdict(item: Mapping[str, Any]) -> bool:
    return _VERDICT in item["event_timestamp"]["S"]


def _verdict(item: Mapping[str, Any]) -> dict[str, object]:
    opened, _, what = item["event_timestamp"]["S"].partition(_VERDICT)
    return {
        "machine_id": item["machine_id"]["S"],
        "opened": datetime.fromisoformat(opened),
        "decided_at": _moment(item, "decided_at"),
        "source": what.partition("#")[0],
        "verdict": item["verdict"]["S"],
        "failure_mode": item.get("failure_mode", {}).get("S"),
    }


def _number(item: Mapping[str, Any], name: str) -> float | None:
    return float(item[name]["N"]) if name in item else None


def _moment(item: Mapping[str, Any], name: str) -> datetime | None:
    return datetime.fromisoformat(item[name]["S"]) if name in item else None
