"""The table of machines: the record of each, updated by compare-and-set on its sequence."""

from collections.abc import Callable
from typing import Any, NamedTuple

from handlers.stores.items import Item, OnDamaged, Table, log_damaged
from mlops_core.condition import MachineRecord
from mlops_core.errors import MlopsError

_ATTEMPTS = 8


class MachineContendedError(MlopsError):
    """Others replaced the record each time."""

    def __init__(self, machine_id: str) -> None:
        super().__init__(f"The record of {machine_id} was replaced {_ATTEMPTS} times", "Try again")


class _Stored(NamedTuple):
    record: MachineRecord
    sequence: int


class Machines(Table[_Stored]):
    """The table (key `machine_id`)."""

    @staticmethod
    def decode(item: Item) -> _Stored:
        """Return the record of an item, and its sequence."""
        return _Stored(MachineRecord.model_validate_json(item["record"]["S"]), int(item["sequence"]["N"]))

    def load(self, machine_id: str) -> MachineRecord | None:
        """Return what is recorded of a machine; None where nothing is. Raises DamagedItemError."""
        stored = self._one({"machine_id": {"S": machine_id}})
        return None if stored is None else stored.record

    def load_all(self, *, on_damaged: OnDamaged = log_damaged) -> dict[str, MachineRecord]:
        """Return every record, by machine; damaged items go to `on_damaged`."""
        read = self._decoded(self._items(), on_damaged)
        records = sorted((stored.record for stored in read), key=lambda record: record.machine_id)
        return {record.machine_id: record for record in records}

    def change(self, machine_id: str, change: Callable[[MachineRecord], MachineRecord]) -> MachineRecord:
        """Store what `change` makes of a machine's record, or of an empty one. Raises MachineContendedError."""
        for _ in range(_ATTEMPTS):
            stored = self._one({"machine_id": {"S": machine_id}})
            before = MachineRecord(machine_id=machine_id) if stored is None else stored.record
            after = change(before)
            if (stored is not None and after == before) or self._save(after, stored):
                return after
        raise MachineContendedError(machine_id)

    def _save(self, record: MachineRecord, before: _Stored | None) -> bool:
        sequence = 1 if before is None else before.sequence + 1
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(machine_id)"}
        if before is not None:
            condition = {
                "ConditionExpression": "#sequence = :before",
                "ExpressionAttributeNames": {"#sequence": "sequence"},
                "ExpressionAttributeValues": {":before": {"N": str(before.sequence)}},
            }
        item: dict[str, Any] = {
            "machine_id": {"S": record.machine_id},
            "record": {"S": record.model_dump_json(exclude_none=True)},
            "sequence": {"N": str(sequence)},
        }
        return self._written(self._client.put_item, Item=item, **condition) is not None
