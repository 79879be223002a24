"""Tables of DynamoDB: consistent reads, damaged items set apart, conditional writes."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from aws_lambda_powertools import Logger

from mlops_core.errors import MlopsError

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

logger = Logger(child=True)

_SMALLEST = 1e-130  # DynamoDB refuses a number nearer to zero than this

Record = TypeVar("Record")
Item: TypeAlias = Mapping[str, Any]


def number(value: float) -> str:
    """Write a number, at most LARGEST_EVENT_VALUE, as DynamoDB takes it; what is too near to zero for it is zero."""
    return "0" if abs(value) < _SMALLEST else repr(value)


class DamagedItem(NamedTuple):
    """An item that cannot be decoded: its table, the values of its keys, the problem, and its content as JSON."""

    table: str
    keys: tuple[str, ...]
    problem: str
    content: str


class DamagedItemError(MlopsError, ValueError):
    """The one item that was asked for is damaged."""

    def __init__(self, item: DamagedItem) -> None:
        super().__init__(f"{item.table} {'/'.join(item.keys)}: {item.problem}", "See what can be done: mlops doctor")


OnDamaged = Callable[[DamagedItem], None]


def log_damaged(item: DamagedItem) -> None:
    """Name a damaged item in the log."""
    logger.error("A damaged item is passed over", extra=item._asdict() | {"content": item.content[:500]})


def refuse_damaged(item: DamagedItem) -> None:
    """Raise DamagedItemError."""
    raise DamagedItemError(item)


class Table(ABC, Generic[Record]):
    """A table of records: read one by one or all, strongly consistent, and written on conditions.

    An item that cannot be decoded is damaged: it is named and passed over, so that it hides no other machine.
    """

    keys: ClassVar[tuple[str, ...]] = ("machine_id",)
    """The names of the table's key attributes."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    @staticmethod
    @abstractmethod
    def decode(item: Item) -> Record:
        """Return the record of an item. Raises ValueError, KeyError, TypeError or AttributeError if it is damaged."""

    def _one(self, key: Mapping[str, Any]) -> Record | None:
        """Return the record under a key; None where there is none. Raises DamagedItemError."""
        item = self._item(key)
        return None if item is None else next(self._decoded([item], refuse_damaged))

    def _item(self, key: Mapping[str, Any]) -> Item | None:
        return self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")

    def _of_machine(self, machine_id: str) -> Iterator[Item]:
        """Yield the items of one machine, in the order of their second key."""
        return self._items(
            "query",
            KeyConditionExpression="machine_id = :machine",
            ExpressionAttributeValues={":machine": {"S": machine_id}},
        )

    def _items(self, operation: Literal["scan", "query"] = "scan", **chosen: Any) -> Iterator[Item]:  # noqa: ANN401 - the SDK's arguments
        """Yield the items of the table; `chosen` restricts them."""
        pages = self._client.get_paginator(operation).paginate(TableName=self._table, ConsistentRead=True, **chosen)
        return (item for page in pages for item in page["Items"])

    def _decoded(self, items: Iterable[Item], on_damaged: OnDamaged) -> Iterator[Record]:
        """Yield the record of each item; damaged ones go to `on_damaged`."""
        for item in items:
            try:
                yield self.decode(item)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                named = tuple(str(item[key].get("S", "")) for key in self.keys)
                problem = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
                on_damaged(DamagedItem(self._table, named, problem, json.dumps(item, sort_keys=True, default=str)))

    def _written(self, write: Callable[..., Any], **arguments: Any) -> Mapping[str, Any] | None:  # noqa: ANN401 - the SDK's arguments
        """Make a conditional write; returns its answer, or None if the condition fails."""
        try:
            return write(TableName=self._table, **arguments)
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
