"""The simulated machines' states: one item a machine, moved forward by compare and set on its revision."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NotRequired, TypedDict

from mlops_core.simulation import MachineState

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class _Condition(TypedDict):
    ConditionExpression: str
    ExpressionAttributeValues: NotRequired[dict[str, dict[str, str]]]


@dataclass(frozen=True)
class SavedState:
    """A state as stored in the table; `revision` counts its saves and guards the next one."""

    state: MachineState
    revision: int


class MachineStates:
    """The table of machine states (key `machine_id`)."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def load(self, machine_id: str) -> SavedState | None:
        """Return the newest saved state of a machine; None where it never ran."""
        item = self._client.get_item(
            TableName=self._table, Key={"machine_id": {"S": machine_id}}, ConsistentRead=True
        ).get("Item")
        if item is None:
            return None
        return SavedState(
            MachineState.model_validate_json(item["state"].get("S", "")), int(item["revision"].get("N", ""))
        )

    def create(self, state: MachineState) -> bool:
        """Save a machine's first state, as revision 0; False where another run was first."""
        return self._put(state, 0, {"ConditionExpression": "attribute_not_exists(machine_id)"})

    def save(self, state: MachineState, *, after: int) -> bool:
        """Save the state that follows revision `after`; False where another run has saved one since."""
        unchanged: _Condition = {
            "ConditionExpression": "revision = :after",
            "ExpressionAttributeValues": {":after": {"N": str(after)}},
        }
        return self._put(state, after + 1, unchanged)

    def _put(self, state: MachineState, revision: int, condition: "_Condition") -> bool:
        item = {
            "machine_id": {"S": state.machine_id},
            "state": {"S": state.model_dump_json()},
            "revision": {"N": str(revision)},
        }
        try:
            self._client.put_item(TableName=self._table, Item=item, **condition)
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True
