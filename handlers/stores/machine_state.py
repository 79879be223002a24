"""The simulated machines' states: one item a machine, moved forward by compare and set on its revision."""

from dataclasses import dataclass
from typing import Any

from handlers.stores.items import Item, Table
from mlops_core.simulation import MachineState


@dataclass(frozen=True)
class SavedState:
    """A state as stored in the table; `revision` counts its saves and guards the next one."""

    state: MachineState
    revision: int


class MachineStates(Table[SavedState]):
    """The table of machine states (key `machine_id`)."""

    @staticmethod
    def decode(item: Item) -> SavedState:
        """Return the state of an item, and its revision."""
        return SavedState(MachineState.model_validate_json(item["state"]["S"]), int(item["revision"]["N"]))

    def load(self, machine_id: str) -> SavedState | None:
        """Return the newest saved state of a machine; None where it never ran. Raises what `decode` raises."""
        item = self._item({"machine_id": {"S": machine_id}})
        return None if item is None else self.decode(item)

    def create(self, state: MachineState) -> bool:
        """Save a machine's first state, as revision 0; False where another run was first."""
        return self._put(state, 0, ConditionExpression="attribute_not_exists(machine_id)")

    def save(self, state: MachineState, *, after: int) -> bool:
        """Save the state that follows revision `after`; False where another run has saved one since."""
        before = {":after": {"N": str(after)}}
        return self._put(state, after + 1, ConditionExpression="revision = :after", ExpressionAttributeValues=before)

    def _put(self, state: MachineState, revision: int, **condition: Any) -> bool:  # noqa: ANN401 - the SDK's arguments
        item = {
            "machine_id": {"S": state.machine_id},
            "state": {"S": state.model_dump_json()},
            "revision": {"N": str(revision)},
        }
        return self._written(self._client.put_item, Item=item, **condition) is not None
