"""Items of tables that cannot be read: named and passed over, so that one of them hides no other machine."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from aws_lambda_powertools import Logger

from mlops_core.errors import MlopsError

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

logger = Logger(child=True)

Record = TypeVar("Record")
Item: TypeAlias = Mapping[str, Any]


class DamagedItem(NamedTuple):
    """An item that is not what this program writes: its table, the values of its keys, what is wrong, and itself."""

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


def scanned(client: "DynamoDBClient", table: str, **chosen: Any) -> Iterator[Item]:  # noqa: ANN401 - the SDK's arguments
    """Yield the items of a table, as strongly consistent reads find them; `chosen` restricts them."""
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True, **chosen)
    return (item for page in pages for item in page["Items"])


def readable(
    items: Iterable[Item], decode: Callable[[Any], Record], *, table: str, keys: tuple[str, ...], on_damaged: OnDamaged
) -> Iterator[Record]:
    """Yield what `decode` makes of each item; what it cannot make anything of goes to `on_damaged`.

    keys: the names of the table's key attributes.
    """
    for item in items:
        try:
            yield decode(item)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            named = tuple(str(item[key].get("S", "")) for key in keys)
            problem = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            on_damaged(DamagedItem(table, named, problem, json.dumps(item, sort_keys=True, default=str)))
