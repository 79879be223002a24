"""AWS IoT in memory: a published message goes through the topic rules that the Pulumi program makes."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

from tests.properties.reliability.calls import perform
from tests.properties.reliability.queues import Queue

_SQL = re.compile(r"SELECT (?P<fields>.+) FROM '(?P<filter>[^']+)'(?: WHERE (?P<where>.+))?")
_WHERE = re.compile(r"NOT regexp_matches\(topic\(\), '(?P<pattern>[^']+)'\)")
_FIELDS = re.compile(r"(encode\(\*, 'base64'\)|topic\(\)|timestamp\(\)) AS (\w+)(?:, |$)")


class Rule(NamedTuple):
    """One topic rule, read from its SQL; no `fields` stand for `SELECT *`."""

    fields: tuple[tuple[str, str], ...]
    topics: re.Pattern[str]
    but: re.Pattern[str] | None
    queue: str
    error_queue: str

    def takes(self, topic: str) -> bool:
        """Whether the rule is for messages of this topic."""
        return bool(self.topics.fullmatch(topic)) and not (self.but and self.but.search(topic))

    def selected(self, topic: str, payload: bytes, now_ms: int) -> str | None:
        """The body that the rule makes of a message; None where it can make none."""
        if not self.fields:
            try:
                return json.dumps(json.loads(payload))
            except ValueError:
                return None
        values = {"encode(*, 'base64')": b64encode(payload).decode(), "topic()": topic, "timestamp()": now_ms}
        return json.dumps({name: values[expression] for expression, name in self.fields})


@cache
def read_rule(sql: str, queue: str, error_queue: str) -> Rule:
    """Read a rule's SQL; what AWS IoT knows and this fake does not is an error."""
    match = _SQL.fullmatch(sql)
    assert match, f"unknown to this fake: {sql}"
    fields = tuple(_FIELDS.findall(match["fields"]))
    assert match["fields"] == "*" or fields, f"unknown to this fake: {sql}"
    where = _WHERE.fullmatch(match["where"]) if match["where"] else None
    assert bool(where) == bool(match["where"]), f"unknown to this fake: {sql}"
    levels = re.escape(match["filter"]).replace(r"\+", "[^/]*").replace(r"\#", ".*").replace("#", ".*")
    return Rule(
        fields, re.compile(levels, re.DOTALL), re.compile(where["pattern"]) if where else None, queue, error_queue
    )


class Broker:
    """Takes messages as the iot-data client does, and sends them to queues as the rules say."""

    def __init__(self, rules: Iterable[Rule], queues: Mapping[str, Queue]) -> None:
        self._rules = tuple(rules)
        self._queues = queues
        self.published: list[tuple[str, bytes]] = []
        self.now_ms = 0

    def publish(self, *, topic: str, qos: int, payload: bytes) -> dict[str, Any]:
        """Take a message from a client of the SDK; with quality of service 0 nobody would know whether it arrived."""
        assert qos == 1

        def effect() -> dict[str, Any]:
            self.published.append((topic, payload))
            self.route(topic, payload)
            return {}

        return perform("Publish", effect)

    def route(self, topic: str, payload: bytes, *, rule_fails: bool = False) -> list[tuple[str, str]]:
        """Send a message on; returns (queue, id) of what it has become. A rule that fails does its error action."""
        sent: list[tuple[str, str]] = []
        for rule in self._rules:
            if not rule.takes(topic):
                continue
            body = None if rule_fails else rule.selected(topic, payload, self.now_ms)
            queue = rule.queue if body is not None else rule.error_queue
            sent.append((queue, self._queues[queue].send(body or _error(topic, payload), self.now_ms)))
        return sent


def _error(topic: str, payload: bytes) -> str:
    """What AWS IoT gives to an error action."""
    return json.dumps(
        {
            "ruleName": "rule",
            "topic": topic,
            "cloudwatchTraceId": "trace",
            "clientId": "client",
            "base64OriginalPayload": b64encode(payload).decode(),
            "failures": [{"failedAction": "SqsAction", "failedResource": "queue", "errorMessage": "unavailable"}],
        }
    )
