"""DynamoDB in memory: items, conditions, and reads that may be stale where nobody asked for consistent ones."""

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import cache
from operator import itemgetter
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeAlias

from tests.properties.reliability.calls import ConditionalCheckFailedException, perform

Item: TypeAlias = dict[str, dict[str, Any]]
Values: TypeAlias = Mapping[str, Mapping[str, Any]]
Condition: TypeAlias = Callable[[Item, Values], bool]

KEYS = {
    "machine-state": ("machine_id",),
    "label-history": ("machine_id", "event_timestamp"),
    "realtime-features": ("machine_id",),
    "predictions": ("machine_id",),
    "alarms": ("machine_id", "alarm"),
    "machines": ("machine_id",),
}
_TOKEN = re.compile(r"\s*(attribute_not_exists|attribute_exists|<>|[()<=]|:?\w+)")
_ASSIGNMENT = re.compile(r"(\w+) = (?:(if_not_exists)\(\1, )?(:\w+)\)?(?:, |$)")


class Written(NamedTuple):
    """One item that was written; `old` is what it replaced."""

    table: str
    item: Item
    old: Item | None
    assigned: frozenset[str] = frozenset()


class Tables:
    """The tables of a stack. `watchers` are called with every write that took effect, after it did."""

    exceptions = SimpleNamespace(ConditionalCheckFailedException=ConditionalCheckFailedException)

    def __init__(self) -> None:
        self.items: dict[str, dict[tuple[str, ...], Item]] = {table: {} for table in KEYS}
        self.watchers: list[Callable[[Written], None]] = []
        self._before: dict[str, dict[tuple[str, ...], Item | None]] = {table: {} for table in KEYS}

    def put_item(self, *, TableName: str, Item: Item, **condition: Any) -> dict[str, Any]:  # noqa: N803
        return perform("PutItem", lambda: self._write("PutItem", TableName, Item, Item, condition), TableName)

    def update_item(self, *, TableName: str, Key: Item, UpdateExpression: str, **condition: Any) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            old = self.items[TableName].get(_key(TableName, Key), {})
            assigned = {
                name: condition["ExpressionAttributeValues"][value]
                for name, only_once, value in _assignments(_named(UpdateExpression, condition))
                if not (only_once and name in old)
            }
            removed = _removed(_named(UpdateExpression, condition))
            kept = {name: value for name, value in old.items() if name not in removed}
            self._write("UpdateItem", TableName, Key, {**kept, **Key, **assigned}, condition, frozenset(assigned))
            return {"Attributes": old} if condition.get("ReturnValues") == "ALL_OLD" and old else {}

        return perform("UpdateItem", effect, TableName)

    def delete_item(self, *, TableName: str, Key: Item) -> None:  # noqa: N803  boto3's names
        perform("DeleteItem", lambda: self.items[TableName].pop(_key(TableName, Key), None))

    def get_item(self, *, TableName: str, Key: Item, ConsistentRead: bool = False) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            key = _key(TableName, Key)
            stale = not ConsistentRead and key in self._before[TableName]
            item = self._before[TableName][key] if stale else self.items[TableName].get(key)
            return {"Item": item} if item is not None else {}

        return perform("GetItem", effect)

    def get_paginator(self, operation: str) -> SimpleNamespace:
        """`scan` and `query` of one partition key, consistent, in one page."""

        def paginate(*, TableName: str, **condition: Any) -> list[dict[str, Any]]:  # noqa: N803  boto3's name
            asked = next(iter(condition.get("ExpressionAttributeValues", {}).values()), None)
            held = sorted(self.items[TableName].items(), key=itemgetter(0))
            if "FilterExpression" in condition:
                assert condition["FilterExpression"] == "begins_with(alarm, :source)", "unknown to this fake"
                return [{"Items": [item for key, item in held if key[1].startswith(asked["S"])]}]
            return [{"Items": [item for key, item in held if asked is None or asked == {"S": key[0]}]}]

        return SimpleNamespace(
            paginate=lambda **request: perform(operation.title(), lambda: paginate(**request)),
        )

    def _write(
        self,
        operation: str,
        table: str,
        key: Item,
        item: Item,
        condition: Mapping[str, Any],
        assigned: frozenset[str] = frozenset(),
    ) -> dict[str, Any]:
        at = _key(table, key)
        old = self.items[table].get(at)
        if "ConditionExpression" in condition:
            holds = _condition(_named(condition["ConditionExpression"], condition))
            if not holds(old or {}, condition.get("ExpressionAttributeValues", {})):
                raise ConditionalCheckFailedException(operation)
        self._before[table][at] = old
        self.items[table][at] = item
        for watch in self.watchers:
            watch(Written(table, item, old, assigned))
        return {}


def _key(table: str, item: Item) -> tuple[str, ...]:
    return tuple(item[name]["S"] for name in KEYS[table])


def _named(expression: str, condition: Mapping[str, Any]) -> str:
    """The expression with the names that its placeholders stand for."""
    names = condition.get("ExpressionAttributeNames", {})
    return re.sub(r"#\w+", lambda placeholder: names[placeholder[0]], expression)


@cache
def _assignments(expression: str) -> tuple[tuple[str, str, str], ...]:
    """Read what an update sets: the name, whether only where it is not set yet, and the value's placeholder."""
    verb, _, assignments = expression.partition(" REMOVE ")[0].partition(" ")
    found = list(_ASSIGNMENT.finditer(assignments))
    known = "".join(match[0] for match in found) == assignments
    assert verb == "SET" and known, f"unknown to this fake: {expression}"  # noqa: PT018  one fact
    return tuple((match[1], match[2] or "", match[3]) for match in found)


def _removed(expression: str) -> list[str]:
    """The names that an update removes."""
    names = expression.partition(" REMOVE ")[2]
    return names.split(", ") if names else []


@cache
def _condition(expression: str) -> Condition:
    """Read a condition of the grammar that the stores use: comparisons, attribute functions, AND, OR, parentheses."""
    tokens = _TOKEN.findall(expression)
    assert "".join(tokens) == re.sub(r"\s", "", expression), f"unknown to this fake: {expression}"
    condition = _either(tokens)
    assert not tokens, f"unknown to this fake: {tokens} in {expression}"
    return condition


def _either(tokens: list[str]) -> Condition:
    return _joined(tokens, "OR", _both, any)


def _both(tokens: list[str]) -> Condition:
    return _joined(tokens, "AND", _term, all)


def _joined(
    tokens: list[str], word: str, part: Callable[[list[str]], Condition], holds: Callable[[Iterable[bool]], bool]
) -> Condition:
    parts = [part(tokens)]
    while tokens[:1] == [word]:
        tokens.pop(0)
        parts.append(part(tokens))
    return lambda item, values: holds(each(item, values) for each in parts)


def _term(tokens: list[str]) -> Condition:
    first = tokens.pop(0)
    if first == "(":
        inner = _either(tokens)
        assert tokens.pop(0) == ")"
        return inner
    if first in {"attribute_exists", "attribute_not_exists"}:
        _, name, _ = tokens.pop(0), tokens.pop(0), tokens.pop(0)
        return lambda item, _: (name in item) == (first == "attribute_exists")
    comparison, value = tokens.pop(0), tokens.pop(0)
    if comparison == "<>":  # holds of an attribute that is not there, too
        return lambda item, values: item.get(first) != values[value]
    return lambda item, values: first in item and _compared(comparison, item[first], values[value])


def _compared(comparison: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    if left.keys() != right.keys():
        return False
    ((kind, a),), ((_, b),) = left.items(), right.items()
    if kind == "N":
        a, b = Decimal(a), Decimal(b)
    return a < b if comparison == "<" else a == b
